"""The tables of an audit, whatever their columns are called: csv, tsv or parquet, or in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.table_files import (
    read_csv,
    read_metadata,
    read_user_parquet,
    rename_columns,
    require_columns,
    user_table,
)
from fairser.core.words import joined, shortened
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import SPEAKER_COLUMNS
from fairser.corpora.faults import AT_ONCE

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LABEL, PREDICTION = "label", "prediction"
NAMES = ("clip", "speaker", "split", LABEL, PREDICTION)  # columns that are text in any file
ALIASES = {
    "clip": ("file", "FileName"),
    "speaker": SPEAKER_COLUMNS,
}  # used where the column is missing


@dataclass(frozen=True, eq=False)
class Table:
    """A table in memory, with the name that messages give it."""

    name: str
    frame: pl.DataFrame

    def __str__(self) -> str:
        return self.name


Source = Path | Table


def read_tables(paths: Sequence[Source], columns: Mapping[str, str]) -> pl.DataFrame:
    """The rows of all files, such as those of the folds.

    ``columns`` has the user's names of some of :data:`NAMES`; a file without such a column is read
    as usual. Text has no blanks around it and no null (a missing value is empty), ``row`` locates
    each row for messages, and clips have no ending of an audio file.
    """
    frames = [_read(path, columns) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if other := set(frame.columns) ^ set(frames[0].columns):
            raise InputError(
                f"{path} and {paths[0]} have different columns ({listed(sorted(other))}). Files "
                "of one audit need the same columns."
            )
    return pl.concat([f.select(frames[0].columns) for f in frames], how="vertical_relaxed")


def read_clips(paths: Sequence[Source], columns: Mapping[str, str]) -> pl.DataFrame:
    """The rows of tables that have the column ``clip``."""
    frame = read_tables(paths, columns)
    why = "the name of each row's clip; --clip names another column"
    require_columns(str(paths[0]), frame.columns, ["clip"], why)
    return frame


def check_columns(paths: Sequence[Source], role: str, name: str) -> None:
    """Raise an InputError if no file has the column that the user named for a role."""
    headers = [_load(path).columns for path in paths]
    if not any(name in header for header in headers):
        require_columns(str(paths[0]), headers[0], [name], f"which --{role} names")


def recorded_task(paths: Sequence[Source]) -> str | None:
    """The task in the metadata of clip tables; None for other files.

    Raises:
        InputError: they have different tasks.
    """
    tasks = [
        read_metadata(path).get("task")
        if isinstance(path, Path) and path.suffix.lower() == ".parquet"
        else None
        for path in paths
    ]
    if len(set(tasks)) > 1:
        other = next(n for n, task in enumerate(tasks) if task != tasks[0])
        raise InputError(
            f"{paths[other]} has the task {tasks[other]}, {paths[0]} {tasks[0]}. Files of one "
            "audit need the same task."
        )
    return tasks[0]


def check_unique(frame: pl.DataFrame, key: str, what: str) -> None:
    """Refuse an empty name and a second row of ``key`` (``clip`` or ``speaker``)."""
    empty = frame.filter(pl.col(key) == "")
    AT_ONCE.note(empty, "column '{key}' is empty; give every row a value.", key=key)
    twice = frame.filter(pl.col(key).is_duplicated()).select("row", name=key)
    AT_ONCE.note(twice, "{key} '{name}' has several rows; {what}.", "name", key=key, what=what)


def one_row_each(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """A table with one row per ``key``; rows may be repeated but must not contradict."""
    values = [name for name in frame.columns if name != "row"]
    once = frame.unique(values, keep="first", maintain_order=True)
    check_unique(once, key, "they contradict each other, so correct or remove one")
    return once


def listed(names: Iterable[str], most: int = 40) -> str:
    """Names in a row, the first ones of many."""
    return joined(shortened(names, most))


def _read(path: Source, columns: Mapping[str, str]) -> pl.DataFrame:
    frame = _load(path)
    found = {}
    for role in NAMES:
        known = (columns.get(role, role), role, *ALIASES.get(role, ()))
        if names := [name for name in known if name in frame.columns]:
            found[role] = names[0]
    free = [n for n in frame.columns if n not in found and n not in found.values()]
    frame = frame.select(*free, *(pl.col(name).alias(role) for role, name in found.items()))
    kinds = (pl.Categorical, pl.Enum, pl.String)
    text = [n for n, dtype in frame.schema.items() if n in NAMES or dtype in kinds]
    frame = frame.with_columns(pl.col(text).cast(pl.String).fill_null("").str.strip_chars())
    return frame.with_columns(clip_names("clip")) if "clip" in frame.columns else frame


def _load(path: Source) -> pl.DataFrame:
    """The rows of a table, its columns without blanks around their names."""
    if isinstance(path, Table):
        return rename_columns(user_table(path.frame, path.name), path.name, str.strip)
    kind = path.suffix.lower()
    if not path.is_file():
        hint = nearest(path.name, sorted(other.name for other in path.parent.glob("*")))
        raise InputError(f"{path}: no such file.{hint or ' Check the path.'}")
    if kind in SEPARATORS:
        frame = read_csv(path, SEPARATORS[kind])
    elif kind == ".parquet":
        frame = read_user_parquet(path)
    else:
        raise InputError(f"{path}: the name must end in .csv, .tsv or .parquet.")
    return rename_columns(frame, path, str.strip)
