"""What an audit reads: labels and predictions, each in one of three forms.

- one class per clip: the columns ``label`` and ``prediction``;
- a column per class, ``label_CLASS`` and ``prediction_CLASS``, with 0 and 1, shares or
  probabilities;
- a column per class under the bare name of the class, as in the files of this workflow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from fairser.auditing.matching import with_names_of
from fairser.auditing.reading import (
    LABEL,
    NAMES,
    PREDICTION,
    Source,
    listed,
    one_row_each,
    read_clips,
)
from fairser.core.errors import InputError, nearest
from fairser.core.table_files import require_columns
from fairser.corpora.demographics import AGE_YEARS, KNOWN, attribute_name
from fairser.corpora.faults import AT_ONCE

EMOTION = "emotion"  # the label of a manifest
OTHERS = ("file", "fold", EMOTION, "majority", AGE_YEARS)  # columns of this workflow's files
ROUNDING = 1e-6  # by which float32 may leave the range from 0 to 1
SUM_TOLERANCE = 0.02  # by which the probabilities of a clip may miss 1
OTHER_FORMS = {
    LABEL: "nor one per class (label_CLASS); name the column by --label, or a file with labels by "
    "--labels",
    PREDICTION: "nor one per class (prediction_CLASS, or the name of the class); name the column "
    "by --prediction",
}


@dataclass(frozen=True)
class AuditInput:
    """The tables of an audit, and how to read them."""

    predictions: Sequence[Source]  # of different clips, such as those of the folds
    labels: Sequence[Source] = ()  # by clip; without them the predictions hold the labels
    groups: Source | None = None  # attributes by speaker or by clip
    columns: Mapping[str, str] = field(default_factory=dict)  # by clip, speaker, label, prediction
    classes: Sequence[str] = ()  # by default those of the files
    threshold: float | None = None  # a class is predicted above it; None is 1 / C
    label_threshold: float | None = None  # the same for labels
    split: str | None = None  # to audit where the clips have several; None is ``test``
    attributes: Sequence[str] = ()  # by default those of ``groups`` or that corpora usually have
    crossings: Sequence[Sequence[str]] = ()  # attributes to cross, each at least two
    smallest: int = 1  # speakers that a group needs; clips of smaller ones count as unknown

    @property
    def files(self) -> list[Source]:
        return [*self.predictions, *self.labels, *([self.groups] if self.groups else [])]

    @property
    def with_labels(self) -> Sequence[Source]:
        """The files that hold the labels."""
        return self.labels or self.predictions

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

    ``named`` is true where the column ``role`` names the class of each clip. ``by_class`` has the
    column of each class, if there are such columns.
    """

    role: str
    path: Source
    frame: pl.DataFrame
    named: bool
    by_class: dict[str, str]

    @property
    def columns(self) -> list[str]:
        return [self.role] if self.named else list(self.by_class.values())

    @property
    def names(self) -> list[str]:
        """The classes, in the order of their columns, or those that occur, by name."""
        return list(self.by_class) or self.frame[self.role].unique().sort().to_list()

    @property
    def numbers(self) -> pl.DataFrame:
        """The columns of the classes as numbers; what is none is null."""
        columns = list(self.by_class.values())
        # Float32 stays float32: a share of 1/3 in it is above the float64 of 1/3.
        kinds = {self.frame.schema[name] for name in columns}
        kind = pl.Float32 if kinds == {pl.Float32} else pl.Float64
        return self.frame.select(pl.col(columns).cast(kind, strict=False))

    @property
    def sums_to_one(self) -> bool:
        """Whether the values of all clips do, as the probabilities of one model do."""
        if not self.by_class:
            return False
        total = self.numbers.select(pl.sum_horizontal(pl.all(), ignore_nulls=False)).to_series()
        return bool(((total - 1).abs() <= SUM_TOLERANCE).fill_null(False).all())

    @property
    def rounding(self) -> float:
        """Half a unit of the last decimal of the numbers of a text file; 0 for other files."""
        columns = [n for n in self.by_class.values() if self.frame.schema[n] == pl.String]
        decimals = pl.col(columns).str.extract(r"\.(\d+)").str.len_chars().max()
        found = max([n or 0 for n in self.frame.select(decimals).row(0)] if columns else [0])
        return 0.5 * 10.0**-found if found else 0.0

    def known(self) -> "ClipValues":
        """Without the clips whose values are empty."""
        filled = pl.any_horizontal(pl.col(self.columns).cast(pl.String).fill_null("") != "")
        return replace(self, frame=self.frame.filter(filled))

    def array(self, classes: Sequence[str]) -> np.ndarray:
        """Whether each row names a class, or its shares or probabilities [N, C]."""
        if self.named:
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
        numbers = self.numbers.select(columns)
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
    taken = column in (*OTHERS, *NAMES, "row")
    return not taken and not column.startswith((f"{LABEL}_", f"{PREDICTION}_"))


def read_labels(predictions: pl.DataFrame, given: AuditInput, notes: list[str]) -> ClipValues:
    """The labels, from the frame of the predictions or from files of their own.

    A file of labels may be a manifest: ``emotion`` is the label there. Its clips get the names that
    the predictions give them. It may have several rows for a clip.
    """
    if not given.labels:
        return _values(predictions, LABEL, given.predictions[0], {}).known()
    path = given.labels[0]
    frame = read_clips(given.labels, given.columns)
    if LABEL not in frame.columns:
        frame = frame.rename({EMOTION: LABEL}, strict=False)
    frame = with_names_of(predictions["clip"], frame, path, notes)
    return _values(frame, LABEL, path, _bare(frame, given)).known()


def one_label_each(labels: ClipValues, given: AuditInput) -> ClipValues:
    """The labels of a file of its own with one row per clip, and what else is known of clips."""
    own = labels.frame.columns
    kept = [name for name in own if name == "speaker" or given.may_be_attribute(name)]
    columns = [name for name in (*labels.columns, *kept) if name != "clip"]
    return replace(labels, frame=one_row_each(labels.frame.select("clip", *columns, "row"), "clip"))


def read_predictions(
    frame: pl.DataFrame, labels: ClipValues, given: AuditInput, single: bool
) -> ClipValues:
    """The predictions of a frame; bare names of classes are known from the labels.

    A file may have both a column ``prediction`` and probabilities that sum to 1, as that of
    ``predict.py``. With one label per clip the column counts if it has one class for each clip;
    otherwise the probabilities do, unless the user named the column.
    """
    bare = _bare(frame, given)
    bare = bare if set(bare) & set(labels.names) else {}
    found = _values(frame, PREDICTION, given.predictions[0], bare)
    if not found.named or PREDICTION in given.columns or not found.sums_to_one:
        return replace(found, by_class={} if found.named else found.by_class).known()
    one_class = bool(frame[PREDICTION].is_in(found.names).all())
    return replace(found, named=single and one_class).known()


def _values(frame: pl.DataFrame, role: str, path: Source, bare: dict[str, str]) -> ClipValues:
    start = f"{role}_"
    columns = {n.removeprefix(start): n for n in frame.columns if n.startswith(start)} or bare
    if role in frame.columns:
        return ClipValues(role, path, frame, True, columns if role == PREDICTION else {})
    if not columns:
        require_columns(str(path), frame.columns, [role], OTHER_FORMS[role])
    return ClipValues(role, path, frame, False, columns)


def _bare(frame: pl.DataFrame, given: AuditInput) -> dict[str, str]:
    """Columns that hold a number somewhere and have no other meaning."""
    if given.classes:
        return {name: name for name in given.classes if name in frame.columns}
    free = [n for n in frame.columns if is_free(n) and not given.may_be_attribute(n)]
    return {n: n for n in free if frame[n].cast(pl.Float64, strict=False).count()}
