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
        return lambda run: drawn.values(run.counts, ALL)
    bootstrap = Bootstrap(resamples, seed, gaps)
    return lambda run: bootstrap.values(run.counts)


def compare_cell(
    one: Sequence[StoredRun],
    other: Sequence[StoredRun],
    paired: Values,
    independent: Values,
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of a cell in the table of :func:`fairser.comparison.comparing.compare`, without keys.

    Args:
        one: runs of the cell in a.
        other: runs of the cell in b, with a fold in common with those.
        paired: values of a run under the resamples that a and b share.
        independent: the same under resamples of its own, for folds with other test speakers.
        metrics: their names, a row each.
    """
    folds = folds_of(one) & folds_of(other)
    one, other = ([run for run in runs if run.counts.fold in folds] for runs in (one, other))
    speakers = {run.counts.fold: run.speakers for run in one}
    mixed = {r.counts.fold for r in (*one, *other) if r.speakers != speakers[r.counts.fold]}
    ours = {run.counts: paired(run) for run in one}
    theirs = {r.counts: (independent if r.counts.fold in mixed else paired)(r) for r in other}
    same = {
        "folds": len(folds),
        "a_seeds": len({run.counts.seed for run in one}),
        "b_seeds": len({run.counts.seed for run in other}),
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

    Args:
        estimates: of a and b, means over folds of means over seeds.
        runs: that they are of.
    """
    from scipy.stats import t

    spread, error, freedom = [one.seed_std for one in estimates], 0.0, 0
    known = [value for value in spread if value == value]
    if not known:
        return np.nan, np.nan
    for found, part in zip(spread, runs, strict=True):
        # The mean over F folds of means over n seeds has the variance s^2 / (F n).
        error += (found if found == found else known[0]) ** 2 / len(part)
        freedom += len(part) - len(folds_of(part))
    margin = float(t.ppf((1 + LEVEL) / 2, freedom) * error**0.5)
    difference = abs(estimates[1].value - estimates[0].value)
    if not error:
        return margin, float(difference == 0)
    return margin, float(2 * t.sf(difference / error**0.5, freedom))
