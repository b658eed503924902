"""Tables 1 and 2 of the Interspeech 2025 paper."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from fairser.config.extensions import extensions, find, ordered
from fairser.config.grid import has_k_axis
from fairser.corpora.clips import TEST_SET
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts, by_test_set
from fairser.evaluation.metrics import COUNTS
from fairser.results.coverage import coverage
from fairser.results.estimate_tables import Head, TableRow, run_table

TABLE2_ORDER = ("ds", "rw", "gadro", "gdro")  # the paper's; other methods follow
TABLE2_ATTRIBUTES = ("race", "age")
NO_ATTRIBUTE = "The corpus has no attribute but that of Table 1, which has all numbers."


def declared(constant: str, name: str, key: str) -> Any:
    """What an extension declares; None for one that is not there, such as in older results."""
    found = find(constant, name)
    return found[key] if found else None


def method_name(method: str) -> str:
    """The name of a method in tables and figures, such as ``ERM`` for ``erm``."""
    return str(declared("METHOD", method, "title") or method)


def method_of(name: str) -> str:
    """The method with a name: the inverse of :func:`method_name`."""
    for method, one in extensions("METHOD").items():
        if one["title"] == name:
            return method
        start, end = f"{one['title']} (", ")"
        if name.startswith(start) and name.endswith(end):
            parts = name.removeprefix(start).removesuffix(end).split(", ")
            variant = "+".join([method, *(part.replace(" ", "=", 1) for part in parts)])
            if declared("METHOD", variant, "title") == name:
                return variant
    return name


def summarised_methods() -> list[str]:
    """Methods that the rows Overall and Gain summarise."""
    return [name for name, one in extensions("METHOD").items() if one["summary"]]


def configuration_name(method: str, source: str, k: int) -> str:
    """Such as ``ERM``, ``RW annotated`` or ``RW kmeans 16``."""
    parts = [method_name(method), *([source] if source != "none" else [])]
    return " ".join([*parts, str(k)] if has_k_axis(source) else parts)


def table_gaps(
    attributes: Sequence[str], variants: Mapping[str, str], named: bool = False
) -> dict[str, Gap]:
    """Gaps of a table by column, with the attribute in front if ``named`` or if it is not alone.

    ``variants`` are those of ``tpr_gap`` and ``dp_gap`` to show.
    """
    rate = {"tpr_gap": "tpr", "dp_gap": "ppr"}
    return {
        f"{name}_{column}" if named or len(attributes) > 1 else column: Gap(
            name, rate[column], variant
        )
        for name in attributes
        for column, variant in variants.items()
    }


def table1(runs: Sequence[RunCounts], bootstrap: Bootstrap, k: int | None) -> pl.DataFrame:
    """Table 1: a row per method, source and K, then ``Overall`` and ``Gain`` of each source.

    A source that has a run for each number of clusters is shown with ``k``, or with all of them.
    """
    shown = [run for run in runs if k is None or not has_k_axis(run.source) or run.k == k]
    shown, rows = by_test_set(shown), []
    for head, part in test_set_parts(shown):
        groups = row_groups(part)
        for method in ordered("METHOD", (run.method for run in part)):
            for source, number in groups:
                found = [r for r in part if r.method == method and group_of(r) == (source, number)]
                names: Head = {"method": method_name(method), "source": source, "k": number}
                rows.append(
                    TableRow({**head, **names}, found, tested=method not in ("erm", "random"))
                )
        for name in ("Overall", "Gain"):
            for source, number in groups:
                found = _debiased([r for r in part if group_of(r) == (source, number)])
                names = {"method": name, "source": source, "k": number}
                rows.append(TableRow({**head, **names}, found, name == "Gain"))
    return run_table(rows, shown, bootstrap)


def table2(
    runs: Sequence[RunCounts], bootstrap: Bootstrap, ks: Sequence[int] | None
) -> pl.DataFrame:
    """Table 2: ERM, then the methods with the source kmeans, a row per method and K.

    ``ks`` are the numbers of clusters to show, in order; None for all. Without a gap the table is
    empty, as Table 1 has all other numbers.
    """
    if not bootstrap.gaps:
        return pl.DataFrame(schema={"method": pl.String, "k": pl.Int64, "note": pl.String})
    shown, rows = by_test_set(runs), []
    for head, part in test_set_parts(shown):
        clustered = [run for run in part if run.source == "kmeans"]
        numbers = sorted({run.k for run in clustered}) if ks is None else ks
        erm = [run for run in part if run.method == "erm"]
        rows.append(TableRow({**head, "method": method_name("erm"), "k": None}, erm))
        methods = ordered("METHOD", (run.method for run in clustered))
        for method in dict.fromkeys((*TABLE2_ORDER, *methods)):
            for k in numbers:
                found = [r for r in clustered if (r.method, r.k) == (method, k)]
                row = {**head, "method": method_name(method), "k": k}
                rows.append(TableRow(row, found, tested=True))
        for k in numbers:
            found = _debiased([run for run in clustered if run.k == k])
            rows.append(TableRow({**head, "method": "Gain", "k": k}, found, gain=True))
    used = [run for run in shown if any(run in row.runs for row in rows)]
    return run_table(rows, used, bootstrap)


def table2_attributes(
    runs: Iterable[RunCounts], named: Sequence[str] | None, biased: str
) -> list[str]:
    """Attributes of Table 2: those that are named, else all with a gap that Table 1 does not show.

    Those of the paper come first.
    """
    if named is not None:
        return list(named)
    runs = list(runs)
    columns = {name for run in runs for name in run.counts.columns}
    taken = {"speaker", "class", TEST_SET, biased, *COUNTS}
    free = {name for name in columns - taken if len(coverage(runs, name).groups) > 1}
    paper = [name for name in TABLE2_ATTRIBUTES if name in free]
    return paper + sorted(free.difference(paper))


def test_set_parts(runs: Sequence[RunCounts]) -> list[tuple[Head, list[RunCounts]]]:
    """The runs of each named test set, with the first column of its rows; else all."""
    names = sorted({run.test_set for run in runs if run.test_set})
    if not names:
        return [({}, list(runs))]
    return [({TEST_SET: name}, [r for r in runs if r.test_set == name]) for name in names]


def group_of(run: RunCounts) -> tuple[str, int | None]:
    """Source and, where it has a run for each, K."""
    return run.source, run.k if has_k_axis(run.source) else None


def row_groups(runs: Sequence[RunCounts]) -> list[tuple[str, int | None]]:
    """Sources and K of some runs, in order."""
    found = {group_of(run) for run in runs}
    sources = ordered("SOURCE", (source for source, _ in found))
    return sorted(found, key=lambda group: (sources.index(group[0]), group[1] or 0))


def _debiased(runs: Sequence[RunCounts]) -> list[RunCounts]:
    """Runs of the summarised methods; none if a built-in one is missing."""
    summarised = summarised_methods()
    found = [run for run in runs if run.method in summarised]
    needed = {name for name in summarised if not extensions("METHOD")[name].own}
    return found if needed <= {run.method for run in found} else []
