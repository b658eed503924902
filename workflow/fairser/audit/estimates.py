"""From decisions and groups to numbers: as measured, by resample, and by chance.

All numbers follow from counts by unit (speaker), group and class, which add up. A resample draws
as many units as there are, with replacement; a permutation shuffles the groups among them. Both
are vectors of weights, so all of them together are a matrix product.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairser.audit.decisions import Decisions
from fairser.audit.grouping import Attribute, Units
from fairser.core.text import SIGNIFICANT
from fairser.evaluation.bootstrap import draw_weights
from fairser.evaluation.metrics import Floats, group_counts

CHUNK = 8_000_000  # numbers in a part of the weights: 64 MB
FEWEST = 5  # units: with fewer there is no interval and no test
POWER = 0.8
ALL = "all clips"


@dataclass(frozen=True)
class GroupCounts:
    """Counts of one attribute's clips, positives, predicted and hits.

    ``table`` has them by unit, group and class [S, G, C, 4]; ``resampled`` by group and class, as
    measured and by resample [1 + R, G, C, 4].
    """

    attribute: Attribute
    table: Floats
    resampled: Floats

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Units of each group [G]."""
        return (self.table[:, :, 0, 0] > 0).sum(axis=0)

    def units(self, rate: str) -> NDArray[np.int64]:
        """Units [G, C] that have clips which the rate counts: positives for ``tpr`` and so on."""
        clips, true = self.table[..., 0], self.table[..., 1]
        asked = {"tpr": true, "ppr": clips, "fpr": clips - true, "f1": clips}[rate]
        return (asked > 0).sum(axis=0)


def count(
    decisions: Decisions, attributes: list[Attribute], units: Units, resamples: int, seed: int
) -> list[GroupCounts]:
    """Counts over all clips (one group, :data:`ALL`), then by attribute.

    Each of the R resamples draws ``units``, the same ones for all attributes.
    """
    everyone = Attribute("", (ALL,), np.zeros(len(decisions.truth), np.int64))
    every = [everyone, *attributes]
    tables = []
    for one in every:
        groups = len(one.groups)
        cell = np.where(one.index < 0, -1, units.index * groups + one.index)
        table = group_counts(decisions.truth, decisions.predicted, cell, units.count * groups)
        tables.append(table.reshape(units.count, groups, *table.shape[1:]))
    whole = np.concatenate(tables, axis=1)
    generator = np.random.default_rng([seed, 0])
    drawn = (draw_weights(generator, units.count, n) for n in _parts(resamples, units.count))
    resampled = np.concatenate([whole.sum(axis=0, keepdims=True), _weighted(drawn, whole)])
    ends = np.cumsum([len(one.groups) for one in every])[:-1]
    return list(map(GroupCounts, every, tables, np.split(resampled, ends, axis=1)))


def permute(table: Floats, permutations: int, seed: list[int]) -> Floats:
    """Counts [R, G, C, 4] of groups that are shuffled among the units.

    Every group keeps its number of units, every unit its clips. Units without a known group are
    left out. All counts are NaN where a unit has clips in two groups: groups of clips can't be
    shuffled among speakers.

    ``table`` has the counts [S, G, C, 4] by unit and group.
    """
    member = table[:, :, 0, 0] > 0
    if (member.sum(axis=1) > 1).any():
        return np.full((permutations, *table.shape[1:]), np.nan)
    known = member.any(axis=1)
    group = member[known].argmax(axis=1)
    numbers = np.arange(table.shape[1])[:, None]
    generator = np.random.default_rng(seed)
    shuffled = (
        generator.permuted(np.tile(group, (n, 1)), axis=1)[:, None, :] == numbers
        for n in _parts(permutations, len(group) * len(numbers))
    )
    return _weighted(shuffled, table[known].sum(axis=1))


def _parts(total: int, width: int) -> list[int]:
    """Sizes of parts of so many rows of a width that each stay below :data:`CHUNK` numbers."""
    size = max(1, CHUNK // width)
    return [min(size, total - start) for start in range(0, total, size)]


def _weighted(weights: Iterable[NDArray[Any]], table: Floats) -> Floats:
    """Sums [R, ..., C, 4] of counts [S, ..., C, 4] with weights [R, ..., S] in parts."""
    return np.concatenate([np.tensordot(w.astype(np.float64), table, axes=1) for w in weights])


def chance_p(measured: float, permuted: Floats) -> float:
    """Share of permutations with a gap at least as large; the data count as one more."""
    found = permuted[~np.isnan(permuted)]
    if np.isnan(measured) or not found.size:
        return float("nan")
    # A permutation that only swaps the names gives the same gap but for rounding.
    as_large = (found >= measured - 1e-12).sum()
    return float((as_large + 1) / (found.size + 1))


def standard_error(both: Floats, units: tuple[int, int]) -> float:
    """Standard error of the difference of two rates; NaN with fewer units than :data:`FEWEST`.

    The bootstrap variance is scaled by n / (n - 1), as it divides by n. A rate that is the same in
    all resamples, as 0 or 1 can be, would have no variance: its units get that of the other
    group's. Where that is zero too, the rate gets the variance of a share with two more units, one
    of either kind (after Agresti and Caffo, 2000).

    ``both`` has the two rates as measured and by resample [1 + R, 2]; ``units`` are the n of the
    two groups that have such clips.
    """
    found = both[1:][~np.isnan(both[1:]).any(axis=1)]
    smaller = min(units)
    if smaller < FEWEST or len(found) < 2:
        return float("nan")
    difference = found[:, 0] - found[:, 1]
    variance = difference.var(ddof=1) * smaller / (smaller - 1)
    spread = found.var(axis=0, ddof=1)
    for mine, other in ((0, 1), (1, 0)):
        if np.ptp(found[:, mine]) == 0:
            n = units[mine]
            share = (both[0, mine] * n + 1) / (n + 2)
            alone = share * (1 - share) / (n + 2)
            variance += spread[other] * units[other] / n if np.ptp(found[:, other]) else alone
    return float(np.sqrt(variance))


def difference_p(difference: float, error: float, units: int) -> float:
    """Two-sided p-value of a difference of rates: Student's t, n - 1 degrees of freedom.

    A share of the resamples could not go below 1 / R, which is too large for a correction for
    hundreds of differences; with few speakers it is also too small.

    ``error`` is the standard error of the difference, ``units`` are the n of the smaller group.
    """
    from scipy.special import stdtr

    if error == 0:
        return 1.0 if difference == 0 else float("nan")
    return float(2 * stdtr(units - 1, -abs(difference) / error))


def smallest_detected(error: float, units: int, tests: int) -> float:
    """The difference that Holm's first step of so many tests detects with :data:`POWER`.

    ``error`` and ``units`` are those of :func:`difference_p`.
    """
    from scipy.special import stdtrit

    level = 1 - SIGNIFICANT / 2 / tests
    return float(error * stdtrit(units - 1, [level, POWER]).sum())
