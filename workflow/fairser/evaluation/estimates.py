"""Estimates of the tables: means over folds and seeds, with their uncertainty and chance level."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fairser.evaluation.bootstrap import RunCounts, Sample
from fairser.evaluation.metrics import Floats, class_mean, rms
from fairser.evaluation.resampling import LEVEL, NAN, Support, interval, t_test


@dataclass(frozen=True)
class Estimate:
    """A number of a table; NaN where it does not exist."""

    value: float  # mean over folds of the mean over the runs of a fold
    std: float  # sample standard deviation (ddof 1) over folds
    seed_std: float  # root mean square over folds of the sample standard deviation over seeds
    resampled: Floats  # the value by resample [R]
    support: Support  # speakers behind it
    by_run: Mapping[tuple[int, int], float] = field(default_factory=dict)  # by fold and seed
    permuted: Floats = field(default_factory=lambda: np.array([NAN]))  # a gap by permutation [R]
    signed: bool = False  # whether the number can be negative, as a gain can

    @cached_property
    def interval(self) -> tuple[float, float]:
        return interval(self.value, self.resampled, self.support, self.signed)

    @property
    def chance(self) -> float:
        """Mean of a gap whose groups are permuted; NaN where it is none or can't be permuted."""
        return float(class_mean(self.permuted))

    @property
    def chance_high(self) -> float:
        """What 95 % of these permutations do not exceed."""
        found = self.permuted[~np.isnan(self.permuted)]
        return float(np.quantile(found, LEVEL)) if found.size else NAN


def estimate(runs: Iterable[RunCounts], samples: Mapping[RunCounts, Sample]) -> Estimate:
    """One number from the runs of a table's row, which has any folds, seeds and methods.

    ``samples`` hold the number of each run.
    """
    by_fold: dict[int, dict[int, list[Sample]]] = {}
    for run in runs:
        by_fold.setdefault(run.fold, {}).setdefault(run.seed, []).append(samples[run])
    values, permuted, spreads = [], [], []
    by_run = {}
    for fold, part in by_fold.items():
        seeds = np.stack([_mean([one.values for one in found]) for found in part.values()])
        values.append(_mean(seeds))
        permuted.append(_mean([one.chance for found in part.values() for one in found]))
        spreads.append(_std(seeds[:, 0]))
        for seed, value in zip(part, seeds[:, 0], strict=True):
            by_run[fold, seed] = float(value)
    mean, spread = _mean(values), np.array(spreads)
    return Estimate(
        value=float(mean[0]),
        std=_std(np.array([value[0] for value in values])),
        seed_std=float(rms(spread[~np.isnan(spread)])),
        resampled=mean[1:],
        support=_support(
            [one for part in by_fold.values() for one in next(iter(part.values()))[:1]]
        ),
        by_run=by_run,
        permuted=_mean(permuted),
    )


def _mean(values: Any) -> Floats:
    return class_mean(np.stack(values), axis=0)


def _support(folds: Sequence[Sample]) -> Support:
    """The speakers behind a mean over folds; folds in which the number does not exist are out."""
    there = [one.speakers for one in folds if not np.isnan(one.values[0])]
    if not there:
        return Support(0, 0)
    groups = {name for speakers in there for name in speakers}
    freedom = [sum(speakers[g] - 1 for speakers in there if g in speakers) for g in groups]
    return Support(min(n for speakers in there for n in speakers.values()), min(freedom))


def _std(values: Floats) -> float:
    """Sample standard deviation of the values that exist; NaN for fewer than two."""
    found = values[~np.isnan(values)]
    return float(np.std(found, ddof=1)) if len(found) > 1 else NAN


def p_value(ours: Estimate, reference: Estimate) -> float:
    """Two-sided p-value of the difference to a reference with the same resamples.

    The difference has an error by the speakers, from the bootstrap. With several seeds it has
    another by the training, from the spread over the seeds of a fold. Both are independent, so
    their variances add up. Student's t has the degrees of freedom of the part that has fewer:
    Satterthwaite's would be too many where few seeds happen to agree. With one seed, the p-value
    speaks of other speakers, not of other trainings.
    """
    support = min(ours.support, reference.support)
    difference = ours.resampled - reference.resampled
    difference = difference[~np.isnan(difference)]
    if not support.is_enough or difference.size < 2:
        return NAN
    terms = [(float(difference.var(ddof=1)) * support.variance_factor, support.freedom)]
    terms += _seed_terms(ours.by_run, reference.by_run)
    variance, freedom = sum(value for value, _ in terms), min(degrees for _, degrees in terms)
    return t_test(ours.value - reference.value, variance**0.5, freedom)


def _seed_terms(
    ours: Mapping[tuple[int, int], float], reference: Mapping[tuple[int, int], float]
) -> list[tuple[float, int]]:
    """Variance by the seeds of a difference of means, with its degrees of freedom.

    The same folds and seeds are paired, as they share initial weights and batches. Of others, a
    side with one seed is taken to vary as the other does.
    """
    sides = [ours, reference]
    if ours.keys() == reference.keys():
        sides = [{place: ours[place] - reference[place] for place in ours}]
    folds = [_by_fold(side) for side in sides]
    spreads = [_spread(side) for side in folds]
    known = next((one for one in spreads if one[1]), None)
    if known is None:
        return []
    found = []
    for side, spread in zip(folds, spreads, strict=True):
        variance, degrees = spread if spread[1] else known
        shares = sum(1 / len(values) for values in side) / len(side) ** 2 if side else NAN
        found.append((variance * shares, degrees))
    return found


def _by_fold(values: Mapping[tuple[int, int], float]) -> list[Floats]:
    """Values over the seeds of each fold, where they exist."""
    folds: dict[int, list[float]] = {}
    for (fold, _), value in values.items():
        if not np.isnan(value):
            folds.setdefault(fold, []).append(value)
    return [np.array(found) for found in folds.values()]


def _spread(folds: Sequence[Floats]) -> tuple[float, int]:
    """Mean over folds of the variance over seeds, and its degrees of freedom, 0 with one seed."""
    several = [values for values in folds if len(values) > 1]
    degrees = sum(len(values) - 1 for values in several)
    return (float(np.mean([v.var(ddof=1) for v in several])), degrees) if several else (0.0, 0)


def holm(p_values: Sequence[float | None]) -> list[float]:
    """Holm's step-down correction of p-values; None and NaN become NaN and are not counted."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), NAN)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()
