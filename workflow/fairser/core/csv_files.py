"""Csv files of the user, read as text with the place of each row for messages."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError, nearest

NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_csv(path: str | Path, separators: str = ",") -> pl.DataFrame:
    """The rows of a csv as text columns, and ``row``, the place of each (``file, row n``).

    Rows are counted as a text editor does: the header is row 1. An empty cell is empty text.

    Args:
        path: encoded in UTF-8.
        separators: the allowed ones; the first is the default, others count if the header has one.

    Raises:
        InputError: no such file, another encoding, another separator, or no rows.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file. Fix its path in the configuration.")
    with Path(path).open("rb") as file:
        header = file.readline()
    separator = next((s for s in separators[1:] if s.encode() in header), separators[0])
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False).fill_null("")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as a csv in UTF-8. {_hint(path, error)}") from error
    other = next((s for s in NAMES if s in frame.columns[0]), None)
    if len(frame.columns) == 1 and other:
        raise InputError(
            f"{path}, row 1: the columns are separated by {NAMES[other]}; save the file with "
            "commas."
        )
    if frame.height == 0:
        raise InputError(f"{path}: the file has no rows below its header.")
    if "row" in frame.columns:
        frame = frame.rename({"row": "row of the file"})
    number = pl.int_range(2, pl.len() + 2).cast(pl.String)
    return frame.with_columns((pl.lit(f"{path}, row ") + number).alias("row"))


def require_columns(
    path: str | Path, header: Iterable[str], names: Sequence[str], why: str = ""
) -> None:
    """Raise an InputError that names the columns which a file lacks, if it lacks any.

    Args:
        path: the file.
        header: its columns; ``row`` of :func:`read_csv` is ignored.
        names: the columns that are needed.
        why: clause about a missing column, such as ``which 'corpus.attributes' names``.
    """
    known = [name for name in header if name != "row"]
    missing = [
        f"{path}, row 1: no column '{name}'{f', {why}' if why else ''}.{nearest(name, known)} "
        f"The columns are: {', '.join(known)}."
        for name in names
        if name not in known
    ]
    if missing:
        raise InputError(*missing)


def _hint(path: str | Path, error: Exception) -> str:
    """What to do with a file that is not a csv in UTF-8."""
    content = Path(path).read_bytes()
    if not content.strip():
        return "The file is empty."
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as fault:
        row = content.count(b"\n", 0, fault.start) + 1
        return (
            f"Row {row} has a character of another encoding, such as Latin-1 or UTF-16: save the "
            "file as 'CSV UTF-8'."
        )
    return (
        f"The reason: {str(error).splitlines()[0]}. Every row needs as many values as the header; "
        "put a value with a comma in double quotes."
    )
