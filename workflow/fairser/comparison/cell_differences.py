"""One cell of two results folders: each metric, its difference, and the noise of both kinds."""

from collections.abc import Callable, Sequence
from typing import Any

from fairser.comparison.result_folders import StoredRun, folds_of
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
    columns: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of a cell in the table of :func:`fairser.comparison.comparing.compare`, without keys.

    Args:
        one: runs of the cell in a.
        other: runs of the cell in b, with a fold in common with those.
        paired: values of a run under the resamples that a and b share.
        independent: the same under resamples of its own, for folds with other test speakers.
        columns: metrics, a row each.
    """
    folds = folds_of(one) & folds_of(other)
    one, other = ([run for run in runs if run.counts.fold in folds] for runs in (one, other))
    speakers = {run.counts.fold: run.speakers for run in one}
    alike = {run.counts.fold: True for run in one}
    for run in [*one, *other]:
        alike[run.counts.fold] &= run.speakers == speakers[run.counts.fold]
    ours = {run.counts: paired(run) for run in one}
    theirs = {run.counts: (paired if alike[run.counts.fold] else independent)(run) for run in other}
    rows = []
    for name in columns:
        left, right = (
            estimate(values, {run: found[name] for run, found in values.items()})
            for values in (ours, theirs)
        )
        difference = Estimate(
            right.value - left.value,
            float("nan"),
            float("nan"),
            right.resampled - left.resampled,
            signed=True,
        )
        low, high = difference.interval
        exists = difference.value == difference.value
        margin, p_training = training_noise((left, right), (one, other))
        rows.append(
            {
                "metric": name,
                "a": left.value,
                "b": right.value,
                "difference": difference.value,
                "low": low,
                "high": high,
                "p_value": p_value(right, left) if exists else float("nan"),
                "a_seed_std": left.seed_std,
                "b_seed_std": right.seed_std,
                "seed_margin": margin,
                "p_training": p_training,
                "folds": len(folds),
                "a_seeds": len({run.counts.seed for run in one}),
                "b_seeds": len({run.counts.seed for run in other}),
                "paired": sum(alike.values()),
            }
        )
    return rows


def training_noise(
    estimates: tuple[Estimate, Estimate], runs: tuple[Sequence[StoredRun], Sequence[StoredRun]]
) -> tuple[float, float]:
    """A difference against other trainings: half its 95 % interval, and a two-sided p-value.

    Student's t with the spread over seeds. A folder with one seed is taken to have the spread of
    the other; both are NaN where both have one.

    Args:
        estimates: of a and b, means over folds of means over seeds.
        runs: that they are of.
    """
    from scipy.stats import t

    spread, error, freedom = [one.seed_std for one in estimates], 0.0, 0
    known = [value for value in spread if value == value]
    if not known:
        return float("nan"), float("nan")
    for found, part in zip(spread, runs, strict=True):
        # The mean over F folds of means over n seeds has the variance s^2 / (F n).
        error += (found if found == found else known[0]) ** 2 / len(part)
        freedom += len(part) - len(folds_of(part))
    margin = float(t.ppf((1 + LEVEL) / 2, freedom) * error**0.5)
    difference = abs(estimates[1].value - estimates[0].value)
    if not error:
        return margin, float(difference == 0)
    return margin, float(2 * t.sf(difference / error**0.5, freedom))
