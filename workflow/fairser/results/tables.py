"""Tables 1 and 2 of the Interspeech 2025 paper, with the uncertainty of each number.

After the paper's columns come, for each number x: ``x_std`` (over folds), ``x_seed_std`` (over
seeds, where there are several), ``x_low`` and ``x_high`` (95 % bootstrap interval over speakers)
and ``x_p`` (two-sided p-value of the difference to ERM, Holm-corrected over the table's methods);
then ``folds`` and ``seeds``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.config.extensions import extensions
from fairser.config.grid import has_k_axis
from fairser.core.errors import InputError
from fairser.core.text import SIGNIFICANT
from fairser.core.text import estimate as written
from fairser.evaluation.bootstrap import (
    Bootstrap,
    Estimate,
    Gap,
    RunCounts,
    estimate,
    holm,
    p_value,
)
from fairser.evaluation.metrics import Floats, is_better_low, metric_names

TABLE2_ORDER = ("ds", "rw", "gadro", "gdro")  # the paper's; other methods follow
TABLE2_ATTRIBUTES = ("race", "age")
LEGEND = (
    "value (standard deviation over folds) [95 % interval, bootstrap over speakers]; "
    f"* differs from ERM, Holm-corrected p < {SIGNIFICANT:g}"
)
NAN = float("nan")


@dataclass(frozen=True)
class TableRow:
    """A row of a table."""

    head: Mapping[str, str | int | None]  # its first columns
    runs: Sequence[RunCounts]  # that it is the mean of
    gain: bool = False  # whether it shows their relative improvement over ERM
    tested: bool = False  # whether its difference to ERM is tested


def declared(constant: str, name: str, key: str) -> Any:
    """What an extension declares; None for one that is not there, such as in older results."""
    known = extensions(constant)
    return known[name][key] if name in known else None


def method_name(method: str) -> str:
    """The name of a method in tables and figures, such as ``ERM`` for ``erm``."""
    return str(declared("METHOD", method, "title") or method)


def method_of(name: str) -> str:
    """The method with a name: the inverse of :func:`method_name`."""
    return next((m for m, one in extensions("METHOD").items() if one["title"] == name), name)


def summarised_methods() -> list[str]:
    """Methods that the rows Overall and Gain summarise."""
    return [name for name, one in extensions("METHOD").items() if one["summary"]]


def ordered(constant: str, names: Iterable[str]) -> list[str]:
    """Methods or group sources in the order that their files declare, then unknown ones, sorted."""
    found, known = set(names), extensions(constant)
    return [name for name in known if name in found] + sorted(found.difference(known))


def configuration_name(method: str, source: str, k: int) -> str:
    """Such as ``ERM``, ``RW annotated`` or ``RW kmeans 16``."""
    parts = [method_name(method), *([source] if source != "none" else [])]
    return " ".join([*parts, str(k)] if has_k_axis(source) else parts)


def table_gaps(attributes: Sequence[str], variants: dict[str, str]) -> dict[str, Gap]:
    """Gaps of a table by column, with the attribute in front where there are several.

    ``variants`` are those of ``tpr_gap`` and ``dp_gap`` to show.
    """
    rate = {"tpr_gap": "tpr", "dp_gap": "ppr"}
    return {
        f"{name}_{column}" if len(attributes) > 1 else column: Gap(name, rate[column], variant)
        for name in attributes
        for column, variant in variants.items()
    }


def table1(runs: Sequence[RunCounts], bootstrap: Bootstrap, k: int) -> pl.DataFrame:
    """Table 1: a row per method and source, then ``Overall`` and ``Gain`` of each source.

    A source that has a run for each number of clusters is shown with this one.
    """
    shown = [run for run in runs if not has_k_axis(run.source) or run.k == k]
    sources = ordered("SOURCE", (run.source for run in shown))
    rows = []
    for method in ordered("METHOD", (run.method for run in shown)):
        for source in sources:
            found = [r for r in shown if (r.method, r.source) == (method, source)]
            head = {"method": method_name(method), "source": source}
            rows.append(TableRow(head, found, tested=method not in ("erm", "random")))
    for name in ("Overall", "Gain"):
        for source in sources:
            found = _debiased(shown, source)
            rows.append(TableRow({"method": name, "source": source}, found, name == "Gain"))
    return run_table(rows, shown, bootstrap)


def table2(runs: Sequence[RunCounts], bootstrap: Bootstrap, ks: Sequence[int]) -> pl.DataFrame:
    """Table 2: ERM, then the methods with the source kmeans, a row per method and K."""
    clustered = [run for run in runs if run.source == "kmeans"]
    erm = [run for run in runs if run.method == "erm"]
    rows = [TableRow({"method": method_name("erm"), "k": None}, erm)]
    methods = ordered("METHOD", (run.method for run in clustered))
    for method in dict.fromkeys((*TABLE2_ORDER, *methods)):
        for k in ks:
            found = [r for r in clustered if (r.method, r.k) == (method, k)]
            rows.append(TableRow({"method": method_name(method), "k": k}, found, tested=True))
    for k in ks:
        found = _debiased([run for run in clustered if run.k == k], "kmeans")
        rows.append(TableRow({"method": "Gain", "k": k}, found, gain=True))
    return run_table(rows, [run for run in runs if any(run in row.runs for row in rows)], bootstrap)


def run_table(
    candidates: Sequence[TableRow], runs: Sequence[RunCounts], bootstrap: Bootstrap
) -> pl.DataFrame:
    """The rows that have runs, with their numbers (see the module); ``runs`` are those of all rows.

    Raises:
        InputError: no row has runs.
    """
    rows = [row for row in candidates if row.runs]
    if not rows:
        raise InputError(
            "No run of the grid belongs to this table. Change 'grid.methods', 'grid.sources' or "
            "the numbers of clusters in 'tables'."
        )
    values = {run: bootstrap.values(run) for run in runs}
    erm = [run for run in runs if run.method == "erm"]
    numbers, tests = {}, {}
    for name in (*metric_names("performance"), *bootstrap.gaps):
        measured = {run: found[name] for run, found in values.items()}
        reference = estimate(erm, measured) if erm else None
        found = [estimate(row.runs, measured) for row in rows]
        tests[name] = [
            p_value(one, reference) if row.tested and reference else NAN
            for row, one in zip(rows, found, strict=True)
        ]
        numbers[name] = [
            _gain(one, reference, not is_better_low(name)) if row.gain else one
            for row, one in zip(rows, found, strict=True)
        ]
    spread = ["std", "seed_std"] if len({run.seed for run in runs}) > 1 else ["std"]
    table = estimate_table(
        [row.head for row in rows], numbers, tests, [*spread, "low", "high", "p"]
    )
    return table.with_columns(
        pl.Series(f"{name}s", [len({getattr(run, name) for run in row.runs}) for row in rows])
        for name in ("fold", "seed")
    )


def estimate_table(
    heads: Sequence[Mapping[str, str | int | None]],
    numbers: Mapping[str, Sequence[Estimate]],
    tests: Mapping[str, Sequence[float]],
    uncertainty: Sequence[str],
) -> pl.DataFrame:
    """A table of estimates: first columns, each number, then its uncertainty; null for NaN.

    Args:
        heads: first columns of each row.
        numbers: estimates of each column, row by row.
        tests: their p-values, still without Holm's correction; NaN where there is no test.
        uncertainty: what follows for each number: ``std``, ``seed_std``, ``low``, ``high``, ``p``.
    """
    table: dict[str, list[Any]] = {name: [head[name] for head in heads] for name in heads[0]}
    table |= {name: [one.value for one in found] for name, found in numbers.items()}
    for name, found in numbers.items():
        low, high = zip(*(one.interval for one in found), strict=True)
        parts: dict[str, Sequence[float]] = {"low": low, "high": high, "p": holm(tests[name])}
        parts |= {part: [getattr(one, part) for one in found] for part in ("std", "seed_std")}
        table |= {f"{name}_{part}": list(parts[part]) for part in uncertainty}
    return pl.DataFrame(table).fill_nan(None)


def readable(
    table: pl.DataFrame, digits: int = 3, last: Sequence[str] = ("folds", "seeds")
) -> pl.DataFrame:
    """A table of estimates with each number and its uncertainty in one cell (:data:`LEGEND`).

    ``last`` are the columns that follow.
    """
    numbers = [name for name in table.columns if f"{name}_low" in table.columns]
    head = table.columns[: table.columns.index(numbers[0])]
    lines = table.to_dicts()
    cells = [pl.Series(name, [written(line, name, digits) for line in lines]) for name in numbers]
    return table.select(*head, *cells, *last)


def _debiased(runs: Sequence[RunCounts], source: str) -> list[RunCounts]:
    """Runs of the summarised methods with a source; none if a built-in one is missing."""
    summarised = summarised_methods()
    found = [run for run in runs if run.source == source and run.method in summarised]
    needed = {name for name in summarised if not extensions("METHOD")[name].own}
    return found if needed <= {run.method for run in found} else []


def _gain(ours: Estimate, erm: Estimate | None, higher: bool) -> Estimate:
    """Relative improvement over ERM: (x - ERM) / ERM where higher is better, else (ERM - x) / ERM.

    A ratio of means over folds has no spread over folds: its ``std`` is NaN.
    """
    if erm is None:
        return Estimate(NAN, NAN, NAN, np.array([NAN]), signed=True)
    sign = 1 if higher else -1
    with np.errstate(divide="ignore", invalid="ignore"):
        value = sign * np.float64(ours.value - erm.value) / erm.value
        resampled: Floats = sign * (ours.resampled - erm.resampled) / erm.resampled
    gain = float(value) if np.isfinite(value) else NAN
    finite = np.where(np.isfinite(resampled), resampled, NAN)
    return Estimate(gain, NAN, NAN, finite, signed=True)
