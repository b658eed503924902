"""From decisions and groups to numbers: measured, by resample, and as chance would have them.

All numbers follow from counts by unit (speaker), group and class, which add up. A resample draws
as many units as there are, with replacement; a permutation deals the groups out anew among them.
Both are vectors of weights, so all of them together are a matrix product.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fairser.audit.decisions import Decisions
from fairser.audit.grouping import Attribute, Units
from fairser.evaluation import metrics
from fairser.evaluation.bootstrap import draw_weights
from fairser.evaluation.metrics import (
    Floats,
    class_gaps,
    class_mean,
    group_counts,
    rates,
    rms,
)

CHUNK = 8_000_000  # numbers in a part of the weights: 64 MB
FEWEST = 5  # units: below it nothing is said of other speakers than these


@dataclass(frozen=True)
class GroupCounts:
    """Counts of one attribute.

    Attributes:
        attribute: its groups.
        table: counts [S, G, C, 4] by unit, group and class: clips, positives, predicted, hits.
        resampled: counts [1 + R, G, C, 4]: as measured, then by resample.
        permuted: counts [R, G, C, 4] with the groups dealt out anew among the units; None where
            the attribute changes within a speaker.
    """

    attribute: Attribute
    table: Floats
    resampled: Floats
    permuted: Floats | None

    def units(self, rate: str) -> NDArray[np.int64]:
        """Units [G, C] that have clips which the rate counts: positives for ``tpr`` and so on."""
        clips, true = self.table[..., 0], self.table[..., 1]
        asked = {"tpr": true, "ppr": clips, "fpr": clips - true, "f1": clips}[rate]
        return (asked > 0).sum(axis=0)

    def gaps(self, rate: str) -> Iterator[tuple[str, int | None, Floats, Floats | None]]:
        """Variant, class (None for all), the gap [1 + R], and by permutation [R]."""
        measured = class_gaps(self.resampled, rate)
        chance = None if self.permuted is None else class_gaps(self.permuted, rate)
        for variant, values in measured.items():
            by_chance = None if chance is None else chance[variant]
            yield variant, None, rms(values), None if by_chance is None else rms(by_chance)
            for c in range(values.shape[-1]):
                yield variant, c, values[:, c], None if by_chance is None else by_chance[:, c]

    def differences(self, rate: str) -> Iterator[tuple[int, int, int, Floats]]:
        """Two groups, a class, and the rates [1 + R, 2] of the two."""
        by_group = rates(self.resampled)[rate]
        for one, other in combinations(range(len(self.attribute.groups)), 2):
            for c in range(by_group.shape[-1]):
                yield one, other, c, by_group[:, [one, other], c]


@dataclass(frozen=True)
class Counts:
    """All counts of an audit: ``total`` [1 + R, C, 4] over all clips, and those by attribute."""

    total: Floats
    attributes: list[GroupCounts]


def count(
    decisions: Decisions, attributes: list[Attribute], units: Units, resamples: int, seed: int
) -> Counts:
    """Count, resample and permute.

    Args:
        decisions: of N clips.
        attributes: their groups.
        units: what a resample draws.
        resamples: R, the number of resamples and of permutations.
        seed: of the draws; all attributes get the same resamples.
    """
    truth, predicted, classes = decisions.truth, decisions.predicted, len(decisions.classes)
    tables = []
    for groups, index in [(1, np.zeros(len(truth), np.int64))] + [
        (len(a.groups), a.index) for a in attributes
    ]:
        cell = np.where(index < 0, -1, units.index * groups + index)
        found = group_counts(truth, predicted, cell)
        table = np.zeros((units.count * groups, classes, 4))
        table[: len(found)] = found
        tables.append(table.reshape(units.count, groups, classes, 4))
    flat = [table.reshape(units.count, -1) for table in tables]
    summed = _resample(np.concatenate(flat, axis=1), resamples, seed)
    ends = np.cumsum([part.shape[1] for part in flat])[:-1]
    parts = [
        part.reshape(len(part), *table.shape[1:])
        for part, table in zip(np.split(summed, ends, axis=1), tables, strict=True)
    ]
    by_attribute = [
        GroupCounts(attribute, table, part, permute(table, resamples, [seed, number]))
        for number, (attribute, table, part) in enumerate(
            zip(attributes, tables[1:], parts[1:], strict=True), start=1
        )
    ]
    return Counts(parts[0][:, 0], by_attribute)


def _resample(table: Floats, resamples: int, seed: int) -> Floats:
    """Sums [1 + R, K] of a table [S, K]: of all units, then of those of each resample."""
    generator = np.random.default_rng([seed, 0])
    sums = [table.sum(axis=0, keepdims=True)]
    for part in _parts(resamples, len(table)):
        sums.append(draw_weights(generator, len(table), part).astype(np.float64) @ table)
    return np.concatenate(sums)


def permute(table: Floats, permutations: int, seed: list[int]) -> Floats | None:
    """Counts [R, G, C, 4] of groups that are dealt out anew among the units.

    Every group keeps its number of units, every unit its clips. Units whose group is unknown stay
    out, as do their counts.

    Args:
        table: counts [S, G, C, 4] by unit and group.
        permutations: R.
        seed: of the draws.

    Returns:
        None where a unit has clips in two groups: then there is nothing to deal out.
    """
    member = table[:, :, 0, 0] > 0
    if (member.sum(axis=1) > 1).any():
        return None
    known = member.any(axis=1)
    group = member[known].argmax(axis=1)
    groups, classes = table.shape[1], table.shape[2]
    flat = table[known].sum(axis=1).reshape(len(group), -1)
    generator = np.random.default_rng(seed)
    found = []
    for part in _parts(permutations, len(group) * groups):
        dealt = generator.permuted(np.tile(group, (part, 1)), axis=1)
        weights = dealt[:, None, :] == np.arange(groups)[:, None]
        sums = weights.reshape(part * groups, -1).astype(np.float64) @ flat
        found.append(sums.reshape(part, groups, classes, 4))
    return np.concatenate(found)


def _parts(total: int, width: int) -> list[int]:
    """Sizes of parts of so many rows of a width that each stay below :data:`CHUNK` numbers."""
    size = max(1, CHUNK // width)
    return [min(size, total - start) for start in range(0, total, size)]


def performance(counts: Floats, single: bool) -> dict[str, Floats]:
    """F1, Hamming accuracy and, for one label per clip, accuracy and UAR of counts [..., C, 4].

    UAR is the unweighted average recall: the mean over the classes of their recall.
    """
    found = {name: metrics.performance(counts)[name] for name in ("f1", "acc")}
    if single:
        clips, hits = counts[..., 0, 0], counts[..., 3].sum(axis=-1)
        right = np.full(clips.shape, np.nan)
        found["accuracy"] = np.divide(hits, clips, out=right, where=clips > 0)
        found["uar"] = class_mean(rates(counts)["tpr"])
    return found


def chance_p(measured: float, permuted: Floats) -> float:
    """Share of the permutations whose gap is as large, counting the data as one more."""
    found = permuted[~np.isnan(permuted)]
    if np.isnan(measured) or not found.size:
        return float("nan")
    # A permutation that only swaps the names gives the same gap but for rounding.
    as_large = (found >= measured - 1e-12).sum()
    return float((as_large + 1) / (found.size + 1))


def standard_error(both: Floats, units: tuple[int, int]) -> float:
    """Standard error of the difference of two rates between other speakers; NaN for too few.

    The bootstrap variance is scaled by n / (n - 1), as it divides by n. A rate that is the same in
    all resamples, as 0 or 1 can be, would have none: its units are taken to vary as those of the
    other group do; where these do not either, as a share with two more units, one of either kind
    (after Agresti and Caffo, 2000).

    Args:
        both: rates of the two groups [1 + R, 2], as measured and by resample.
        units: n of the two groups that have such clips.
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
    """Two-sided p-value of a difference of rates between other speakers.

    Student's t with one degree of freedom less than the smaller group has units. A share of the
    resamples could not go below 1 / R, which no correction for hundreds of differences leaves
    below 0.05; and it is too sure of itself where speakers are few.

    Args:
        difference: as measured.
        error: its standard error; NaN has no p-value.
        units: n of the smaller group.
    """
    from scipy.special import stdtr

    if np.isnan(error) or np.isnan(difference):
        return float("nan")
    if error == 0:
        return 1.0 if difference == 0 else float("nan")
    return float(2 * stdtr(units - 1, -abs(difference) / error))
