"""From files of labels and predictions to decisions: the classes each clip has and was given.

Labels and predictions each come in one of three forms:

- one class per clip: the columns ``label`` and ``prediction``;
- a column per class, ``label_CLASS`` and ``prediction_CLASS``, with 0 and 1, shares or
  probabilities;
- a column per class under the bare name of the class, as in the files of this workflow.

With one label per clip the most probable class is the prediction. With labels by class, a class is
there, or predicted, above a threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit import files
from fairser.corpora.clips import clip_names
from fairser.corpora.demographics import KNOWN, RESERVED, attribute_name
from fairser.errors import InputError, nearest
from fairser.metrics import Labels, positive

LABEL, PREDICTION = "label", "prediction"
TEST = "test"
SUM_TOLERANCE = 0.02  # by which the probabilities of a clip may miss 1


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
class Decisions:
    """What each clip is labelled and predicted as.

    Attributes:
        clips: a row per clip: ``clip``, ``row``, perhaps ``speaker``, and possible attributes.
        classes: names of the C classes.
        single: whether every clip has one label.
        truth: classes of the labels [N, C].
        predicted: classes of the predictions [N, C].
        thresholds: of labels and predictions by class; empty for one label per clip.
        notes: what was left out or assumed, in sentences.
    """

    clips: pl.DataFrame
    classes: tuple[str, ...]
    single: bool
    truth: Labels
    predicted: Labels
    thresholds: dict[str, float]
    notes: list[str]


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


def read_decisions(sources: Sources) -> Decisions:
    """Read labels and predictions, match them by clip and decide on the classes.

    Raises:
        InputError: missing columns, clips that stand twice, names that are no class, values that
            are no probabilities, or no clip with both a label and a prediction.
    """
    frame, notes = _of_split(_read(sources.predictions), sources.split, sources.predictions[0])
    files.unique_rows(frame, "clip", "keep one prediction for each clip")
    labels = _label_side(frame, sources).known()
    predictions = _prediction_side(frame, labels, sources).known()
    matched = _match(labels, predictions)
    classes = _classes(labels, predictions, sources)
    labels, predictions, missing = matched
    single = labels.columns is None
    if single and (sources.threshold, sources.label_threshold) != (None, None):
        raise InputError(
            "A threshold is for labels by class; where clips have one label, the most probable "
            "class is the prediction. Leave it out."
        )
    thresholds = {}
    if not single:
        given = {"labels": sources.label_threshold, "predictions": sources.threshold}
        thresholds = {k: 1 / len(classes) if v is None else v for k, v in given.items()}
    truth = (
        labels.one_hot(classes)
        if single
        else positive(labels.values(classes), sources.label_threshold)
    )
    if len(classes) < 2:
        raise InputError(
            f"{labels.path}: there is only one class ({files.listed(classes)}); two are needed. "
            "Name all classes with --classes."
        )
    predicted, assumed = _predict(predictions, classes, single, sources.threshold)
    clips = predictions.frame
    if sources.labels:  # what both have is taken from the labels
        own = [n for n in labels.frame.columns if n == "speaker" or sources.may_be_attribute(n)]
        clips = clips.drop(own, strict=False).hstack(labels.frame.select(own))
    return Decisions(
        clips, tuple(classes), single, truth, predicted, thresholds, notes + missing + assumed
    )


def _read(paths: Sequence[Path]) -> pl.DataFrame:
    frame = files.read_tables(paths)
    files.require(frame, "clip", paths[0], "the name of each row's clip")
    return frame.with_columns(files.text("clip")).with_columns(clip_names("clip"))


def _of_split(frame: pl.DataFrame, split: str | None, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """The rows of the split to audit, and a note if there are others."""
    if "split" not in frame.columns:
        if split is not None:
            files.require(frame, "split", path, "which --split asks for")
        return frame, []
    frame = frame.with_columns(files.text("split"))
    there = frame["split"].unique().sort().to_list()
    chosen = split or (TEST if TEST in there else there[0])
    if chosen not in there or (split is None and chosen != TEST and len(there) > 1):
        raise InputError(
            f"{path}: the column 'split' has the values {files.listed(there)}; say which one to "
            f"audit with --split.{nearest(chosen, there) if split else ''}"
        )
    kept = frame.filter(pl.col("split") == chosen)
    left = frame.height - kept.height
    return kept, [f"Only clips of the split {chosen} count; {left:,} others do not."] * (left > 0)


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


def _label_side(predictions: pl.DataFrame, sources: Sources) -> Side:
    frame, path = predictions, sources.predictions[0]
    if sources.labels:
        frame, path = _read(sources.labels), sources.labels[0]
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


def _prediction_side(frame: pl.DataFrame, labels: Side, sources: Sources) -> Side:
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


def _classes(labels: Side, predictions: Side, sources: Sources) -> list[str]:
    """The classes, which labels and predictions must agree on unless they are named."""
    if sources.classes:
        classes = list(dict.fromkeys(sources.classes))
    elif predictions.columns is None or labels.columns is not None:
        classes = labels.names
    else:
        classes = predictions.names
    if not sources.classes and predictions.columns is not None:
        _check_agreement(labels, predictions)
    return classes


def _check_agreement(labels: Side, predictions: Side) -> None:
    """Refuse columns of classes that the other side lacks."""
    sides = [(predictions, labels)]
    if labels.columns is not None:
        sides.append((labels, predictions))
    elif list(predictions.columns or {}) != list((predictions.columns or {}).values()):
        return  # a class may be without clips where the column says that it is one
    for side, other in sides:
        lone = [name for name in side.names if name not in other.names]
        if lone:
            raise InputError(
                f"{side.path}, row 1: column '{(side.columns or {})[lone[0]]}' holds numbers, but "
                f"no {other.role} in {other.path} has the class '{lone[0]}'."
                f"{nearest(lone[0], other.names)} If it is no class, or one without clips, name "
                f"the classes with --classes ({other.role}s have {files.listed(other.names)})."
            )


def _match(labels: Side, predictions: Side) -> tuple[Side, Side, list[str]]:
    """The clips that have both, in the order of the predictions, and notes on the others."""
    there, given = labels.frame, predictions.frame
    both = given.join(there, on="clip", how="semi", maintain_order="left")
    if not both.height:
        examples = [f"'{f['clip'][0]}'" if f.height else "none" for f in (given, there)]
        raise InputError(
            f"No clip has a label and a prediction. A predicted clip is {examples[0]} "
            f"({predictions.path}), a labelled one {examples[1]} ({labels.path}); name clips alike."
        )
    notes = []
    for what, lacks, one, other in (
        ("predicted", "label", given, there),
        ("labelled", "prediction", there, given),
    ):
        lost = one.join(other, on="clip", how="anti", maintain_order="left")["clip"].to_list()
        if lost:
            names = files.listed(lost, files.SHOWN)
            notes.append(f"Left out: {len(lost):,} {what} clip(s) without a {lacks} ({names}).")
    return labels.of(both), predictions.of(both), notes


def _predict(
    side: Side, classes: Sequence[str], single: bool, threshold: float | None
) -> tuple[Labels, list[str]]:
    """The predicted classes [N, C], and notes on what was assumed."""
    if side.columns is None:
        return side.one_hot(classes), []
    values = side.values(classes)
    if single:
        best = values == values.max(axis=1, keepdims=True)
        ties = int((best.sum(axis=1) > 1).sum())
        text = f"{ties:,} clip(s) have several most probable classes; the first one counts."
        return np.eye(len(classes), dtype=bool)[values.argmax(axis=1)], [text] * (ties > 0)
    shares = np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE
    decided = np.isin(values, (0, 1)).all()
    notes = []
    if threshold is None and not decided and shares.mean() < 0.5:
        notes = [
            "The predicted values of most clips do not sum to 1, so they look like a separate "
            f"probability for each class; 1/{len(classes)} was the threshold. Where 0.5 is meant, "
            "say --threshold 0.5."
        ]
    return positive(values, threshold), notes
