"""Tables A3 and A4 of the Interspeech 2025 paper: numbers of clips in the biased splits."""

from collections import Counter
from collections.abc import Iterable
from itertools import product
from typing import Any

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.corpora.demographics import order_groups


def table_a3(table: ClipTable, attribute: str) -> pl.DataFrame:
    """Table A3: clips of one fold with a majority emotion, by emotion, group and split.

    Without the column of groups if the corpus lacks the attribute.
    """
    splits = ("development", "test", "train")
    keys = ["emotion", *([attribute] if attribute in table.attributes else [])]
    frame = table.frame.rename({"majority": "emotion"}).drop_nulls(keys)
    groups = [frame[name].unique().sort() for name in keys[1:]]
    rows = []
    for values in product(sorted(table.classes), *groups):
        found = frame.filter(**dict(zip(keys, values, strict=True)))["split"]
        rows.append((*values, *((found == split).sum() for split in splits)))
    schema = dict.fromkeys(keys, pl.String) | dict.fromkeys(splits, pl.Int64)
    names = pl.col(keys).str.replace_all("_", " ")
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
    taken = Counter(
        [
            "fold",
            "split",
            *first.classes,
            *(group for groups in values.values() for group in groups),
        ]
    )
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
