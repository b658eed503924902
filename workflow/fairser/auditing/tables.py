"""The tables of an audit: performance, rates, gaps and differences, each with its interval.

``docs/audit.md`` says what every column holds. What does not exist is null.
"""

from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import polars as pl

from fairser.auditing.decisions import Decisions, read_decisions
from fairser.auditing.estimates import (
    GroupCounts,
    chance_p,
    count,
    standard_error,
    support,
)
from fairser.auditing.grouping import Attribute, Units, read_groups
from fairser.auditing.inputs import AuditInput
from fairser.core.text import is_significant
from fairser.evaluation.estimates import holm
from fairser.evaluation.metrics import (
    COMPARED,
    COUNTS,
    RATES,
    Floats,
    class_gaps,
    performance,
    rates,
    rms,
)
from fairser.evaluation.resampling import LEVEL, interval, t_test

Row = dict[str, Any]
TABLES = ("performance", "rates", "gaps", "differences")
SHOWN_RATES = (*COMPARED, "f1")


@dataclass(frozen=True)
class Audit:
    """What was audited, with all numbers and notes on what was left out or assumed.

    ``performance`` is over all clips and in each group; ``rates`` are by group and class; ``gaps``
    by attribute, rate and variant, over the classes (``class`` null) and for each; ``differences``
    are of every two groups, by rate and class.
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


def make_audit(given: AuditInput, resamples: int = 1000, seed: int = 0) -> Audit:
    """Read the files and compute every number, with so many resamples and permutations."""
    decisions = read_decisions(given)
    attributes, units, notes = read_groups(decisions, given)
    everyone, *counts = count(decisions, attributes, units, resamples, seed)
    return Audit(
        decisions,
        attributes,
        units,
        _performance([everyone, *counts], decisions.task, units.name),
        _rates(counts, decisions.classes),
        _gaps(counts, decisions.classes),
        _differences(counts, decisions.classes),
        decisions.notes + notes,
        resamples,
        seed,
    )


def _with_ends(
    name: str, values: Floats, units: int, signed: bool = False, limit: float = 1.0
) -> dict[str, float]:
    """A number [1 + R] and its interval, within the limit."""
    ends = interval(float(values[0]), values[1:], support(units), signed)
    low, high = np.clip(ends, -limit, limit)
    return {name: float(values[0]), f"{name}_low": float(low), f"{name}_high": float(high)}


def _frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)


def _performance(counts: list[GroupCounts], task: str, units: str) -> pl.DataFrame:
    rows = []
    for one in counts:
        for g, group in enumerate(one.attribute.groups):
            n = int(one.sizes[g])
            row: Row = {"attribute": one.attribute.name or None, "group": group, units: n}
            row["clips"] = int(one.resampled[0, g, 0, 0])
            for name, values in performance(one.resampled[:, g], task).items():
                row |= _with_ends(name, values, n)
            rows.append(row)
    return _frame(rows)


def _rates(counts: list[GroupCounts], classes: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for one in counts:
        values = rates(one.resampled)
        units = {rate: one.units(rate) for rate in SHOWN_RATES}
        for (g, group), (c, label) in product(enumerate(one.attribute.groups), enumerate(classes)):
            row: Row = {"attribute": one.attribute.name, "group": group, "class": label}
            row |= dict(zip(COUNTS, one.resampled[0, g, c].astype(int).tolist(), strict=True))
            for rate in SHOWN_RATES:
                row |= _with_ends(rate, values[rate][:, g, c], units[rate][g, c])
                if rate == "tpr":
                    row["tpr_units"] = int(units[rate][g, c])
            rows.append(row)
    return _frame(rows)


def _gaps(counts: list[GroupCounts], classes: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for one, rate in product(counts, COMPARED):
        by_chance = class_gaps(one.shuffled, rate)
        for variant, by_class in class_gaps(one.resampled, rate).items():
            limit = np.inf if variant == "sum_deviation" else 1.0
            measured, expected = (
                [rms(values), *values.T] for values in (by_class, by_chance[variant])
            )
            for label, values, drawn in zip((None, *classes), measured, expected, strict=True):
                row: Row = {"attribute": one.attribute.name, "rate": rate, "variant": variant}
                row["class"] = label
                row |= _with_ends("gap", values, min(one.sizes), limit=limit)
                row |= _chance(drawn)
                p = chance_p(values[0], drawn) if support(min(one.sizes)).is_enough else np.nan
                rows.append(row | {"p": p})
    return _frame(rows)


def _chance(drawn: Floats) -> dict[str, float]:
    """Mean and 95 % quantile of a gap by permutation [R]."""
    found = drawn[~np.isnan(drawn)]
    if not found.size:
        return {"chance": np.nan, "chance_high": np.nan}
    return {"chance": float(found.mean()), "chance_high": float(np.quantile(found, LEVEL))}


def _differences(counts: list[GroupCounts], classes: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for one, rate in product(counts, RATES):
        groups, units, values = one.attribute.groups, one.units(rate), rates(one.resampled)[rate]
        for (g, other), c in product(combinations(range(len(groups)), 2), range(len(classes))):
            n, both = (int(units[g, c]), int(units[other, c])), values[:, [g, other], c]
            error = standard_error(both, n)
            row: Row = {"attribute": one.attribute.name, "rate": rate}
            row |= {"class": classes[c], "group": groups[g], "other": groups[other]}
            row |= {"group_rate": both[0, 0], "other_rate": both[0, 1]}
            row |= _with_ends("difference", both[:, 0] - both[:, 1], min(n), signed=True)
            row |= {"error": error, "units": min(n)}
            rows.append(row | {"p": t_test(row["difference"], error, min(n) - 1)})
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row |= {"p_holm": p, "stands_out": is_significant(p)}  # False where there is no p
    return _frame(rows)
