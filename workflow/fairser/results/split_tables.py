"""Tables A3 and A4 of the Interspeech 2025 paper: numbers of clips in the biased splits."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.corpora.demographics import order_groups


def table_a3(table: ClipTable, attribute: str) -> pl.DataFrame:
    """Table A3: clips of one fold with a majority emotion, by emotion, group and split."""
    splits = ("development", "test", "train")
    frame = table.frame.drop_nulls(["majority", attribute])
    rows = []
    for emotion in sorted(table.classes):
        for group in frame[attribute].unique().sort():
            found = frame.filter(pl.col("majority") == emotion, pl.col(attribute) == group)["split"]
            rows.append((emotion, group, *((found == split).sum() for split in splits)))
    schema = {"emotion": pl.String, attribute: pl.String} | dict.fromkeys(splits, pl.Int64)
    names = pl.col("emotion", attribute).str.replace_all("_", " ")
    return pl.DataFrame(rows, schema, orient="row").with_columns(names.str.to_titlecase())


def table_a4(tables: dict[int, ClipTable], shown: Iterable[str]) -> pl.DataFrame:
    """Table A4: clips of every fold and split by majority class and by demographic group.

    Tables are by fold; ``shown`` attributes that the corpus lacks are skipped.
    """
    first = next(iter(tables.values()))
    attributes = [name for name in shown if name in first.attributes]
    values = {
        name: sorted({v for t in tables.values() for v in t.frame[name].drop_nulls().unique()})
        for name in attributes
    }
    # A group with the name of another group or of a class is prefixed by its attribute.
    taken = Counter([*first.classes, *(group for groups in values.values() for group in groups)])
    rows = []
    for fold, table in tables.items():
        for split in ("train", "development", "test"):
            part = table.frame.filter(pl.col("split") == split)
            row: dict[str, Any] = {"fold": fold, "split": split.capitalize()}
            row |= {name: int((part["majority"] == name).sum()) for name in table.classes}
            for name in attributes:
                for group in order_groups(name, values[name]):
                    column = f"{name}_{group}" if taken[group] > 1 else group
                    row[column] = int((part[name] == group).sum())
            rows.append(row)
    return pl.DataFrame(rows)
