"""From labels and predictions to decisions: the classes each clip has and was given.

With one label per clip the most probable class is the prediction. With labels by class, a class is
there, or predicted, above a threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audit import files
from fairser.audit.sources import (
    Side,
    Sources,
    label_side,
    prediction_side,
    read,
)
from fairser.core.errors import InputError, nearest
from fairser.evaluation.metrics import Labels, positive

TEST = "test"
SUM_TOLERANCE = 0.02  # by which the probabilities of a clip may miss 1


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


def read_decisions(sources: Sources) -> Decisions:
    """Read labels and predictions, match them by clip and decide on the classes.

    Raises:
        InputError: missing columns, clips that stand twice, names that are no class, values that
            are no probabilities, or no clip with both a label and a prediction.
    """
    frame, notes = _of_split(read(sources.predictions), sources.split, sources.predictions[0])
    files.unique_rows(frame, "clip", "keep one prediction for each clip")
    labels = label_side(frame, sources).known()
    predictions = prediction_side(frame, labels, sources).known()
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
