"""The statistics that tables, comparisons and audits share, all of them over speakers.

Clips of a speaker are alike, so speakers are drawn, not clips. A gap draws them within its groups,
so that no resample loses one. With few speakers a bootstrap is too sure of itself: its variance
lacks the factor n / (n - 1), and its quantiles are those of a normal distribution. Intervals and
p-values correct both with Student's t (the expanded percentile interval of Hesterberg 2015,
doi:10.1080/00031305.2015.1089789). With fewer than :data:`FEWEST` speakers in a group there is
neither.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairser.core.text import FEWEST
from fairser.evaluation.metrics import Floats

LEVEL = 0.95
PART = 8_000_000  # numbers of weights that are in memory at once: 64 MB
NAN = float("nan")


@dataclass(frozen=True, order=True)
class Support:
    """On how many speakers a number rests.

    Attributes:
        smallest: speakers of the smallest group, in the fold that has the fewest.
        freedom: degrees of freedom: speakers less one, summed over the folds, of the group that
            has the fewest.
    """

    smallest: int
    freedom: int

    @property
    def is_enough(self) -> bool:
        """Whether the number can have an interval and a test."""
        return self.smallest >= FEWEST

    @property
    def variance_factor(self) -> float:
        """n / (n - 1), which the variance of a bootstrap lacks."""
        return self.smallest / (self.smallest - 1)


def strata(table: Floats) -> NDArray[np.int64]:
    """Within what each speaker is drawn [S]: the number of its group, G for one without a group.

    Where a speaker has clips in several groups, all are drawn together.

    Args:
        table: counts [S, G, C, 4] by speaker, group and class; the first count is of clips.
    """
    member = table[:, :, 0, 0] > 0
    if (member.sum(axis=1) > 1).any():
        return np.zeros(len(table), np.int64)
    return np.where(member.any(axis=1), member.argmax(axis=1), table.shape[1])


def draw(
    generator: np.random.Generator, within: NDArray[np.int64], resamples: int
) -> Iterator[NDArray[np.int64]]:
    """Times [R, S] that each speaker counts when as many as there are are drawn in each stratum.

    They come in parts of the R resamples, which do not change the numbers.
    """
    members = [np.flatnonzero(within == stratum) for stratum in np.unique(within)]
    streams = generator.spawn(len(members))
    for size in _parts(resamples, len(within)):
        times = np.zeros((size, len(within)), np.int64)
        for stream, places in zip(streams, members, strict=True):
            shares = np.full(len(places), 1 / len(places))
            times[:, places] = stream.multinomial(len(places), shares, size=size)
        yield times


def resample(
    table: Floats,
    resamples: int,
    generator: np.random.Generator,
    of: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """Counts [1 + R, G, C, 4]: as measured, then with the speakers of each group drawn anew.

    Args:
        table: counts [S, G, C, 4] by speaker and group; more sums may follow the four.
        resamples: R.
        generator: of the draws.
        of: what to return of the counts [r, G, C, 4] of r resamples, [r, ...]; None: themselves.
    """
    measured = table.sum(axis=0, keepdims=True)
    drawn = _weighted(draw(generator, strata(table), resamples), table, of)
    return np.concatenate([of(measured) if of else measured, drawn])


def shuffle(
    table: Floats,
    permutations: int,
    generator: np.random.Generator,
    of: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """Counts [P, G, C, 4] of groups that are shuffled among the speakers.

    Every group keeps its number of speakers, every speaker its clips; speakers without a group
    are left out. All counts are NaN where a speaker has clips in two groups: groups of clips can't
    be shuffled among speakers.

    Args:
        table: counts [S, G, C, 4] by speaker and group; more sums may follow the four.
        permutations: P.
        generator: of the draws.
        of: as for :func:`resample`.
    """
    member = table[:, :, 0, 0] > 0
    if (member.sum(axis=1) > 1).any():
        none = np.full((1, *table.shape[1:]), NAN)
        return np.repeat(of(none) if of else none, permutations, axis=0)
    known = member.any(axis=1)
    group = member[known].argmax(axis=1)
    numbers = np.arange(table.shape[1])[:, None]
    shuffled = (
        generator.permuted(np.tile(group, (n, 1)), axis=1)[:, None, :] == numbers
        for n in _parts(permutations, len(group) * len(numbers))
    )
    return _weighted(shuffled, table[known].sum(axis=1), of)


def _parts(total: int, width: int) -> list[int]:
    """Sizes of parts of so many rows of a width that each stay below :data:`PART` numbers."""
    size = max(1, PART // max(1, width))
    return [min(size, total - start) for start in range(0, total, size)]


def _weighted(
    weights: Iterable[NDArray[Any]], table: Floats, of: Callable[[Floats], Floats] | None
) -> Floats:
    """Sums [R, ..., C, 4] of counts [S, ..., C, 4] with weights [R, ..., S] in parts."""
    found = []
    for part in weights:
        step = len(part)
        if of:
            groups = math.prod(part.shape[1:-1])
            step = max(1, PART // 8 // (groups * table[0].size))
        for start in range(0, len(part), step):
            w = part[start : start + step].astype(np.float64)
            sums = np.tensordot(w, table, axes=1)
            found.append(of(sums) if of else sums)
    return np.concatenate(found)


def interval(
    value: float, resampled: Floats, support: Support, signed: bool = False
) -> tuple[float, float]:
    """Expanded percentile interval of 95 % over the resamples [R], shifted by their bias.

    A gap is a difference of extremes, which drawing speakers anew widens: the resamples lie
    above the measured gap on average. The shift removes this bias and keeps their spread.

    Args:
        value: as measured; without it, or with too few speakers, both ends are NaN.
        resampled: by resample; NaN where the value does not exist.
        support: the speakers behind it.
        signed: whether the number can be negative.
    """
    from scipy.special import ndtr, stdtrit

    found = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not found.size or not support.is_enough:
        return NAN, NAN
    wide = support.variance_factor**0.5 * stdtrit(support.freedom, (1 + LEVEL) / 2)
    low, high = np.quantile(found, [ndtr(-wide), ndtr(wide)]) - (found.mean() - value)
    return float(low if signed else max(low, 0.0)), float(high)


def t_test(difference: float, error: float, freedom: float) -> float:
    """Two-sided p-value of a difference by its standard error and Student's t.

    A share of the resamples could not go below 1 / R, which is too large for a correction for
    many differences; with few speakers it is also too small.
    """
    from scipy.special import stdtr

    if error == 0:
        return 1.0 if difference == 0 else NAN
    return float(2 * stdtr(freedom, -abs(difference) / error))
