"""The tables that an audit reads: csv, tsv or parquet, with every row's place for messages."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from fairser.core.csv_files import read_csv
from fairser.core.errors import InputError, nearest
from fairser.corpora.demographics import SPEAKER_COLUMNS

SEPARATORS = {".csv": ",", ".tsv": "\t"}
SHOWN = 3  # clips or speakers that a message names
ROUNDING = 1e-6  # by which float32 may leave the range from 0 to 1


def read_tables(paths: Sequence[str | Path]) -> pl.DataFrame:
    """The rows of some files below each other, such as those of the folds.

    Columns of text hold no null (a missing value is empty), ``row`` locates each row for messages
    (``file, row n``), and ``SpkrID`` or ``ActorID`` are ``speaker``.

    Raises:
        InputError: a file that cannot be read, has no rows or names a column twice; files with
            different columns.
    """
    frames = [_read(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        other = set(frame.columns) ^ set(frames[0].columns)
        if other:
            raise InputError(
                f"{path} and {paths[0]} have different columns ({listed(sorted(other))}); files "
                "that are audited together need the same."
            )
    return pl.concat([f.select(frames[0].columns) for f in frames], how="vertical_relaxed")


def _read(path: str | Path) -> pl.DataFrame:
    kind = Path(path).suffix.lower()
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.{_neighbour(Path(path)) or ' Mend its path.'}")
    if not Path(path).stat().st_size:
        raise InputError(f"{path}: the file is empty.")
    if kind in SEPARATORS:
        frame = read_csv(path, SEPARATORS[kind])
    elif kind == ".parquet":
        frame = _read_parquet(path)
    else:
        raise InputError(f"{path}: a file that ends in .csv, .tsv or .parquet is needed.")
    names = [name.strip() for name in frame.columns]
    if any("\ufffd" in name or "\0" in name for name in names):
        raise InputError(f"{path}, row 1: the header is not UTF-8; save the file in UTF-8.")
    twice = [name for name in names if "_duplicated_" in name or names.count(name) > 1]
    if twice:
        name = twice[0].split("_duplicated_")[0]
        raise InputError(f"{path}, row 1: column '{name}' stands there twice; keep one.")
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    speaker = next((name for name in SPEAKER_COLUMNS if name in names), "speaker")
    return frame.rename({speaker: "speaker"}, strict=False)


def _read_parquet(path: str | Path) -> pl.DataFrame:
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


def _neighbour(path: Path) -> str:
    names = [p.name for p in path.parent.glob("*") if p.suffix.lower() in (*SEPARATORS, ".parquet")]
    return nearest(path.name, sorted(names))


def require(frame: pl.DataFrame, column: str, path: str | Path, why: str) -> None:
    """Refuse a table without a column; ``why`` says what it is for."""
    if column not in frame.columns:
        header = [name for name in frame.columns if name != "row"]
        hint = nearest(column, header)
        if len(header) == 1 and ";" in header[0]:
            hint = " The file is separated by semicolons; save it with commas."
        raise InputError(
            f"{path}, row 1: no column '{column}', {why}.{hint} The columns are: {listed(header)}."
        )


def text(column: str) -> pl.Expr:
    """A column of names as text without blanks around it, a missing one as ''."""
    return pl.col(column).cast(pl.String).fill_null("").str.strip_chars().alias(column)


def shares(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of probabilities, shares or 0 and 1 as numbers; float32 stays float32.

    Raises:
        InputError: a value that is no number from 0 to 1.
    """
    kinds = {frame.schema[name] for name in columns}
    single = kinds == {pl.Float32}
    names = [name for name in columns if frame.schema[name] == pl.String]
    given = frame.with_columns(pl.col(names).str.strip_chars()) if names else frame
    numbers = given.select(pl.col(columns).cast(pl.Float32 if single else pl.Float64, strict=False))
    for name in columns:
        fine = numbers[name].is_between(-ROUNDING, 1 + ROUNDING).fill_null(False)
        if not fine.all():
            first = frame.filter(~fine).row(0, named=True)
            raise InputError(
                f"{first['row']}: column '{name}' holds {first[name]!r}, a number from 0 to 1 is "
                f"needed ({(~fine).sum()} row(s) are like this). Turn scores into probabilities "
                "and divide percentages by 100."
            )
    return numbers


def unique_rows(frame: pl.DataFrame, keys: str, what: str) -> pl.DataFrame:
    """Refuse an empty name and a second row of ``keys`` (``clip`` or ``speaker``)."""
    empty = frame.filter(pl.col(keys) == "")
    if empty.height:
        raise InputError(f"{empty['row'][0]}: column '{keys}' is empty; give every row a value.")
    twice = frame.filter(pl.col(keys).is_duplicated())
    if twice.height:
        name = twice[keys][0]
        first, second = twice.filter(pl.col(keys) == name)["row"][:2]
        raise InputError(
            f"{second}: {keys} '{name}' has another row already ({first}); {what} "
            f"({twice[keys].n_unique()} {keys}(s) are like this)."
        )
    return frame


def one_row_each(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """A table with one row per ``key``, whose rows may be repeated but must not contradict."""
    values = [name for name in frame.columns if name != "row"]
    return unique_rows(
        frame.unique(values, keep="first", maintain_order=True),
        key,
        "the two say different things: mend or drop one",
    )


def listed(names: Iterable[str], shown: int = 40) -> str:
    """Names in a row, the first of many."""
    names = list(names)
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
