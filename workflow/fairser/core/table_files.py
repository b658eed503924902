"""The one place that reads tables: csv files of the user, csv and parquet files of the workflow.

Polars takes ``[1]`` or ``*`` in a path for a pattern and reads other files. So files are opened
here, and no other module calls its readers.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError, damaged, nearest
from fairser.core.files import read_utf8

WRAPPED = r'^"(?:[^"]|"")*"$'  # in quotes, as csv writes a value with a quote
PART = 16_000_000  # bytes of rows that are held together
FIRST_PART = 16  # rows, whose sizes are not known yet
NAMES = {";": "semicolons", "\t": "tabs", "|": "bars"}


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Some columns of a parquet file, or all; ``polars`` errors of a file that is none."""
    with Path(path).open("rb") as file:
        return pl.read_parquet(file, columns=list(columns) if columns else None)


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a parquet file; InputError if it is none."""
    with Path(path).open("rb") as file, _as_parquet(path):
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


def read_csv(path: str | Path, separators: str = "") -> pl.DataFrame:
    """The rows of a csv as text columns, and ``row``, the place of each (``file, row n``).

    Rows are counted as a text editor does: the header is row 1. An empty cell is empty text. Of
    several ``separators`` the first is the default; others count if the header has one. By default
    a file ``.tsv`` has tabs, others have commas. Between tabs a quote is a letter, unless quotes
    enclose the whole value.
    """
    text = _text(path)
    first = text.partition("\n")[0]
    given = separators or ("\t" if Path(path).suffix.lower() == ".tsv" else ",")
    separator = next((s for s in given[1:] if s in first), given[0])
    _check_header(path, text, separator)
    quote = None if separator == "\t" else '"'
    try:
        frame = pl.read_csv(
            text.encode(), separator=separator, quote_char=quote, infer_schema=False
        ).fill_null("")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _unreadable(path, text, separator, str(error).splitlines()[0]) from error
    if frame.height == 0:
        raise InputError(f"{path}: the file has no rows below its header.")
    return with_places(frame if quote else _unwrapped(frame), path, 2)


def _unwrapped(frame: pl.DataFrame) -> pl.DataFrame:
    """Values and names without the quotes that enclose them; quotes within are doubled there."""
    inside = (
        pl.all().str.slice(1, pl.all().str.len_chars() - 2).str.replace_all('""', '"', literal=True)
    )
    frame = frame.with_columns(
        pl.when(pl.all().str.contains(WRAPPED)).then(inside).otherwise(pl.all())
    )
    return frame.rename(
        lambda name: name[1:-1].replace('""', '"') if re.fullmatch(WRAPPED, name) else name
    )


def read_user_parquet(path: str | Path) -> pl.DataFrame:
    """The rows of a user's parquet file, and ``row``, their places (:func:`user_table`).

    Raises:
        InputError: the file is no parquet, or has no rows.
    """
    with _as_parquet(path):
        frame = read_parquet(path)
    return user_table(frame, path)


def user_table(frame: pl.DataFrame, name: str | Path) -> pl.DataFrame:
    """The rows of a user's table with columns of types, and ``row``, their places from row 1 on.

    Columns hold text, numbers or truth values. Dates become text; left out are columns of lists, of
    bytes and of others that have no one text.

    Raises:
        InputError: it has no rows.
    """
    if not frame.height:
        raise InputError(f"{name}: the table has no rows.")
    return with_places(frame.select(plain(frame)), name, 1)


def plain(frame: pl.DataFrame) -> list[pl.Expr]:
    """The columns of text, numbers and truth values, and those of dates as text."""
    kept = []
    for column, kind in frame.schema.items():
        if kind.is_numeric() or kind in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
            kept.append(pl.col(column))
        elif kind.is_temporal() and kind != pl.Duration:
            kept.append(pl.col(column).cast(pl.String))
    return kept


def read_parts(path: str | Path) -> Iterator[pl.DataFrame]:
    """The rows of a parquet file that may not fit into memory, in parts of about :data:`PART`.

    A group of rows of the file is read whole, so it must fit.

    Raises:
        InputError: the file is no parquet.
    """
    with _as_parquet(path):
        rows = pl.scan_parquet(path, glob=False)
        total = rows.select(pl.len()).collect().item()
    start, number = 0, FIRST_PART
    while start < total:
        with _as_parquet(path):
            part = rows.slice(start, number).collect()
        yield part
        start += part.height
        number = max(1, int(PART * part.height / max(1, part.estimated_size())))


@contextmanager
def _as_parquet(path: str | Path) -> Iterator[None]:
    """Says which file is meant where polars can't read it."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not readable as parquet: {reason}. Write it again.") from error


def rename_columns(
    frame: pl.DataFrame, path: str | Path, plain: Callable[[str], str]
) -> pl.DataFrame:
    """The rows with a plain form of the names of the columns, such as that without blanks.

    Raises:
        InputError: two columns have the same.
    """
    names = [plain(name) for name in frame.columns]
    for name, other in zip(names, frame.columns, strict=True):
        if names.count(name) > 1:
            raise InputError(
                f"{path}, row 1: there are {names.count(name)} columns '{name}', but for blanks or "
                f"case, such as '{other}'; keep one."
            )
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def with_places(frame: pl.DataFrame, path: str | Path, first: int) -> pl.DataFrame:
    """The rows of a file with ``row``, their places in it; the first is number ``first``.

    A column of the file with this name becomes ``row of the file``.
    """
    own = "row of the file"
    if "row" in frame.columns:
        if own in frame.columns:
            raise InputError(f"{path}, row 1: the columns 'row' and '{own}'; rename one of them.")
        frame = frame.rename({"row": own})
    number = pl.int_range(first, pl.len() + first).cast(pl.String)
    return frame.with_columns((pl.lit(f"{path}, row ") + number).alias("row"))


def _text(path: str | Path) -> str:
    """The text of a csv; an InputError says why it is none."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; correct its path.")
    wanted = "Save it as 'CSV UTF-8'"
    text = read_utf8(path, "row", f"{wanted}, not in another encoding, such as Latin-1 or UTF-16.")
    if not text.strip():
        raise InputError(f"{path}: the file is empty; it needs a header and rows.")
    if "\r" in text and "\n" not in text:
        raise InputError(f"{path}: its lines end as on old Macs (CR). {wanted}.")
    return text


def _records(text: str, separator: str) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    if separator == "\t":
        return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=separator)


def _check_header(path: str | Path, text: str, separator: str) -> None:
    """Refuse a header whose names are not those of single columns."""
    try:
        names = next(filter(None, _records(text, separator)))
    except csv.Error as error:
        raise InputError(f"{path}, row 1: not readable as a header ({error}).") from error
    other = next((s for s in NAMES if s != separator and s in text.partition("\n")[0]), None)
    if len(names) == 1 and other:
        wanted = "tabs" if separator == "\t" else "commas"
        raise InputError(f"{path}, row 1: separated by {NAMES[other]}; save it with {wanted}.")
    for name in names:
        # A spreadsheet leaves columns without a name; none is read.
        if name and names.count(name) > 1:
            raise InputError(
                f"{path}, row 1: there are {names.count(name)} columns '{name}'; keep one, or "
                "rename the others."
            )


def _unreadable(path: str | Path, text: str, separator: str, reason: str) -> InputError:
    """The error about a csv that polars refuses, with the first row that is to blame."""
    advice = "put a value with a comma or a line break in double quotes, and a quote twice."
    with suppress(csv.Error):  # such as a field of more than 128 kB
        records = _records(text, separator)
        width = len(next(records))
        for number, values in enumerate(records, start=2):
            if len(values) > width:
                return InputError(
                    f"{path}, row {number}: {len(values)} values, but the header has {width} "
                    f"columns. Remove those too many; {advice}"
                )
    return InputError(
        f"{path}: not readable as a csv in UTF-8 ({reason}). Every row needs as many values as "
        f"the header; {advice}"
    )


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
