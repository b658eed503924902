"""The tables that an audit reads: csv, tsv or parquet, with the place of each row for messages."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from fairser.core.csv_files import read_csv
from fairser.core.errors import InputError, nearest
from fairser.core.words import joined, shortened
from fairser.corpora.demographics import SPEAKER_COLUMNS

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SHOWN = 5  # further rows that a message names
ROUNDING = 1e-6  # by which float32 may leave the range from 0 to 1


def read_tables(paths: Sequence[Path]) -> pl.DataFrame:
    """The rows of all files, such as those of the folds.

    Text columns hold no null (a missing value is empty), ``row`` locates each row for messages
    (``file, row n``), and ``SpkrID`` or ``ActorID`` becomes ``speaker``.

    Raises:
        InputError: a file that can't be read, has no rows or names a column twice; files with
            different columns.
    """
    frames = [_read(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if other := set(frame.columns) ^ set(frames[0].columns):
            raise InputError(
                f"{path} and {paths[0]} have different columns ({listed(sorted(other))}). Files "
                "of one audit need the same columns."
            )
    return pl.concat([f.select(frames[0].columns) for f in frames], how="vertical_relaxed")


def _read(path: Path) -> pl.DataFrame:
    kind = path.suffix.lower()
    if not path.is_file():
        hint = nearest(path.name, sorted(other.name for other in path.parent.glob("*")))
        raise InputError(f"{path}: no such file.{hint or ' Check the path.'}")
    if kind in SEPARATORS:
        frame = read_csv(path, SEPARATORS[kind])
    elif kind == ".parquet":
        frame = _read_parquet(path)
    else:
        raise InputError(f"{path}: the name must end in .csv, .tsv or .parquet.")
    names = [name.strip() for name in frame.columns]
    for name in names:
        if "_duplicated_" in name or names.count(name) > 1:
            column = name.split("_duplicated_")[0]
            raise InputError(f"{path}, row 1: there are two columns '{column}'; keep one.")
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    speaker = next((name for name in SPEAKER_COLUMNS if name in names), "speaker")
    return frame.rename({speaker: "speaker"}, strict=False)


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not readable as parquet: {reason}") from error
    if not frame.height:
        raise InputError(f"{path}: the file has no rows.")
    text = [n for n, kind in frame.schema.items() if kind in (pl.Categorical, pl.Enum, pl.String)]
    place = pl.lit(f"{path}, row ") + pl.int_range(1, pl.len() + 1).cast(pl.String)
    return frame.with_columns(pl.col(text).cast(pl.String).fill_null(""), place.alias("row"))


def require(frame: pl.DataFrame, column: str, path: Path, why: str) -> None:
    """Refuse a table without a column; ``why`` says what it is for."""
    if column not in frame.columns:
        header = [name for name in frame.columns if name != "row"]
        raise InputError(
            f"{path}, row 1: no column '{column}', {why}.{nearest(column, header)} The columns "
            f"are: {listed(header)}."
        )


def text(column: str) -> pl.Expr:
    """A column of names as text without blanks around it; a missing one is ''."""
    return pl.col(column).cast(pl.String).fill_null("").str.strip_chars().alias(column)


def refuse(bad: pl.DataFrame, text: str, value: str | None = None, **more: str) -> None:
    """Raise an InputError if there are bad rows: the first in full, the places of the others.

    Args:
        bad: these rows, with ``row``.
        text: what is wrong with the first of them, with its columns in braces.
        value: column whose value is shown for further rows.
        more: further values for the braces of the text.
    """
    if bad.height:
        first, *others = bad.iter_rows(named=True)
        places = [r["row"] if value is None else f"{r['row']} ('{r[value]}')" for r in others]
        also = f" Also {joined(shortened(places, SHOWN))}." if places else ""
        raise InputError(f"{first['row']}: {text.format_map(first | more)}{also}")


def shares(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of probabilities, shares or 0 and 1 as numbers; float32 stays float32.

    Raises:
        InputError: a value that is no number from 0 to 1.
    """
    kind = pl.Float32 if {frame.schema[n] for n in columns} == {pl.Float32} else pl.Float64
    names = [name for name in columns if frame.schema[name] == pl.String]
    given = frame.with_columns(pl.col(names).str.strip_chars()) if names else frame
    numbers = given.select(pl.col(columns).cast(kind, strict=False))
    for name in columns:
        fine = numbers[name].is_between(-ROUNDING, 1 + ROUNDING).fill_null(False)
        refuse(
            frame.filter(~fine).select("row", given=name),
            "column '{name}' holds {given!r}, but must hold a number from 0 to 1. Turn scores into "
            "probabilities, and divide percentages by 100.",
            name=name,
        )
    return numbers


def unique_rows(frame: pl.DataFrame, key: str, what: str) -> pl.DataFrame:
    """Refuse an empty name and a second row of ``key`` (``clip`` or ``speaker``)."""
    empty = frame.filter(pl.col(key) == "")
    refuse(empty, "column '{key}' is empty; give every row a value.", key=key)
    twice = frame.filter(pl.col(key).is_duplicated()).select("row", name=key)
    refuse(twice, "{key} '{name}' has several rows; {what}.", "name", key=key, what=what)
    return frame


def one_row_each(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """A table with one row per ``key``; rows may be repeated but must not contradict."""
    values = [name for name in frame.columns if name != "row"]
    once = frame.unique(values, keep="first", maintain_order=True)
    return unique_rows(once, key, "they contradict each other, so correct or remove one")


def listed(names: Iterable[str], most: int = 40) -> str:
    """Names in a row, the first ones of many."""
    return joined(shortened(names, most))
