"""Tables as csv, Markdown and LaTeX files, and our numbers beside published ones."""

from pathlib import Path
from typing import Any

import polars as pl

from fairser.core import text
from fairser.core.files import complete, write_text

LATEX = str.maketrans(
    {character: rf"\{character}" for character in "_%&#${}"}
    | {"^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "\\": r"\textbackslash{}"}
)


def compare(ours: pl.DataFrame, published: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Our numbers, the published ones and their difference: a row per number of both tables.

    ``keys`` are the columns that name a row; a missing value is a name like any other.
    """
    # A column of keys that are all missing has no type of its own.
    ours = ours.cast({name: published.schema[name] for name in keys})
    values = [name for name in published.columns if name in ours.columns and name not in keys]

    def long(table: pl.DataFrame, name: str) -> pl.DataFrame:
        numbers = table.select(*keys, *(pl.col(v).cast(pl.Float64) for v in values))
        return numbers.unpivot(values, index=keys, variable_name="column", value_name=name)

    on = [*keys, "column"]
    both = long(ours, "ours").join(
        long(published, "published"), on, maintain_order="left", nulls_equal=True
    )
    return both.with_columns((pl.col("ours") - pl.col("published")).alias("difference"))


def write_table(
    path: str | Path, table: pl.DataFrame, shown: pl.DataFrame | None = None, legend: str = ""
) -> None:
    """Write a table as csv, and beside it as Markdown (``.md``) and LaTeX (``.tex``).

    The latter show another table if ``shown`` is given, and the legend below it.
    """
    read = table if shown is None else shown
    with complete(path) as temporary:
        table.write_csv(temporary)
    write_text(Path(path).with_suffix(".md"), markdown(read) + (f"\n{legend}\n" if legend else ""))
    comment = "".join(f"% {line}\n" for line in legend.splitlines())
    write_text(Path(path).with_suffix(".tex"), comment + latex(read))


def markdown(table: pl.DataFrame) -> str:
    """A table in Markdown: fractions with three decimals, empty cells for missing values."""
    return text.markdown(table.columns, _cells(table))


def latex(table: pl.DataFrame) -> str:
    """A table as a LaTeX ``tabular`` with the rules of the package booktabs."""
    rows = [table.columns, *_cells(table)]
    head, *body = [" & ".join(c.translate(LATEX) for c in row) + r" \\" for row in rows]
    align = "".join("l" if dtype == pl.String else "r" for dtype in table.dtypes)
    start, end = rf"\begin{{tabular}}{{{align}}}", r"\end{tabular}"
    lines = [start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end]
    return "\n".join(lines) + "\n"


def _cells(table: pl.DataFrame) -> list[list[str]]:
    def cell(value: Any) -> str:
        return text.number(value) if value is None or isinstance(value, float) else str(value)

    return [[cell(value) for value in row] for row in table.iter_rows()]
