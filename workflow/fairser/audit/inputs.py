"""Labels and predictions of an audit, in whichever form its files have them.

- one class per clip: the columns ``label`` and ``prediction``;
- a column per class, ``label_CLASS`` and ``prediction_CLASS``, with 0 and 1, shares or
  probabilities;
- a column per class under the bare name of the class, as in the files of this workflow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit import files
from fairser.core.errors import InputError, nearest
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import KNOWN, RESERVED, attribute_name

LABEL, PREDICTION = "label", "prediction"
OTHER_FORMS = {
    LABEL: "nor one per class (label_CLASS); or name a file with labels by --labels",
    PREDICTION: "nor one per class (prediction_CLASS, or the name of the class)",
}


@dataclass(frozen=True)
class AuditInput:
    """The files of an audit, and how to read them.

    Attributes:
        predictions: files of predictions of different clips, such as those of the folds.
        labels: files with the labels by clip; without them the predictions hold the labels.
        groups: file with attributes by speaker or by clip.
        classes: names of the classes; by default those of the files.
        threshold: a class is predicted above it; None is 1 / C.
        label_threshold: the same for labels.
        split: to audit where the predictions have several; None is ``test``.
        attributes: to compare; by default all of ``groups``, or those that corpora usually have.
        crossings: attributes to cross, each at least two.
        smallest: speakers that a group needs; clips of smaller ones count as unknown.
    """

    predictions: Sequence[Path]
    labels: Sequence[Path] = ()
    groups: Path | None = None
    classes: Sequence[str] = ()
    threshold: float | None = None
    label_threshold: float | None = None
    split: str | None = None
    attributes: Sequence[str] = ()
    crossings: Sequence[Sequence[str]] = ()
    smallest: int = 1

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
    """Labels or predictions of clips.

    Attributes:
        role: ``label`` or ``prediction``.
        path: the (first) file, for messages.
        frame: a row per clip.
        columns: column by class; None where the column ``role`` names the class.
    """

    role: str
    path: Path
    frame: pl.DataFrame
    columns: dict[str, str] | None

    @property
    def names(self) -> list[str]:
        """Classes that occur, in the order of the columns or by name."""
        if self.columns is not None:
            return list(self.columns)
        return self.frame[self.role].unique().sort().to_list()

    def known(self) -> "ClipValues":
        """Without the clips whose values are empty."""
        columns = [self.role] if self.columns is None else list(self.columns.values())
        filled = [pl.col(c).is_not_null() & (pl.col(c).cast(pl.String) != "") for c in columns]
        return replace(self, frame=self.frame.filter(pl.any_horizontal(filled)))

    def of(self, clips: pl.DataFrame) -> "ClipValues":
        """The rows of clips, in their order."""
        frame = clips.select("clip").join(self.frame, on="clip", maintain_order="left")
        return replace(self, frame=frame)

    def array(self, classes: Sequence[str]) -> np.ndarray:
        """Whether each row names a class, or its shares or probabilities [N, C].

        Raises:
            InputError: an unknown class, a class without a column, a value that is no share.
        """
        if self.columns is None:
            known = files.listed(classes)
            wrong = self.frame.filter(~pl.col(self.role).is_in(classes))
            hint = nearest(wrong[self.role][0], list(classes)) if wrong.height else ""
            files.refuse(
                wrong.select("row", name=self.role),
                f"{self.role} '{{name}}' is no class.{{hint}} The classes are: {{known}}. Correct "
                "it, or name all classes with --classes.",
                "name",
                hint=hint,
                known=known,
            )
            return np.stack([(self.frame[self.role] == name).to_numpy() for name in classes], 1)
        for name in classes:
            if name not in self.columns:
                raise InputError(
                    f"{self.path}, row 1: no column with the {self.role} of class '{name}'."
                    f"{nearest(name, self.names)} There are: {files.listed(self.names)}."
                )
        return files.shares(self.frame, [self.columns[name] for name in classes]).to_numpy()


def read_labels(predictions: pl.DataFrame, given: AuditInput) -> ClipValues:
    """The labels, from the frame of the predictions or from files of their own."""
    if not given.labels:
        return _values(predictions, LABEL, given.predictions[0], {})
    frame = read_clips(given.labels)
    found = _values(frame, LABEL, given.labels[0], _bare(frame, given))
    kept = [n for n in frame.columns if n == "speaker" or given.may_be_attribute(n)]
    named = [LABEL] if found.columns is None else list(found.columns.values())
    frame = files.one_row_each(found.frame.select("clip", *named, *kept, "row"), "clip")
    return replace(found, frame=frame)


def read_predictions(frame: pl.DataFrame, labels: ClipValues, given: AuditInput) -> ClipValues:
    """The predictions of a frame; bare names of classes are known from the labels."""
    bare = _bare(frame, given)
    bare = bare if set(bare) & set(labels.names) else {}
    return _values(frame, PREDICTION, given.predictions[0], bare)


def read_clips(paths: Sequence[Path]) -> pl.DataFrame:
    """The rows of tables by clip; names of clips have no ending of an audio file."""
    frame = files.read_tables(paths)
    files.require(frame, "clip", paths[0], "the name of each row's clip")
    return frame.with_columns(files.text("clip")).with_columns(clip_names("clip"))


def _values(frame: pl.DataFrame, role: str, path: Path, bare: dict[str, str]) -> ClipValues:
    if role in frame.columns:
        return ClipValues(role, path, frame.with_columns(files.text(role)), None)
    start = f"{role}_"
    columns = {n.removeprefix(start): n for n in frame.columns if n.startswith(start)} or bare
    if not columns:
        files.require(frame, role, path, OTHER_FORMS[role])
    return ClipValues(role, path, frame, columns)


def _bare(frame: pl.DataFrame, given: AuditInput) -> dict[str, str]:
    """Columns that hold a number somewhere and have no other meaning."""
    if given.classes:
        return {name: name for name in given.classes if name in frame.columns}
    taken = (*RESERVED, "speaker", "row", LABEL, PREDICTION)
    free = [
        name
        for name in frame.columns
        if name not in taken
        and not name.startswith((f"{LABEL}_", f"{PREDICTION}_"))
        and not given.may_be_attribute(name)
    ]
    numbers = frame.select(
        pl.col(name).cast(pl.Float64, strict=False).is_not_null().any() for name in free
    )
    return {name: name for name in free if numbers[name][0]}
