"""From labels and predictions to decisions: the classes each clip has, and those predicted.

With one label per clip, the most probable class is predicted. With labels by class, a clip has a
class, or is predicted to have it, above a threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit import files
from fairser.audit.inputs import (
    AuditInput,
    ClipValues,
    read_clips,
    read_labels,
    read_predictions,
)
from fairser.core.errors import InputError, nearest
from fairser.core.words import counted
from fairser.evaluation.metrics import Labels, positive

TEST = "test"
SUM_TOLERANCE = 0.02  # by which the probabilities of a clip may miss 1
SHOWN = 3  # clips or speakers that a note names


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


def read_decisions(given: AuditInput) -> Decisions:
    """Read labels and predictions, match them by clip and decide on the classes.

    Raises:
        InputError: missing columns, several rows of a clip, names that are no class, values that
            are no probabilities, or no clip with both a label and a prediction.
    """
    frame, notes = _of_split(read_clips(given.predictions), given.split, given.predictions[0])
    files.unique_rows(frame, "clip", "keep one prediction for each clip")
    labels = read_labels(frame, given).known()
    predictions = read_predictions(frame, labels, given).known()
    classes = _classes(labels, predictions, given.classes)
    labels, predictions, missing = _match(labels, predictions)
    single = labels.columns is None
    chosen = {"labels": given.label_threshold, "predictions": given.threshold}
    if single and set(chosen.values()) != {None}:
        raise InputError(
            "A threshold is for labels by class. These clips have one label each, so the most "
            "probable class is the prediction; leave the threshold out."
        )
    truth = labels.array(classes)
    if len(classes) < 2:
        raise InputError(
            f"{labels.path}: there is only one class ({files.listed(classes)}), but an audit needs "
            "two. Name all classes with --classes."
        )
    thresholds = {}
    if not single:
        thresholds = {k: 1 / len(classes) if t is None else t for k, t in chosen.items()}
        truth = positive(truth, thresholds["labels"])
    predicted, assumed = _predict(predictions, classes, single, given.threshold)
    clips = predictions.frame
    if given.labels:  # they win over the predictions in what both files have
        own = [n for n in labels.frame.columns if n == "speaker" or given.may_be_attribute(n)]
        clips = clips.drop(own, strict=False).hstack(labels.frame.select(own))
    notes += missing + assumed
    return Decisions(clips, tuple(classes), single, truth, predicted, thresholds, notes)


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
            f"{path}: the column 'split' has the values {files.listed(there)}. Choose one with "
            f"--split.{nearest(chosen, there) if split else ''}"
        )
    kept = frame.filter(pl.col("split") == chosen)
    left = frame.height - kept.height
    return kept, [f"Only the split {chosen} is audited; {left:,} other rows are not."] * (left > 0)


def _classes(labels: ClipValues, predictions: ClipValues, named: Sequence[str]) -> list[str]:
    """The classes, which labels and predictions must agree on unless they are named.

    Raises:
        InputError: a column of a class that the other side lacks.
    """
    if named:
        return list(dict.fromkeys(named))
    if predictions.columns is None:
        return labels.names
    pairs = [(predictions, labels)]
    if labels.columns is not None:
        pairs.append((labels, predictions))
    elif list(predictions.columns) != list(predictions.columns.values()):
        pairs = []  # a class may be without clips where the column says that it is one
    for side, other in pairs:
        lone = [name for name in side.names if name not in other.names]
        if lone:
            raise InputError(
                f"{side.path}, row 1: column '{(side.columns or {})[lone[0]]}' holds numbers, but "
                f"no {other.role} in {other.path} has the class '{lone[0]}'."
                f"{nearest(lone[0], other.names)} If it is no class, or one without clips, name "
                f"the classes with --classes ({other.role}s have {files.listed(other.names)})."
            )
    return predictions.names if labels.columns is None else labels.names


def _match(labels: ClipValues, predictions: ClipValues) -> tuple[ClipValues, ClipValues, list[str]]:
    """The clips that have both, in the order of the predictions, and notes on the others."""
    there, given = labels.frame, predictions.frame
    both = given.join(there, on="clip", how="semi", maintain_order="left")
    if not both.height:
        examples = [f"'{f['clip'][0]}'" if f.height else "none" for f in (given, there)]
        raise InputError(
            f"No clip has both a label and a prediction. A clip with a prediction is {examples[0]} "
            f"({predictions.path}), one with a label {examples[1]} ({labels.path}). Use the same "
            "names of clips in both."
        )
    notes = []
    for one, other, lacks in ((predictions, labels, "label"), (labels, predictions, "prediction")):
        lost = one.frame.join(other.frame, on="clip", how="anti", maintain_order="left")
        if lost.height:
            names = files.listed(lost["clip"], SHOWN)
            notes.append(f"Left out: {counted(lost.height, 'clip')} without a {lacks} ({names}).")
    return labels.of(both), predictions.of(both), notes


def _predict(
    side: ClipValues, classes: Sequence[str], single: bool, threshold: float | None
) -> tuple[Labels, list[str]]:
    """The predicted classes [N, C], and notes on what was assumed."""
    values = side.array(classes)
    if side.columns is None:
        return values, []
    if single:
        best = values == values.max(axis=1, keepdims=True)
        ties = int((best.sum(axis=1) > 1).sum())
        text = (
            f"Ties: {counted(ties, 'clip')} with several most probable classes; the first is used."
        )
        return np.eye(len(classes), dtype=bool)[values.argmax(axis=1)], [text] * (ties > 0)
    shares = np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE
    decided = np.isin(values, (0, 1)).all()
    notes = []
    if threshold is None and not decided and shares.mean() < 0.5:
        notes = [
            "The predicted values of most clips do not sum to 1, so they look like a separate "
            f"probability for each class. The threshold was 1/{len(classes)}; for 0.5, add "
            "--threshold 0.5."
        ]
    return positive(values, threshold), notes
