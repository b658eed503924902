"""The tables of an audit: performance, rates, gaps and differences, each with its interval.

``docs/audit.md`` says what every column holds. What does not exist is null.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.audit.decisions import Decisions, read_decisions
from fairser.audit.estimates import (
    FEWEST,
    Counts,
    chance_p,
    count,
    difference_p,
    performance,
    standard_error,
)
from fairser.audit.grouping import Attribute, Units, read_groups
from fairser.audit.sources import Sources
from fairser.evaluation.bootstrap import COUNTS, holm, interval
from fairser.evaluation.metrics import RATES, Floats, rates
from fairser.results.tables import SIGNIFICANT

ALL = "all clips"
SHOWN_RATES = (*RATES, "f1")


@dataclass(frozen=True)
class Audit:
    """All numbers of an audit.

    Attributes:
        decisions: what was audited.
        attributes: the groups that were compared.
        units: what was resampled.
        performance: over all clips and in each group.
        rates: by group and class.
        gaps: by attribute, rate and variant, over the classes (``class`` null) and for each.
        differences: of every two groups, by rate and class.
        notes: what was left out or assumed, in sentences.
        resamples: R.
        seed: of the draws.
    """

    decisions: Decisions
    attributes: list[Attribute]
    units: Units
    performance: pl.DataFrame
    rates: pl.DataFrame
    gaps: pl.DataFrame
    differences: pl.DataFrame
    notes: list[str]
    resamples: int
    seed: int


def make_audit(sources: Sources, resamples: int = 1000, seed: int = 0) -> Audit:
    """Read the files and compute every number.

    Args:
        sources: the files.
        resamples: R, of the bootstrap and of the permutations.
        seed: of the draws.
    """
    decisions = read_decisions(sources)
    attributes, units, notes = read_groups(decisions, sources)
    counts = count(decisions, attributes, units, resamples, seed)
    return Audit(
        decisions,
        attributes,
        units,
        _performance(counts, decisions, units),
        _rates(counts, decisions),
        _gaps(counts, decisions),
        _differences(counts, decisions),
        decisions.notes + notes,
        resamples,
        seed,
    )


def _with_ends(
    name: str, values: Floats, units: float, signed: bool = False, limit: float = 1.0
) -> dict[str, float]:
    """A number [1 + R] and its interval, within the limit; empty with fewer than FEWEST units."""
    ends = interval(float(values[0]), values[1:], signed) if units >= FEWEST else (np.nan, np.nan)
    low, high = np.clip(ends, -limit, limit)
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)


def _performance(counts: Counts, decisions: Decisions, units: Units) -> pl.DataFrame:
    everyone = {"attribute": None, "group": ALL, units.name: units.count}
    parts: list[tuple[dict[str, Any], Floats, int]] = [(everyone, counts.total, units.count)]
    for one in counts.attributes:
        for g, group in enumerate(one.attribute.groups):
            n = int((one.table[:, g, 0, 0] > 0).sum())
            head = {"attribute": one.attribute.name, "group": group, units.name: n}
            parts.append((head, one.resampled[:, g], n))
    rows = []
    for head, resampled, n in parts:
        row = head | {"clips": int(resampled[0, 0, 0])}
        for name, values in performance(resampled, decisions.single).items():
            row |= _with_ends(name, values, n)
        rows.append(row)
    return _frame(rows)


def _rates(counts: Counts, decisions: Decisions) -> pl.DataFrame:
    rows = []
    for one in counts.attributes:
        values = rates(one.resampled)
        units = {rate: one.units(rate) for rate in SHOWN_RATES}
        for g, group in enumerate(one.attribute.groups):
            for c, label in enumerate(decisions.classes):
                row: dict[str, Any] = {
                    "attribute": one.attribute.name,
                    "group": group,
                    "class": label,
                }
                row |= dict(zip(COUNTS, one.resampled[0, g, c].astype(int).tolist(), strict=True))
                for rate in SHOWN_RATES:
                    row |= _with_ends(rate, values[rate][:, g, c], units[rate][g, c])
                    if rate == "tpr":
                        row["tpr_units"] = int(units[rate][g, c])
                rows.append(row)
    return _frame(rows)


def _gaps(counts: Counts, decisions: Decisions) -> pl.DataFrame:
    rows = []
    for one in counts.attributes:
        smallest = min((one.table[:, :, 0, 0] > 0).sum(axis=0))
        for rate in RATES:
            for variant, c, values, chance in one.gaps(rate):
                row: dict[str, Any] = {"attribute": one.attribute.name, "rate": rate}
                row |= {"variant": variant, "class": None if c is None else decisions.classes[c]}
                limit = np.inf if variant == "sum_deviation" else 1.0
                row |= _with_ends("gap", values, smallest, limit=limit)
                row["chance"], row["p"] = np.nan, np.nan
                if chance is not None and not np.isnan(chance).all():
                    row["chance"] = float(np.nanmean(chance))
                    row["p"] = chance_p(values[0], chance)
                rows.append(row)
    return _frame(rows)


def _differences(counts: Counts, decisions: Decisions) -> pl.DataFrame:
    rows = []
    for one in counts.attributes:
        for rate in RATES:
            units = one.units(rate)
            for g, other, c, both in one.differences(rate):
                n = int(units[g, c]), int(units[other, c])
                row: dict[str, Any] = {"attribute": one.attribute.name, "rate": rate}
                row |= {"class": decisions.classes[c], "group": one.attribute.groups[g]}
                row |= {"other": one.attribute.groups[other]}
                row |= {"group_rate": both[0, 0], "other_rate": both[0, 1]}
                row |= _with_ends("difference", both[:, 0] - both[:, 1], min(n), signed=True)
                error = standard_error(both, n)
                row |= {"error": error, "units": min(n)}
                rows.append(row | {"p": difference_p(row["difference"], error, min(n))})
    adjusted = holm([row["p"] for row in rows])
    for row, p in zip(rows, adjusted, strict=True):
        row |= {"p_holm": p, "stands_out": p < SIGNIFICANT}  # False where there is no p
    return _frame(rows)
