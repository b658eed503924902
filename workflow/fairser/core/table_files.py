"""The one place that reads tables: csv files of the user, csv and parquet files of the workflow.

Polars takes ``[1]`` or ``*`` in a path for a pattern and reads other files. So files are opened
here, and no other module calls its readers.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError, damaged, nearest

NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Some columns of a parquet file, or all; ``polars`` errors of a file that is none."""
    with Path(path).open("rb") as file:
        return pl.read_parquet(file, columns=list(columns) if columns else None)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a parquet file."""
    with Path(path).open("rb") as file:
        return pl.read_parquet_metadata(file)


def read_made(
    path: str | Path, columns: Sequence[str] = (), text: Sequence[str] = ()
) -> pl.DataFrame:
    """A csv or parquet file that the workflow has written.

    Args:
        path: of the file.
        columns: that it must have.
        text: columns that it must have and that hold text, though it may look like numbers.

    Raises:
        InputError: the file is damaged; the message says how to make it anew.
    """
    try:
        if Path(path).suffix == ".parquet":
            frame = read_parquet(path)
        else:
            content = Path(path).read_bytes()
            if not content.endswith(b"\n"):
                raise damaged(path, "cut in the middle of a row")
            frame = pl.read_csv(
                content,
                schema_overrides=dict.fromkeys(text, pl.String),
                infer_schema_length=None,
            ).rename(_unquoted)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise damaged(path, str(error).splitlines()[0]) from error
    lacking = [name for name in (*columns, *text) if name not in frame.columns]
    if lacking:
        raise damaged(path, f"no column {', '.join(lacking)}")
    return frame


def _unquoted(name: str) -> str:
    """A name in the header of a csv: polars leaves the quotes within it doubled."""
    return name.replace('""', '"')


def read_csv(path: str | Path, separators: str = ",") -> pl.DataFrame:
    """The rows of a csv as text columns, and ``row``, the place of each (``file, row n``).

    Rows are counted as a text editor does: the header is row 1. An empty cell is empty text. Of
    several ``separators`` the first is the default; others count if the header has one.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct its path.")
    content = Path(path).read_bytes()
    try:
        header = content.decode("utf-8").partition("\n")[0]
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, row {row}: not readable as a csv in UTF-8. Save it as 'CSV UTF-8', not in "
            "another encoding, such as Latin-1 or UTF-16."
        ) from error
    separator = next((s for s in separators[1:] if s in header), separators[0])
    try:
        frame = pl.read_csv(content, separator=separator, infer_schema=False).fill_null("")
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"{path}: not readable as a csv in UTF-8 ({str(error).splitlines()[0]}). Every row "
            "needs as many values as the header; put a value with a comma in double quotes."
        ) from error
    other = next((s for s in NAMES if s in frame.columns[0]), None)
    if len(frame.columns) == 1 and other:
        raise InputError(f"{path}, row 1: separated by {NAMES[other]}; save it with commas.")
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

    ``why`` is a clause about a missing column, such as ``which 'corpus.attributes' names``.
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
