"""Csv files of the user as text columns, with the place of each row for messages."""

from pathlib import Path

import polars as pl

from fairser.core.errors import InputError

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_csv(path: str | Path, separator: str = ",") -> pl.DataFrame:
    """A csv as text columns and ``row``, which locates each row for messages (``file, row n``).

    Rows are counted as a text editor does: the header is row 1.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file. Mend its path in the configuration.")
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False).fill_null("")
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as a csv in UTF-8. {_hint(path, error)}") from error
    other = next((s for s in OTHER_SEPARATORS if s in frame.columns[0]), None)
    if len(frame.columns) == 1 and other:
        raise InputError(
            f"{path}, row 1: the columns are separated by {OTHER_SEPARATORS[other]}; save the "
            "file with commas."
        )
    if frame.height == 0:
        raise InputError(f"{path}: the file has no rows below its header.")
    if "row" in frame.columns:
        frame = frame.rename({"row": "row of the file"})
    number = pl.int_range(2, pl.len() + 2).cast(pl.String)
    return frame.with_columns((pl.lit(f"{path}, row ") + number).alias("row"))


def _hint(path: str | Path, error: Exception) -> str:
    """What to do with a file that is no csv in UTF-8."""
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
        "a value with a comma stands in double quotes."
    )
