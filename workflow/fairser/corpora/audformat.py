"""Databases in audformat: a folder with ``db.yaml``, its tables and the audio (``corpus.labels``).

Read are filewise tables, stored as csv or parquet (``db.files.csv``):

- the labels: columns of the scheme ``emotion``, in all tables or in those that the setting
  ``tables`` names;
- ``speaker``, ``gender`` and other demographics: columns of any table, or labels of the scheme
  ``speaker``, in ``db.yaml`` or in a misc table;
- the splits of the tables of labels, if there are train, dev and test; else folds are made.

Clips without an emotion, or whose raters did not agree on one (``no_agreement``), are left out.
Segmented tables are not read. The format is that of https://audeering.github.io/audformat.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.jobs import logger
from fairser.core.table_files import read_csv, read_user_parquet
from fairser.core.yaml_files import read_mapping
from fairser.corpora import demographics, manifest
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults

CORPUS = {
    "title": "audformat",
    "lists": "labels",
    "order": 4,
    "pattern": "db.*",
    "folds": True,
    "settings": {
        "tables": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "minItems": 1,
            "uniqueItems": True,
            "default": None,
            "description": "Tables with the emotions; null for all tables that have them.",
        },
    },
}
EMOTION, SPEAKER = "emotion", "speaker"
NONE = ("", "no_agreement")  # values of a clip without an emotion
TYPES = {"train", "dev", "test"}  # of splits
Header = dict[str, Any]


def folds(corpus: dict[str, Any]) -> list[int] | None:
    """One fold if the tables of labels have splits; None if folds are made."""
    header = read_header(corpus["labels"])
    return [1] if _splits(header, _label_tables(header, corpus)) else None


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of the database in ``corpus.labels``."""
    header = read_header(corpus["labels"])
    tables = _label_tables(header, corpus)
    splits = _splits(header, tables)
    if splits:
        tables = {name: column for name, column in tables.items() if name in splits}
    frame = _read_labels(corpus["labels"], tables, splits)
    speakers = _speakers(corpus["labels"], header)
    wanted = {SPEAKER, *demographics.KNOWN, *(corpus["attributes"] or ())}
    for name, table in header["tables"].items():
        columns = [c for c in table["columns"] if demographics.attribute_name(c) in wanted]
        if table["type"] == "filewise" and columns:
            found = _read_table(corpus["labels"], name).select("file", *columns)
            frame = _fill(frame, found.unique("file", keep="first"), "file")
    if SPEAKER not in frame.columns:
        frame = frame.with_columns(pl.lit("?").alias(SPEAKER))
    elif speakers is not None:
        frame, speakers = (
            f.with_columns(pl.col(SPEAKER).str.strip_chars()) for f in (frame, speakers)
        )
        kept = [c for c in speakers.columns if demographics.attribute_name(c) in wanted]
        frame = _fill(frame, speakers.select(kept), SPEAKER)
    unknown = (
        pl.when(pl.col(SPEAKER).str.strip_chars() == "")
        .then(pl.lit("?"))
        .otherwise(SPEAKER)
        .alias(SPEAKER)
    )
    path = _header_path(corpus["labels"])
    table = manifest.table_of(frame.with_columns(unknown), path, corpus)
    return replace(table, licence=header["license"])


def read_header(folder: str | Path) -> Header:
    """What ``db.yaml`` says, with empty groups for those that it lacks.

    Raises:
        InputError: there is no such file, or it is not the header of a database.
    """
    path = _header_path(folder)
    if not path.is_file():
        raise InputError(f"{path}: no such file. 'corpus.labels' names the folder of the database.")
    try:
        content = read_mapping(path)
        found = {name: content.get(name) or {} for name in ("schemes", "splits", "misc_tables")}
        found["license"] = content.get("license") and str(content["license"])
        tables = content["tables"].items()
        found["tables"] = {n: {**one, "columns": one.get("columns") or {}} for n, one in tables}
        return found
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the header of an audformat database ({error!r}).") from error


def _header_path(folder: str | Path) -> Path:
    return Path(folder) / "db.yaml"


def _label_tables(header: Header, corpus: dict[str, Any]) -> dict[str, str]:
    """The tables with emotions, and the column of each that holds them."""
    path, wanted = _header_path(corpus["labels"]), corpus["settings"]["tables"]
    found, segmented = {}, []
    for name, table in header["tables"].items():
        columns = [c for c, one in table["columns"].items() if one.get("scheme_id") == EMOTION]
        if table["type"] != "filewise":
            segmented += [name] if columns else []
        elif columns:
            found[name] = EMOTION if EMOTION in columns else columns[0]
    cut = (
        f"Segmented tables are not read ({', '.join(segmented)}): "
        "audformat.utils.to_filewise_index cuts their segments into files."
    )
    if not found:
        raise InputError(
            f"{path}: no filewise table has a column of the scheme '{EMOTION}'. "
            f"{f'{cut} Or write' if segmented else 'Write'} a manifest (corpus.kind: manifest)."
        )
    if segmented:
        logger.info("%s", cut)
    for name in wanted or ():
        if name not in found:
            raise InputError(
                f"{path}: 'corpora.audformat.tables' names '{name}', which is no table with "
                f"emotions.{nearest(name, list(found))} Those are: {', '.join(found)}."
            )
    return {name: found[name] for name in wanted or found}


def _splits(header: Header, tables: dict[str, str]) -> dict[str, str]:
    """The type of split of each table that has one; empty if a type is missing."""
    ids = {name: header["tables"][name].get("split_id") for name in tables}
    types = {n: header["splits"].get(i, {}).get("type", i) for n, i in ids.items() if i is not None}
    return types if set(types.values()) >= TYPES else {}


def _read_table(folder: str | Path, name: str) -> pl.DataFrame:
    """A table as text columns, with ``row``, the place of each row."""
    stem = Path(folder) / f"db.{name}"
    parquet, text = Path(f"{stem}.parquet"), Path(f"{stem}.csv")
    if not parquet.is_file():
        if not text.is_file():
            raise InputError(
                f"{text}: no such file, nor one in parquet. Save the database in one of these "
                "formats, such as db.save(folder, storage_format='csv')."
            )
        return read_csv(text)
    return read_user_parquet(parquet).select(pl.all().cast(pl.String).fill_null(""))


def _read_labels(
    folder: str | Path, tables: dict[str, str], splits: dict[str, str]
) -> pl.DataFrame:
    """A row per clip that has an emotion: ``file``, ``emotion``, ``row``, perhaps ``split``."""
    parts = []
    for name, column in tables.items():
        part = _read_table(folder, name).select("file", pl.col(column).alias(EMOTION), "row")
        parts.append(part.with_columns(pl.lit(splits[name]).alias("split")) if splits else part)
    frame = pl.concat(parts)
    labelled = frame.filter(~pl.col(EMOTION).is_in(NONE))
    if without := frame.height - labelled.height:
        logger.info("%d clips without an emotion are left out", without)
    frame = labelled.unique(labelled.columns[:2] + labelled.columns[3:], maintain_order=True)
    faults = Faults()
    faults.note(
        frame.filter(pl.col("file").is_duplicated()),
        "clip '{file}' has another emotion or split in another table. Name the tables of one set "
        "of labels in 'corpora.audformat.tables'; those with emotions are {tables}.",
        "file",
        tables=", ".join(tables),
    )
    faults.raise_all()
    return frame


def _speakers(folder: str | Path, header: Header) -> pl.DataFrame | None:
    """``speaker`` and the demographics of each, by the scheme; None if it has none."""
    labels = header["schemes"].get(SPEAKER, {}).get("labels")
    if isinstance(labels, str):
        level = next(iter(header["misc_tables"].get(labels, {}).get("levels", {})), SPEAKER)
        return _read_table(folder, labels).rename({level: SPEAKER}).drop("row")
    if not isinstance(labels, dict):
        return None
    rows = [{SPEAKER: str(name), **(about or {})} for name, about in labels.items()]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {n: ["" if row.get(n) is None else str(row[n]) for row in rows] for n in names}
    return pl.DataFrame(columns, dict.fromkeys(names, pl.String))


def _fill(frame: pl.DataFrame, more: pl.DataFrame, key: str) -> pl.DataFrame:
    """The rows with the columns of ``more``; values that the rows have are kept."""
    both = frame.join(more, on=key, how="left", suffix=" of more", maintain_order="left")
    for name in (name for name in more.columns if name != key):
        other = f"{name} of more"
        if other in both.columns:
            own = pl.when(pl.col(name) != "").then(name)
            both = both.with_columns(pl.coalesce(own, other).alias(name)).drop(other)
        both = both.with_columns(pl.col(name).fill_null(""))
    return both
