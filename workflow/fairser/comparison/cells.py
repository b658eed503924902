"""One cell of two results folders: each metric, its difference, and the noise of both kinds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fairser.comparison.stored_runs import StoredRun, folds_of
from fairser.evaluation.bootstrap import LEVEL, Bootstrap, Estimate, Gap, estimate, p_value
from fairser.evaluation.metrics import Floats
from fairser.llm.measures import ALL
from fairser.llm.tables import Resamples

Values = Callable[[StoredRun], dict[str, Floats]]


def values_of(study: str, gaps: dict[str, Gap], resamples: int, seed: int) -> Values:
    """Metrics of a run under the data as they are and under each resample, [1 + R] each."""
    if study == "minmaxgap":
        drawn = Resamples(resamples, seed)
        return lambda run: drawn.values(run, ALL)
    return Bootstrap(resamples, seed, gaps).values


def compare_cell(
    one: Sequence[StoredRun],
    other: Sequence[StoredRun],
    paired: Values,
    independent: Values,
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of a cell in the table of :func:`fairser.comparison.comparing.compare`, without keys.

    Values in b are ``independent`` where a fold has other test speakers than in a.
    """
    folds = folds_of(one) & folds_of(other)
    one, other = ([run for run in runs if run.fold in folds] for runs in (one, other))
    speakers = {run.fold: run.speakers for run in one}
    mixed = {r.fold for r in (*one, *other) if r.speakers != speakers[r.fold]}
    ours = {run: paired(run) for run in one}
    theirs = {run: (independent if run.fold in mixed else paired)(run) for run in other}
    same = {
        "folds": len(folds),
        "a_seeds": len({run.seed for run in one}),
        "b_seeds": len({run.seed for run in other}),
        "paired": len(folds - mixed),
    }
    rows = []
    for name in metrics:
        a, b = (
            estimate(values, {run: found[name] for run, found in values.items()})
            for values in (ours, theirs)
        )
        value, resampled = b.value - a.value, b.resampled - a.resampled
        low, high = Estimate(value, np.nan, np.nan, resampled, signed=True).interval
        margin, p_training = training_noise((a, b), (one, other))
        row = {"metric": name, "a": a.value, "b": b.value, "difference": value}
        row |= {"low": low, "high": high, "p_value": np.nan if np.isnan(value) else p_value(b, a)}
        row |= {"a_seed_std": a.seed_std, "b_seed_std": b.seed_std}
        rows.append(row | {"seed_margin": margin, "p_training": p_training} | same)
    return rows


def training_noise(
    estimates: tuple[Estimate, Estimate], runs: tuple[Sequence[StoredRun], Sequence[StoredRun]]
) -> tuple[float, float]:
    """Half the 95 % interval of a difference over trainings, and a two-sided p-value.

    Student's t with the spread over seeds. A folder with one seed gets the spread of the other;
    both numbers are NaN where both folders have one seed.
    """
    from scipy.stats import t

    known = [one.seed_std for one in estimates if one.seed_std == one.seed_std]
    if not known:
        return np.nan, np.nan
    # The mean over F folds of means over n seeds has the variance s^2 / (F n).
    spread = [one.seed_std if one.seed_std == one.seed_std else known[0] for one in estimates]
    error = sum(s**2 / len(part) for s, part in zip(spread, runs, strict=True)) ** 0.5
    freedom = sum(len(part) - len(folds_of(part)) for part in runs)
    margin = float(t.ppf((1 + LEVEL) / 2, freedom) * error)
    difference = abs(estimates[1].value - estimates[0].value)
    return margin, float(2 * t.sf(difference / error, freedom) if error else difference == 0)
