"""The files of an audit: csv, tsv or parquet, with labels and predictions in one of three forms.

- one class per clip: the columns ``label`` and ``prediction``;
- a column per class, ``label_CLASS`` and ``prediction_CLASS``, with 0 and 1, shares or
  probabilities;
- a column per class under the bare name of the class, as in the files of this workflow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from fairser.core.csv_files import read_csv, require_columns
from fairser.core.errors import InputError, nearest
from fairser.core.words import joined, shortened
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import KNOWN, RESERVED, SPEAKER_COLUMNS, attribute_name
from fairser.corpora.faults import AT_ONCE

SEPARATORS = {".csv": ",", ".tsv": "\t"}
LABEL, PREDICTION = "label", "prediction"
ROUNDING = 1e-6  # by which float32 may leave the range from 0 to 1
NAMES = ("clip", "speaker", "split", LABEL, PREDICTION)  # columns that are text in any file
OTHER_FORMS = {
    LABEL: "nor one per class (label_CLASS); or name a file with labels by --labels",
    PREDICTION: "nor one per class (prediction_CLASS, or the name of the class)",
}


@dataclass(frozen=True)
class AuditInput:
    """The files of an audit, and how to read them."""

    predictions: Sequence[Path]  # of different clips, such as those of the folds
    labels: Sequence[Path] = ()  # by clip; without them the predictions hold the labels
    groups: Path | None = None  # attributes by speaker or by clip
    classes: Sequence[str] = ()  # by default those of the files
    threshold: float | None = None  # a class is predicted above it; None is 1 / C
    label_threshold: float | None = None  # the same for labels
    split: str | None = None  # to audit where the predictions have several; None is ``test``
    attributes: Sequence[str] = ()  # by default those of ``groups`` or that corpora usually have
    crossings: Sequence[Sequence[str]] = ()  # attributes to cross, each at least two
    smallest: int = 1  # speakers that a group needs; clips of smaller ones count as unknown

    @property
    def files(self) -> list[Path]:
        return [*self.predictions, *self.labels, *([self.groups] if self.groups else [])]

    @property
    def wanted(self) -> list[str]:
        """Attributes that are asked for by name, alone or in a crossing."""
        names = [*self.attributes, *(name for names in self.crossings for name in names)]
        return list(dict.fromkeys(names))

    def may_be_attribute(self, column: str) -> bool:
        name = attribute_name(column)
        return name in KNOWN or name in self.wanted


@dataclass(frozen=True)
class ClipValues:
    """Labels or predictions (``role``) in a frame with a row per clip.

    ``by_class`` has the column of each class; it is empty where the column ``role`` names the
    class.
    """

    role: str
    path: Path
    frame: pl.DataFrame
    by_class: dict[str, str]

    @property
    def columns(self) -> list[str]:
        return list(self.by_class.values()) or [self.role]

    @property
    def names(self) -> list[str]:
        """Classes that occur, in the order of the columns or by name."""
        return list(self.by_class) or self.frame[self.role].unique().sort().to_list()

    def known(self) -> "ClipValues":
        """Without the clips whose values are empty."""
        filled = pl.any_horizontal(pl.col(self.columns).cast(pl.String).fill_null("") != "")
        return replace(self, frame=self.frame.filter(filled))

    def array(self, classes: Sequence[str]) -> np.ndarray:
        """Whether each row names a class, or its shares or probabilities [N, C]."""
        if not self.by_class:
            wrong = self.frame.filter(~pl.col(self.role).is_in(classes))
            AT_ONCE.note(
                wrong.select("row", name=self.role),
                "{role} '{name}' is no class. The classes are: {all}. Name all classes with "
                "--classes, or correct the {role}.",
                "name",
                known=classes,
                role=self.role,
                all=listed(classes),
            )
            return np.stack([(self.frame[self.role] == name).to_numpy() for name in classes], 1)
        if lost := [name for name in classes if name not in self.by_class]:
            raise InputError(
                f"{self.path}, row 1: no column with the {self.role} of class '{lost[0]}'."
                f"{nearest(lost[0], self.names)} There are: {listed(self.names)}."
            )
        columns = [self.by_class[name] for name in classes]
        # Float32 stays float32: a share of 1/3 in it is above the float64 of 1/3.
        kinds = {self.frame.schema[name] for name in columns}
        kind = pl.Float32 if kinds == {pl.Float32} else pl.Float64
        numbers = self.frame.select(pl.col(columns).cast(kind, strict=False))
        for name in columns:
            fine = numbers[name].is_between(-ROUNDING, 1 + ROUNDING).fill_null(False)
            AT_ONCE.note(
                self.frame.filter(~fine).select("row", given=name),
                "column '{name}' holds {given!r}, but must hold a number from 0 to 1. Turn scores "
                "into probabilities, and divide percentages by 100.",
                name=name,
            )
        return numbers.to_numpy()


def is_free(column: str) -> bool:
    """Whether a column has no meaning of its own, so that it may be an attribute or a class."""
    taken = column in (*RESERVED, *NAMES, "row")
    return not taken and not column.startswith((f"{LABEL}_", f"{PREDICTION}_"))


def read_tables(paths: Sequence[Path]) -> pl.DataFrame:
    """The rows of all files, such as those of the folds.

    Text has no blanks around it and no null (a missing value is empty), ``row`` locates each row
    for messages, ``SpkrID`` or ``ActorID`` becomes ``speaker``, and clips have no ending of an
    audio file.
    """
    frames = [_read(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if other := set(frame.columns) ^ set(frames[0].columns):
            raise InputError(
                f"{path} and {paths[0]} have different columns ({listed(sorted(other))}). Files "
                "of one audit need the same columns."
            )
    return pl.concat([f.select(frames[0].columns) for f in frames], how="vertical_relaxed")


def read_clips(paths: Sequence[Path]) -> pl.DataFrame:
    """The rows of tables that have the column ``clip``."""
    frame = read_tables(paths)
    require_columns(paths[0], frame.columns, ["clip"], "the name of each row's clip")
    return frame


def read_labels(predictions: pl.DataFrame, given: AuditInput) -> ClipValues:
    """The labels, from the frame of the predictions or from files of their own."""
    if not given.labels:
        return _values(predictions, LABEL, given.predictions[0], {}).known()
    frame = read_clips(given.labels)
    found = _values(frame, LABEL, given.labels[0], _bare(frame, given))
    kept = [n for n in frame.columns if n == "speaker" or given.may_be_attribute(n)]
    frame = one_row_each(frame.select("clip", *found.columns, *kept, "row"), "clip")
    return replace(found, frame=frame).known()


def read_predictions(frame: pl.DataFrame, labels: ClipValues, given: AuditInput) -> ClipValues:
    """The predictions of a frame; bare names of classes are known from the labels."""
    bare = _bare(frame, given)
    bare = bare if set(bare) & set(labels.names) else {}
    return _values(frame, PREDICTION, given.predictions[0], bare).known()


def _values(frame: pl.DataFrame, role: str, path: Path, bare: dict[str, str]) -> ClipValues:
    if role in frame.columns:
        return ClipValues(role, path, frame, {})
    start = f"{role}_"
    columns = {n.removeprefix(start): n for n in frame.columns if n.startswith(start)} or bare
    if not columns:
        require_columns(path, frame.columns, [role], OTHER_FORMS[role])
    return ClipValues(role, path, frame, columns)


def _bare(frame: pl.DataFrame, given: AuditInput) -> dict[str, str]:
    """Columns that hold a number somewhere and have no other meaning."""
    if given.classes:
        return {name: name for name in given.classes if name in frame.columns}
    free = [n for n in frame.columns if is_free(n) and not given.may_be_attribute(n)]
    return {n: n for n in free if frame[n].cast(pl.Float64, strict=False).count()}


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
        column = name.split("_duplicated_")[0]  # as polars renames the second one
        if name != column or names.count(name) > 1:
            raise InputError(f"{path}, row 1: there are two columns '{column}'; keep one.")
    frame = frame.rename(dict(zip(frame.columns, names, strict=True)))
    speaker = next((name for name in SPEAKER_COLUMNS if name in names), "speaker")
    frame = frame.rename({speaker: "speaker"}, strict=False)
    kinds = (pl.Categorical, pl.Enum, pl.String)
    text = [n for n, dtype in frame.schema.items() if n in NAMES or dtype in kinds]
    frame = frame.with_columns(pl.col(text).cast(pl.String).fill_null("").str.strip_chars())
    return frame.with_columns(clip_names("clip")) if "clip" in names else frame


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: not readable as parquet: {reason}") from error
    if not frame.height:
        raise InputError(f"{path}: the file has no rows.")
    place = pl.lit(f"{path}, row ") + pl.int_range(1, pl.len() + 1).cast(pl.String)
    return frame.with_columns(place.alias("row"))


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
