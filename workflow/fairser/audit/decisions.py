"""From labels and predictions to decisions: the classes each clip has, and those predicted.

With one label per clip, the most probable class is predicted. With labels by class, a clip has a
class, or is predicted to have it, above a threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit.inputs import (
    LABEL,
    PREDICTION,
    AuditInput,
    ClipValues,
    check_unique,
    listed,
    read_clips,
    read_labels,
    read_predictions,
)
from fairser.core.csv_files import require_columns
from fairser.core.errors import InputError, nearest
from fairser.core.words import counted
from fairser.evaluation.metrics import Labels, positive

TEST = "test"
SUM_TOLERANCE = 0.02  # by which the probabilities of a clip may miss 1
SHOWN = 3  # clips or speakers that a note names


@dataclass(frozen=True)
class Decisions:
    """What each clip is labelled and predicted as."""

    clips: pl.DataFrame  # a row each: ``clip``, ``row``, perhaps ``speaker``, possible attributes
    classes: tuple[str, ...]
    single: bool  # whether every clip has one label
    truth: Labels  # [N, C]
    predicted: Labels  # [N, C]
    thresholds: dict[str, float]  # of labels and predictions; empty for one label per clip
    notes: list[str]  # what was left out or assumed, in sentences


def read_decisions(given: AuditInput) -> Decisions:
    """Read labels and predictions, match them by clip and decide on the classes."""
    notes: list[str] = []
    frame = _of_split(read_clips(given.predictions), given.split, given.predictions[0], notes)
    check_unique(frame, "clip", "keep one prediction for each clip")
    labels = read_labels(frame, given)
    predictions = read_predictions(frame, labels, given)
    classes = _classes(labels, predictions, given.classes)
    labels, predictions = _match(labels, predictions, notes)
    single = not labels.by_class
    chosen = {"labels": given.label_threshold, "predictions": given.threshold}
    if single and set(chosen.values()) != {None}:
        raise InputError(
            "A threshold is for labels by class. These clips have one label each, so the most "
            "probable class is the prediction; leave the threshold out."
        )
    truth = labels.array(classes)
    if len(classes) < 2:
        raise InputError(
            f"{labels.path}: there is only one class ({classes[0]}), but an audit needs two. Name "
            "all classes with --classes."
        )
    thresholds = {}
    if not single:
        thresholds = {k: 1 / len(classes) if t is None else t for k, t in chosen.items()}
        truth = positive(truth, thresholds["labels"])
    values = predictions.array(classes)
    if not predictions.by_class:
        predicted = values
    elif single:
        predicted = _most_probable(values, notes)
    else:
        predicted = _above(values, given.threshold, notes)
    clips = predictions.frame
    if given.labels:  # they win over the predictions in what both files have
        own = labels.frame.drop("clip", "row", *labels.columns)
        clips = clips.drop(own.columns, strict=False).hstack(own)
    return Decisions(clips, tuple(classes), single, truth, predicted, thresholds, notes)


def _of_split(frame: pl.DataFrame, split: str | None, path: Path, notes: list[str]) -> pl.DataFrame:
    """The rows of the split to audit."""
    if split is not None:
        require_columns(path, frame.columns, ["split"], "which --split asks for")
    elif "split" not in frame.columns:
        return frame
    there = frame["split"].unique().sort().to_list()
    chosen = split or (TEST if TEST in there else there[0])
    if chosen not in there or (split is None and chosen != TEST and len(there) > 1):
        raise InputError(
            f"{path}: the column 'split' has the values {listed(there)}. Choose one with "
            f"--split.{nearest(chosen, there) if split else ''}"
        )
    kept = frame.filter(pl.col("split") == chosen)
    if left := frame.height - kept.height:
        notes.append(f"Only the split {chosen} is audited; {left:,} other rows are not.")
    return kept


def _classes(labels: ClipValues, predictions: ClipValues, named: Sequence[str]) -> list[str]:
    """The classes, which labels and predictions must agree on unless they are named."""
    if named:
        return list(dict.fromkeys(named))
    if not predictions.by_class:
        return labels.names
    pairs = [(predictions, labels)]
    if labels.by_class:
        pairs.append((labels, predictions))
    elif predictions.names != predictions.columns:
        pairs = []  # a class may be without clips where the column says that it is one
    for side, other in pairs:
        lone = [name for name in side.names if name not in other.names]
        if lone:
            raise InputError(
                f"{side.path}, row 1: column '{side.by_class[lone[0]]}' holds numbers, but "
                f"no {other.role} in {other.path} has the class '{lone[0]}'."
                f"{nearest(lone[0], other.names)} If it is no class, or one without clips, name "
                f"the classes with --classes ({other.role}s have {listed(other.names)})."
            )
    return labels.names if labels.by_class else predictions.names


def _match(
    labels: ClipValues, predictions: ClipValues, notes: list[str]
) -> tuple[ClipValues, ClipValues]:
    """The clips that have both, in the order of the predictions."""
    there, given = labels.frame, predictions.frame
    both = given.join(there, on="clip", how="semi", maintain_order="left")
    if not both.height:
        examples = [f"'{f['clip'][0]}'" if f.height else "none" for f in (given, there)]
        raise InputError(
            f"No clip has both a label and a prediction. A clip with a prediction is {examples[0]} "
            f"({predictions.path}), one with a label {examples[1]} ({labels.path}). Use the same "
            "names of clips in both."
        )
    for one, other, lacks in ((given, there, LABEL), (there, given, PREDICTION)):
        lost = one.join(other, on="clip", how="anti", maintain_order="left")["clip"]
        if len(lost):
            which = f"{counted(len(lost), 'clip')} without a {lacks}"
            notes.append(f"Left out: {which} ({listed(lost, SHOWN)}).")
    there = both.select("clip").join(there, on="clip", maintain_order="left")
    return replace(labels, frame=there), replace(predictions, frame=both)


def _most_probable(values: np.ndarray, notes: list[str]) -> Labels:
    """The class with the largest value of each clip [N, C]."""
    ties = int(((values == values.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    if ties:
        clips = counted(ties, "clip")
        notes.append(f"Ties: {clips} with several most probable classes; the first is used.")
    return np.eye(values.shape[1], dtype=bool)[values.argmax(axis=1)]


def _above(values: np.ndarray, threshold: float | None, notes: list[str]) -> Labels:
    """The classes above the threshold [N, C]."""
    shares = np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE
    decided = np.isin(values, (0, 1)).all()
    if threshold is None and not decided and shares.mean() < 0.5:
        notes.append(
            "The predicted values of most clips do not sum to 1, so they look like a separate "
            f"probability for each class. The threshold was 1/{values.shape[1]}; for 0.5, add "
            "--threshold 0.5."
        )
    return positive(values, threshold)
