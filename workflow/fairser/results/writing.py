"""Tables as csv, Markdown and LaTeX files, and our numbers beside published ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core import escape, text
from fairser.core.errors import damaged
from fairser.core.files import complete, sha256, write_text
from fairser.core.table_files import read_made

# Last line of a Markdown file, which is not shown: whether the csv beside it is still the same.
SEAL = "<!-- SHA-256 of the csv: {} -->"


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
    path: str | Path,
    table: pl.DataFrame,
    shown: pl.DataFrame | None = None,
    legend: Sequence[str] = (),
) -> None:
    """Write a table as csv, and beside it as Markdown (``.md``) and LaTeX (``.tex``).

    The latter show another table if ``shown`` is given, and the paragraphs of the legend below it.
    """
    read = table if shown is None else shown
    write_csv(path, table)
    parts = [*(f"{escape.markdown(part)}\n" for part in legend), f"{SEAL.format(sha256(path))}\n"]
    write_text(Path(path).with_suffix(".md"), "\n".join([markdown(read), *parts]))
    comment = "".join(f"% {escape.one_line(part)}\n" for part in legend)
    write_text(Path(path).with_suffix(".tex"), comment + latex(read))


def write_csv(path: str | Path, table: pl.DataFrame) -> None:
    """Write a table for people, who may open it in a spreadsheet, as csv."""
    texts = pl.col(pl.String).map_elements(escape.csv, return_dtype=pl.String)
    with complete(path) as temporary:
        table.with_columns(texts).rename(escape.csv).write_csv(temporary)


def read_table(path: str | Path, text: Sequence[str] = ()) -> pl.DataFrame:
    """A table that :func:`write_table` has written, from its csv.

    Args:
        path: of the csv.
        text: columns that hold text, though it may look like numbers; it may lack some.

    Raises:
        InputError: the csv is not the one that was written, or its Markdown file is missing.
    """
    beside = Path(path).with_suffix(".md")
    known = beside.read_text(encoding="utf-8") if beside.is_file() else ""
    if not known.endswith(f"{SEAL.format(sha256(path))}\n"):
        raise damaged(path, f"its SHA-256 is not the one at the end of {beside.name}")
    frame = read_made(path)
    kept = [name for name in map(escape.csv, text) if name in frame.columns]
    frame = read_made(path, text=kept).rename(escape.csv_content)
    return frame.with_columns(
        pl.col(pl.String).map_elements(escape.csv_content, return_dtype=pl.String)
    )


def markdown(table: pl.DataFrame) -> str:
    """A table in Markdown: fractions with three decimals, empty cells for missing values."""
    return text.markdown(table.columns, _cells(table))


def latex(table: pl.DataFrame) -> str:
    """A table as a LaTeX ``tabular`` with the rules of the package booktabs."""
    rows = [table.columns, *_cells(table)]
    head, *body = [" & ".join(map(escape.latex, row)) + r" \\" for row in rows]
    align = "".join("l" if dtype == pl.String else "r" for dtype in table.dtypes)
    start, end = rf"\begin{{tabular}}{{{align}}}", r"\end{tabular}"
    lines = [start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", end]
    return "\n".join(lines) + "\n"


def _cells(table: pl.DataFrame) -> list[list[str]]:
    def cell(value: Any) -> str:
        return text.number(value) if value is None or isinstance(value, float) else str(value)

    return [[cell(value) for value in row] for row in table.iter_rows()]
