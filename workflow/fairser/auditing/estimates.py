"""From decisions and groups to numbers: as measured, by resample, and by chance.

All numbers follow from counts by unit (speaker), group and class, which add up.
:mod:`fairser.evaluation.resampling` draws the units and shuffles the groups.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairser.auditing.decisions import Decisions
from fairser.auditing.grouping import Attribute, Units
from fairser.core.text import SIGNIFICANT
from fairser.evaluation.metrics import Floats, group_counts
from fairser.evaluation.resampling import FEWEST, Support, resample, shuffle

POWER = 0.8
ALL = "all clips"


@dataclass(frozen=True)
class GroupCounts:
    """Counts of one attribute's clips, positives, predicted and hits.

    ``table`` has them by unit, group and class [S, G, C, 4]; ``resampled`` by group and class, as
    measured and by resample [1 + R, G, C, 4]; ``shuffled`` by permutation [R, G, C, 4]. ``known``
    says which units count as people [S].
    """

    attribute: Attribute
    table: Floats
    resampled: Floats
    shuffled: Floats
    known: NDArray[np.bool_]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Units of each group [G]."""
        return (self.table[self.known, :, 0, 0] > 0).sum(axis=0)

    def units(self, rate: str) -> NDArray[np.int64]:
        """Units [G, C] that have clips which the rate counts: positives for ``tpr`` and so on."""
        clips, true, called = (self.table[self.known, ..., column] for column in range(3))
        asked = {"tpr": true, "ppr": clips, "fpr": clips - true, "precision": called, "f1": clips}
        return (asked[rate] > 0).sum(axis=0)


def count(
    decisions: Decisions, attributes: list[Attribute], units: Units, resamples: int, seed: int
) -> list[GroupCounts]:
    """Counts over all clips (one group, :data:`ALL`), then by attribute.

    R is the number of resamples, and of permutations.
    """
    everyone = Attribute("", (ALL,), np.zeros(len(decisions.truth), np.int64))
    found = []
    for number, one in enumerate([everyone, *attributes]):
        groups = len(one.groups)
        cell = np.where(one.index < 0, -1, units.index * groups + one.index)
        table = group_counts(decisions.truth, decisions.predicted, cell, units.count * groups)
        table = table.reshape(units.count, groups, *table.shape[1:])
        generator = np.random.default_rng([seed, number])
        drawn = [function(table, resamples, generator) for function in (resample, shuffle)]
        found.append(GroupCounts(one, table, drawn[0], drawn[1], units.known))
    return found


def support(units: int) -> Support:
    """The support of a number that rests on so many units."""
    return Support(units, units - 1)


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
    variance = difference.var(ddof=1) * support(smaller).variance_factor
    spread = found.var(axis=0, ddof=1)
    for mine, other in ((0, 1), (1, 0)):
        if np.ptp(found[:, mine]) == 0:
            n = units[mine]
            share = (both[0, mine] * n + 1) / (n + 2)
            alone = share * (1 - share) / (n + 2)
            variance += spread[other] * units[other] / n if np.ptp(found[:, other]) else alone
    return float(np.sqrt(variance))


def smallest_detected(error: float, units: int, tests: int) -> float:
    """The difference that Holm's first step of so many tests detects with :data:`POWER`.

    ``error`` and ``units`` are those of :func:`standard_error`; of two groups, the smaller one's.
    """
    from scipy.special import stdtrit

    level = 1 - SIGNIFICANT / 2 / tests
    return float(error * stdtrit(units - 1, [level, POWER]).sum())
