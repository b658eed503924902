"""The tables of results: rows and columns of the Interspeech 2025 paper, then their uncertainty.

After the paper's columns come, for each number x: ``x_std`` (over folds), ``x_seed_std`` (over
seeds, where there are several), ``x_low`` and ``x_high`` (95 % bootstrap interval over speakers)
and ``x_p`` (two-sided p-value of the difference to ERM, Holm-corrected over the table's methods);
then ``folds`` and ``seeds``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import (
    Bootstrap,
    Estimate,
    Gap,
    RunCounts,
    estimate,
    holm,
    p_value,
)
from fairser.evaluation.metrics import Floats

# Names and order of the methods in Table 1; methods of the user's own follow by name.
NAMES = {
    "erm": "ERM",
    "random": "Random",
    "lff": "LfF",
    "disent": "DisEnt",
    "pgdro": "PGDRO",
    "ds": "DS",
    "rw": "RW",
    "gdro": "GDRO",
    "gadro": "GADRO",
    "minmaxgap": "MinMaxGAP",
}
SOURCES = ("none", "annotated", "pseudo", "kmeans")
DEBIASING = ("ds", "rw", "gdro", "gadro")  # what Overall and Gain summarise
TABLE2_METHODS = ("ds", "rw", "gadro", "gdro")
TABLE2_ATTRIBUTES = ("race", "age")
PERFORMANCE = ("f1", "acc")
SIGNIFICANT = 0.05
LEGEND = (
    "value (standard deviation over folds) [95 % interval, bootstrap over speakers]; "
    "* differs from ERM, Holm-corrected p < 0.05"
)

Head = dict[str, str | int | None]


@dataclass(frozen=True)
class Row:
    """A row of a table: what its first columns say, and the runs that it is the mean of.

    ``gain`` marks a row of the runs' relative improvement over ERM; ``tested`` one whose
    difference to ERM is tested.
    """

    head: Head
    runs: Sequence[RunCounts]
    gain: bool = False
    tested: bool = False


def table_gaps(attributes: Sequence[str], variants: dict[str, str]) -> dict[str, Gap]:
    """Gaps of a table by column, prefixed by the attribute where there are several.

    Args:
        attributes: demographic columns.
        variants: variant of ``tpr_gap`` and ``dp_gap`` to show.
    """
    rate = {"tpr_gap": "tpr", "dp_gap": "ppr"}
    return {
        f"{name}_{column}" if len(attributes) > 1 else column: Gap(name, rate[column], variant)
        for name in attributes
        for column, variant in variants.items()
    }


def table1(runs: Sequence[RunCounts], bootstrap: Bootstrap, k: int) -> pl.DataFrame:
    """Table 1: a row per method and source, ``Overall`` and ``Gain`` of each source.

    Args:
        runs: runs of the grid; those of kmeans with other numbers of clusters are left out.
        bootstrap: resamples, with the gaps to show.
        k: number of clusters of the source kmeans.
    """
    shown = [run for run in runs if run.source != "kmeans" or run.k == k]
    rows = []
    for method in ordered({run.method for run in shown}):
        for source in SOURCES:
            found = [r for r in shown if (r.method, r.source) == (method, source)]
            if found:
                head: Head = {"method": NAMES.get(method, method), "source": source}
                rows.append(Row(head, found, tested=method not in ("erm", "random")))
    debiased = {source: _debiased(shown, source) for source in SOURCES}
    for name, gain in (("Overall", False), ("Gain", True)):
        rows += [
            Row({"method": name, "source": source}, found, gain)
            for source, found in debiased.items()
            if found
        ]
    return _table(rows, shown, bootstrap)


def table2(runs: Sequence[RunCounts], bootstrap: Bootstrap, ks: Sequence[int]) -> pl.DataFrame:
    """Table 2: the debiasing methods with the source kmeans, a row per method and K.

    Args:
        runs: runs of the grid; only ERM and those of kmeans with one of the Ks are shown.
        bootstrap: resamples, with the gaps to show.
        ks: numbers of clusters.
    """
    rows = []
    erm = [run for run in runs if run.method == "erm"]
    if erm:
        rows.append(Row({"method": NAMES["erm"], "k": None}, erm))
    clustered = [run for run in runs if run.source == "kmeans"]
    for method in TABLE2_METHODS:
        for k in ks:
            found = [r for r in clustered if (r.method, r.k) == (method, k)]
            if found:
                rows.append(Row({"method": NAMES[method], "k": k}, found, tested=True))
    for k in ks:
        found = _debiased([run for run in clustered if run.k == k], "kmeans")
        if found:
            rows.append(Row({"method": "Gain", "k": k}, found, gain=True))
    shown = [run for run in runs if any(run in row.runs for row in rows)]
    return _table(rows, shown, bootstrap)


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table of this module with each number and its uncertainty in one cell (:data:`LEGEND`)."""
    numbers = [name for name in table.columns if f"{name}_low" in table.columns]
    head = table.columns[: table.columns.index(numbers[0])]
    cells = {name: [_with_uncertainty(row, name) for row in table.to_dicts()] for name in numbers}
    merged = [pl.Series(name, values) for name, values in cells.items()]
    return table.select(*head, *merged, "folds", "seeds")


def _with_uncertainty(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    text = f"{row[name]:.3f}"
    p = row[f"{name}_p"]
    text += "*" if p is not None and p < SIGNIFICANT else ""
    if row[f"{name}_std"] is not None:
        text += f" ({row[f'{name}_std']:.3f})"
    if row[f"{name}_low"] is not None:
        text += f" [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"
    return text


def _debiased(runs: Sequence[RunCounts], source: str) -> list[RunCounts]:
    """Runs of the four debiasing methods with a source; none if a method is missing."""
    found = [run for run in runs if run.source == source and run.method in DEBIASING]
    return found if {run.method for run in found} == set(DEBIASING) else []


def ordered(methods: Iterable[str]) -> list[str]:
    """Methods in the order of Table 1; those that it does not know by name."""
    found = set(methods)
    return [m for m in NAMES if m in found] + sorted(found - set(NAMES))


def _table(rows: Sequence[Row], runs: Sequence[RunCounts], bootstrap: Bootstrap) -> pl.DataFrame:
    if not rows:
        raise InputError(
            "No run of the grid belongs to this table; mend 'grid.methods', 'grid.sources' or the "
            "numbers of clusters in 'tables'."
        )
    columns = [*PERFORMANCE, *bootstrap.gaps]
    values = {run: bootstrap.values(run) for run in runs}
    by_column = {name: {run: found[name] for run, found in values.items()} for name in columns}
    reference = [run for run in runs if run.method == "erm"]
    estimates: dict[str, list[Estimate]] = {}
    p_values: dict[str, list[float]] = {}
    for name in columns:
        erm = estimate(reference, by_column[name]) if reference else None
        found = [
            _gain(row.runs, reference, by_column[name], name)
            if row.gain
            else estimate(row.runs, by_column[name])
            for row in rows
        ]
        estimates[name] = found
        tests = [row.tested and erm is not None for row in rows]
        p_values[name] = holm(
            [
                p_value(ours, erm) if tested and erm else float("nan")
                for ours, tested in zip(found, tests, strict=True)
            ]
        )
    lines = []
    for number, row in enumerate(rows):
        line: dict[str, str | int | float | None] = dict(row.head)
        line |= {name: estimates[name][number].value for name in columns}
        for name in columns:
            one = estimates[name][number]
            low, high = one.interval
            line |= {f"{name}_std": one.std, f"{name}_seed_std": one.seed_std}
            line |= {f"{name}_low": low, f"{name}_high": high}
            line[f"{name}_p"] = p_values[name][number]
        line["folds"] = len({run.fold for run in row.runs})
        line["seeds"] = len({run.seed for run in row.runs})
        lines.append(line)
    table = pl.DataFrame(lines, infer_schema_length=None).fill_nan(None)
    if len({run.seed for run in runs}) <= 1:
        table = table.drop([f"{name}_seed_std" for name in columns])
    return table


def _gain(
    runs: Sequence[RunCounts],
    reference: Sequence[RunCounts],
    values: dict[RunCounts, Floats],
    column: str,
) -> Estimate:
    """Relative improvement over ERM: (x - ERM) / ERM of performance, (ERM - x) / ERM of a gap.

    A ratio of means over folds has no spread over folds: its ``std`` is NaN.
    """
    nan = float("nan")
    if not reference:
        return Estimate(nan, nan, nan, np.array([nan]), signed=True)
    ours, erm = estimate(runs, values), estimate(reference, values)
    sign = 1 if column in PERFORMANCE else -1
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.float64(ours.value - erm.value) / erm.value
        resampled = (ours.resampled - erm.resampled) / erm.resampled
    finite = np.where(np.isfinite(resampled), resampled, nan)
    gain = float(sign * value) if np.isfinite(value) else nan
    return Estimate(gain, nan, nan, sign * finite, signed=True)
