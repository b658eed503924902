"""One cell of two results folders: each metric, its difference, and the noise of both kinds."""

from collections.abc import Callable, Sequence
from typing import Any

from fairser.comparison.stored_runs import StoredRun, folds_of
from fairser.evaluation.bootstrap import Bootstrap, Gap, Sample
from fairser.evaluation.estimates import estimate, p_value
from fairser.evaluation.resampling import interval
from fairser.llm.measures import ALL
from fairser.llm.tables import Resamples

Samples = Callable[[StoredRun], dict[str, Sample]]


def samples_of(study: str, gaps: dict[str, Gap], resamples: int, seed: int) -> Samples:
    """Metrics of a run under the data as they are and under each resample."""
    if study == "minmaxgap":
        drawn = Resamples(resamples, seed)
        return lambda run: drawn.samples(run, ALL)
    return Bootstrap(resamples, seed, gaps).samples


def compare_cell(
    one: Sequence[StoredRun],
    other: Sequence[StoredRun],
    paired: Samples,
    independent: Samples,
    metrics: Sequence[str],
) -> list[dict[str, Any]]:
    """Rows of a cell in the table of :func:`fairser.comparison.comparing.compare`, without keys.

    Samples of b are ``independent`` where a fold has other test speakers than in a.
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
        low, high = interval(value, resampled, min(a.support, b.support), signed=True)
        row = {"metric": name, "a": a.value, "b": b.value, "difference": value}
        row |= {"low": low, "high": high, "p_value": p_value(b, a)}
        rows.append(row | {"a_seed_std": a.seed_std, "b_seed_std": b.seed_std} | same)
    return rows
