"""The tables of the Interspeech 2025 paper, with its columns first."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.corpora.demographics import order_groups
from fairser.files import complete, write_text
from fairser.statistics import over_folds

# Names and order of the methods in Table 1.
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
}
SOURCES = ("none", "annotated", "pseudo", "kmeans")
TABLE1 = ["f1", "acc", "tpr_gap", "dp_gap"]


def run_row(metrics: dict[str, Any], attribute: str, variants: dict[str, str]) -> dict[str, Any]:
    """One run's ``metrics.json`` as a row: its cell, performance, and the gaps of an attribute.

    Args:
        metrics: content of ``metrics.json``.
        attribute: demographic column; gaps are None where the corpus does not have it.
        variants: variant of ``tpr_gap`` and ``dp_gap`` to show.
    """
    gaps = metrics["attributes"].get(attribute, {}).get("gaps", {})
    cell = {name: metrics[name] for name in ("method", "source", "k", "fold", "seed")}
    return cell | {
        "f1": metrics["f1"],
        "acc": metrics["acc"],
        "tpr_gap": gaps.get("tpr", {}).get(variants["tpr_gap"], {}).get("rms"),
        "dp_gap": gaps.get("ppr", {}).get(variants["dp_gap"], {}).get("rms"),
    }


def table1(
    runs: Iterable[dict[str, Any]], attribute: str, variants: dict[str, str]
) -> pl.DataFrame:
    """Table 1: performance and gaps of one attribute, a row per method and source.

    Args:
        runs: contents of ``metrics.json``.
        attribute: see :func:`run_row`.
        variants: see :func:`run_row`.
    """
    schema: dict[str, type[pl.DataType]] = {
        **dict.fromkeys(("method", "source"), pl.String),
        **dict.fromkeys(("k", "fold", "seed"), pl.Int64),
        **dict.fromkeys(TABLE1, pl.Float64),
    }
    rows = pl.DataFrame([run_row(run, attribute, variants) for run in runs], schema)
    order = rows.with_columns(
        pl.col("method").replace_strict(list(NAMES), range(len(NAMES))).alias("order"),
        pl.col("source").replace_strict(SOURCES, range(len(SOURCES))).alias("source order"),
        pl.col("method").replace(NAMES),
    ).sort("order", "source order", "fold", "seed")
    return over_folds(order, ["method", "source"], TABLE1)


def table_a3(table: ClipTable, attribute: str) -> pl.DataFrame:
    """Table A3: majority-class clips of one fold by emotion, group and split.

    Args:
        table: biased clip table of one fold.
        attribute: column of the groups.
    """
    splits = ["development", "test", "train"]
    frame = table.frame.drop_nulls(["majority", attribute])
    counts = frame.group_by("majority", attribute).agg(
        (pl.col("split") == split).sum().cast(pl.Int64).alias(split) for split in splits
    )
    groups = frame[attribute].unique().to_list()
    cells = pl.DataFrame(
        [(name, group) for name in sorted(table.classes) for group in sorted(groups)],
        {"majority": pl.String, attribute: pl.String},
        orient="row",
    )
    titles = [_title("majority").alias("emotion"), _title(attribute).alias(attribute)]
    return (
        cells.join(counts, on=["majority", attribute], how="left", maintain_order="left")
        .fill_null(0)
        .select(*titles, *splits)
    )


def table_a4(tables: dict[int, ClipTable], shown: Iterable[str]) -> pl.DataFrame:
    """Table A4: clips of every fold and split by majority class and by demographic group.

    Args:
        tables: biased clip tables by fold.
        shown: attributes to count, those that the corpus lacks are left out.
    """
    first = next(iter(tables.values()))
    attributes = [name for name in shown if name in first.attributes]
    values = {
        name: sorted({v for t in tables.values() for v in t.frame[name].drop_nulls().unique()})
        for name in attributes
    }
    rows = []
    for fold, table in tables.items():
        for split in ("train", "development", "test"):
            part = table.frame.filter(pl.col("split") == split)
            row: dict[str, Any] = {"fold": fold, "split": split.capitalize()}
            row |= {name: int((part["majority"] == name).sum()) for name in table.classes}
            for name in attributes:
                for group in order_groups(name, values[name]):
                    row[group] = int((part[name] == group).sum())
            rows.append(row)
    return pl.DataFrame(rows)


def compare(ours: pl.DataFrame, published: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Ours, published and difference, a row per number that both tables have."""
    values = [name for name in published.columns if name not in keys]

    def long(table: pl.DataFrame, name: str) -> pl.DataFrame:
        numbers = table.select(*keys, *(pl.col(v).cast(pl.Float64) for v in values))
        return numbers.unpivot(values, index=keys, variable_name="column", value_name=name)

    both = long(ours, "ours").join(
        long(published, "published"), on=[*keys, "column"], how="inner", maintain_order="left"
    )
    return both.with_columns((pl.col("ours") - pl.col("published")).alias("difference"))


def write_table(path: str | Path, table: pl.DataFrame) -> None:
    """Write a table as csv, and beside it the same numbers as Markdown (``.md``)."""
    with complete(path) as temporary:
        table.write_csv(temporary)
    write_text(Path(path).with_suffix(".md"), markdown(table))


def markdown(table: pl.DataFrame) -> str:
    """A table in Markdown: shares with three decimals, empty cells for missing values."""
    rows = [table.columns, *([_cell(value) for value in row] for row in table.iter_rows())]
    widths = [max(len(row[i]) for row in rows) for i in range(table.width)]
    lines = [" | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * w for w in widths))
    return "".join(f"| {line} |\n" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _title(name: str) -> pl.Expr:
    return pl.col(name).str.replace_all("_", " ").str.to_titlecase()
