"""The files of an audit: labels and predictions, in whichever form they come.

- one class per clip: the columns ``label`` and ``prediction``;
- a column per class, ``label_CLASS`` and ``prediction_CLASS``, with 0 and 1, shares or
  probabilities;
- a column per class under the bare name of the class, as in the files of this workflow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit import files
from fairser.core.errors import InputError, nearest
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import KNOWN, RESERVED, attribute_name
from fairser.evaluation.metrics import Labels

LABEL, PREDICTION = "label", "prediction"


@dataclass(frozen=True)
class Sources:
    """The files of an audit, and how to read them.

    Attributes:
        predictions: files of predictions, each of other clips, such as those of the folds.
        labels: files with the labels by clip; without them the predictions hold the labels.
        groups: file with attributes by speaker or by clip.
        classes: names of the classes; none takes those of the files.
        threshold: above which a class counts as predicted; None is 1 / C.
        label_threshold: the same for labels.
        split: to audit where the predictions have several; None is ``test``.
        attributes: to compare; none takes all of ``groups``, or those that corpora usually have.
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
class Side:
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

    def known(self) -> "Side":
        """Without the clips whose values are empty."""
        columns = [self.role] if self.columns is None else list(self.columns.values())
        filled = [pl.col(c).is_not_null() & (pl.col(c).cast(pl.String) != "") for c in columns]
        return self.replace(self.frame.filter(pl.any_horizontal(filled)))

    def of(self, clips: pl.DataFrame) -> "Side":
        """The rows of clips, in their order."""
        return self.replace(clips.select("clip").join(self.frame, on="clip", maintain_order="left"))

    def replace(self, frame: pl.DataFrame) -> "Side":
        return Side(self.role, self.path, frame, self.columns)

    def one_hot(self, classes: Sequence[str]) -> Labels:
        """The class that each row names [N, C]."""
        wrong = self.frame.filter(~pl.col(self.role).is_in(classes))
        if wrong.height:
            name, row = wrong[self.role][0], wrong["row"][0]
            raise InputError(
                f"{row}: {self.role} '{name}' is no class ({wrong.height} row(s) have unknown "
                f"ones).{nearest(name, list(classes))} The classes are: {files.listed(classes)}. "
                "Mend it, or name all classes with --classes if it is one."
            )
        return np.stack([(self.frame[self.role] == name).to_numpy() for name in classes], axis=1)

    def values(self, classes: Sequence[str]) -> np.ndarray:
        """Shares or probabilities [N, C]."""
        columns = self.columns or {}
        for name in classes:
            if name not in columns:
                raise InputError(
                    f"{self.path}, row 1: no column with the {self.role} of class '{name}'."
                    f"{nearest(name, self.names)} There are: {files.listed(self.names)}."
                )
        return files.shares(self.frame, [columns[name] for name in classes]).to_numpy()


def label_side(predictions: pl.DataFrame, sources: Sources) -> Side:
    frame, path = predictions, sources.predictions[0]
    if sources.labels:
        frame, path = read(sources.labels), sources.labels[0]
    if LABEL in frame.columns:
        columns = None
        frame = frame.with_columns(files.text(LABEL))
    else:
        columns = _prefixed(frame, LABEL) or (_bare(frame, sources) if sources.labels else {})
        if not columns:
            why = "nor one per class (label_CLASS); or name a file with labels by --labels"
            files.require(frame, LABEL, path, why)
    if sources.labels:
        kept = [n for n in frame.columns if n == "speaker" or sources.may_be_attribute(n)]
        named = [LABEL] if columns is None else list(columns.values())
        frame = files.one_row_each(frame.select("clip", *named, *kept, "row"), "clip")
    return Side(LABEL, path, frame, columns)


def prediction_side(frame: pl.DataFrame, labels: Side, sources: Sources) -> Side:
    path = sources.predictions[0]
    if PREDICTION in frame.columns:
        return Side(PREDICTION, path, frame.with_columns(files.text(PREDICTION)), None)
    columns = _prefixed(frame, PREDICTION)
    if not columns:
        columns = _bare(frame, sources)
        if not set(columns) & set(labels.names):
            why = "nor one per class (prediction_CLASS, or the name of the class)"
            files.require(frame, PREDICTION, path, why)
    return Side(PREDICTION, path, frame, columns)


def read(paths: Sequence[Path]) -> pl.DataFrame:
    frame = files.read_tables(paths)
    files.require(frame, "clip", paths[0], "the name of each row's clip")
    return frame.with_columns(files.text("clip")).with_columns(clip_names("clip"))


def _prefixed(frame: pl.DataFrame, role: str) -> dict[str, str]:
    start = f"{role}_"
    return {n.removeprefix(start): n for n in frame.columns if n.startswith(start) and n != start}


def _bare(frame: pl.DataFrame, sources: Sources) -> dict[str, str]:
    """Columns that hold a number somewhere and have no other meaning."""
    if sources.classes:
        return {name: name for name in sources.classes if name in frame.columns}
    taken = (*RESERVED, "speaker", "row", LABEL, PREDICTION)
    prefixed = {*_prefixed(frame, LABEL).values(), *_prefixed(frame, PREDICTION).values()}
    free = [
        name
        for name in frame.columns
        if name not in taken and name not in prefixed and not sources.may_be_attribute(name)
    ]
    numbers = frame.select(
        pl.col(name).cast(pl.Float64, strict=False).is_not_null().any() for name in free
    )
    return {name: name for name in free if numbers[name][0]}
