"""The page of the benchmark: its table with differences to ERM, ranks and Pareto set."""

from dataclasses import replace
from typing import Any

from fairser.report.estimates import Line
from fairser.report.pages import Column, Page, PageCell, cell, typographic
from fairser.report.subgroups import METHOD, SOURCE, K, Subgroups
from fairser.results.benchmark import RANKED
from fairser.results.benchmark_views import difference

NEEDS = Column("needs", "Groups need", choice=True, help="What the group source needs.")
AT_TEST = Column("at_test", "At test", choice=True, help="Whether a prediction needs the group.")
PARETO = Column(
    "pareto",
    "Pareto",
    choice=True,
    help="No other row is at least as good in F1 and TPR gap, and better in one.",
)
SHRINKS = Column(
    "shrinks",
    "Shrinks",
    number=True,
    help="Share of the seeds in which the TPR gap is smaller than ERM's.",
)
SECONDS = Column("seconds", "Seconds", number=True, help="Mean of a training.")
LEDE = (
    "Every method with every source of groups: its difference to ERM of the same folds and seeds, "
    "and its rank among the others, over the folds. The csv has further numbers."
)


def benchmark_page(grid: Subgroups, path: str) -> Page:
    """The page of ``benchmark.csv``."""
    # A printed page has no room for all numbers.
    numbers = [column for column in grid.measures if column.name in RANKED]
    table = grid.table(path, (METHOD, SOURCE, K, NEEDS, AT_TEST), numbers, None)
    page = grid.estimates_page("benchmark", LEDE, table)
    labels = {column.name: column.label for column in numbers}
    columns = [
        *(Column(f"{n}_diff", f"{labels[n]} - ERM", True, help="Difference.") for n in RANKED),
        *(Column(f"{n}_rank", f"Rank, {labels[n]}", True, help="1 is best.") for n in RANKED),
        *(PARETO, SHRINKS, SECONDS),
    ]
    rows = [
        replace(row, cells=row.cells | _cells(line))
        for row, line in zip(page.rows, table.lines, strict=True)
    ]
    return replace(page, columns=[*page.columns, *columns], rows=rows)


def _cells(line: Line) -> dict[str, PageCell]:
    found: dict[str, Any] = {name: cell(line[f"{name}_rank"], 1) for name in RANKED}
    found = {f"{name}_rank": one for name, one in found.items()}
    for name in RANKED:
        value, ends = map(typographic, difference(line, name))
        found[f"{name}_diff"] = PageCell(value, line[f"{name}_diff"], spread=ends)
    found["pareto"] = cell(line["pareto"])
    return found | {"shrinks": cell(line["shrinks"], 2), "seconds": cell(line["seconds"], 1)}
