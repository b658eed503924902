"""Tables as files: csv, and the same numbers as Markdown and LaTeX; ours beside published ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.files import complete, write_text

LATEX = str.maketrans(
    {character: rf"\{character}" for character in "_%&#${}"}
    | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}"}
)


def compare(ours: pl.DataFrame, published: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Ours, published and difference, a row per number that both tables have.

    Args:
        ours: a table of ours.
        published: the published one.
        keys: columns that name a row in both; a missing value is a name like any other.
    """
    # A key that is missing in every row of ours has no type of its own.
    ours = ours.cast({name: published.schema[name] for name in keys})
    values = [name for name in published.columns if name in ours.columns and name not in keys]

    def long(table: pl.DataFrame, name: str) -> pl.DataFrame:
        numbers = table.select(*keys, *(pl.col(v).cast(pl.Float64) for v in values))
        return numbers.unpivot(values, index=keys, variable_name="column", value_name=name)

    both = long(ours, "ours").join(
        long(published, "published"),
        on=[*keys, "column"],
        how="inner",
        maintain_order="left",
        nulls_equal=True,
    )
    return both.with_columns((pl.col("ours") - pl.col("published")).alias("difference"))


def write_table(
    path: str | Path, table: pl.DataFrame, shown: pl.DataFrame | None = None, legend: str = ""
) -> None:
    """Write a table as csv, and beside it as Markdown (``.md``) and LaTeX (``.tex``).

    Args:
        path: of the csv.
        table: the numbers.
        shown: the same in the form that is read, by default the table itself.
        legend: a sentence below it.
    """
    read = table if shown is None else shown
    with complete(path) as temporary:
        table.write_csv(temporary)
    write_text(Path(path).with_suffix(".md"), markdown(read) + (f"\n{legend}\n" if legend else ""))
    comment = f"% {legend}\n" if legend else ""
    write_text(Path(path).with_suffix(".tex"), comment + latex(read))


def markdown(table: pl.DataFrame) -> str:
    """A table in Markdown: shares with three decimals, empty cells for missing values."""
    # A bar within a cell would end it.
    rows = [[cell.replace("|", r"\|") for cell in row] for row in _cells(table)]
    widths = [max(len(row[i]) for row in rows) for i in range(table.width)]
    lines = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * w for w in widths))
    return "".join(f"| {line} |\n" for line in lines)


def latex(table: pl.DataFrame) -> str:
    """A table as a LaTeX ``tabular`` with the rules of the package booktabs."""
    head, *body = [" & ".join(c.translate(LATEX) for c in row) + r" \\" for row in _cells(table)]
    align = "".join("l" if dtype == pl.String else "r" for dtype in table.dtypes)
    start, end = rf"\begin{{tabular}}{{{align}}}", r"\end{tabular}"
    lines = [start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end]
    return "\n".join(lines) + "\n"


def _cells(table: pl.DataFrame) -> list[Sequence[str]]:
    return [table.columns, *([_cell(value) for value in row] for row in table.iter_rows())]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return "0.000" if text == "-0.000" else text
