"""From labels and predictions to decisions: the classes each clip has, and those predicted.

With one label per clip, the most probable class is predicted. With several labels per clip, a clip
has a class, or is predicted to have it, above a threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from fairser.auditing.inputs import (
    AuditInput,
    ClipValues,
    one_label_each,
    read_labels,
    read_predictions,
)
from fairser.auditing.predicted import predicted_classes
from fairser.auditing.reading import (
    LABEL,
    PREDICTION,
    Source,
    check_columns,
    check_unique,
    listed,
    read_clips,
    recorded_task,
)
from fairser.core.errors import InputError, nearest
from fairser.core.table_files import require_columns
from fairser.core.words import counted
from fairser.corpora.clips import MULTI, SINGLE
from fairser.evaluation.metrics import Labels, decide, positive

TEST = "test"
SHOWN = 3  # clips or speakers that a note names


@dataclass(frozen=True)
class Decisions:
    """What each clip is labelled and predicted as."""

    clips: pl.DataFrame  # a row each: ``clip``, ``row``, perhaps ``speaker``, possible attributes
    classes: tuple[str, ...]
    task: str
    truth: Labels  # [N, C]
    predicted: Labels  # [N, C]
    thresholds: dict[str, float]  # of labels and predictions; empty for one label per clip
    notes: list[str]  # what was left out or assumed, in sentences


def read_decisions(given: AuditInput) -> Decisions:
    """Read labels and predictions, match them by clip and decide on the classes."""
    for role, name in given.columns.items():
        files = {LABEL: given.with_labels, PREDICTION: given.predictions}.get(role, given.files)
        check_columns(files, role, name)
    notes: list[str] = []
    frame = read_clips(given.predictions, given.columns)
    if "split" in frame.columns or not given.labels:
        frame = _of_split(frame, given.split, given.predictions[0], notes)
    check_unique(frame, "clip", "keep one prediction for each clip")
    labels = read_labels(frame, given, notes)
    task = _task(labels, given, notes)
    predictions = read_predictions(frame, labels, given, task == SINGLE)
    classes = _classes(labels, predictions, given.classes)
    if given.labels:
        if "split" not in frame.columns:
            labels, predictions = _of_labelled_split(labels, predictions, given.split, notes)
        labels = one_label_each(labels, given)
    labels, predictions = _match(labels, predictions, notes)
    truth, thresholds = labels.array(classes), {}
    if len(classes) < 2:
        raise InputError(
            f"{labels.path}: there is only one class ({classes[0]}), but an audit needs two. Name "
            "all classes with --classes."
        )
    if task == SINGLE:
        truth = decide(truth, task)
    else:
        chosen = {"labels": given.label_threshold, "predictions": given.threshold}
        thresholds = {k: 1 / len(classes) if t is None else t for k, t in chosen.items()}
        truth = positive(truth, thresholds["labels"])
    predicted = predicted_classes(predictions, classes, task, given.threshold, notes)
    clips = predictions.frame
    if given.labels:  # they win over the predictions in what both files have
        own = labels.frame.drop("clip", "row", *labels.columns)
        clips = clips.drop(own.columns, strict=False).hstack(own)
    return Decisions(clips, tuple(classes), task, truth, predicted, thresholds, notes)


def _of_split(
    frame: pl.DataFrame, split: str | None, path: Source, notes: list[str]
) -> pl.DataFrame:
    """The rows of the split to audit."""
    if split is not None:
        require_columns(str(path), frame.columns, ["split"], "which --split asks for")
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


def _of_labelled_split(
    labels: ClipValues, predictions: ClipValues, split: str | None, notes: list[str]
) -> tuple[ClipValues, ClipValues]:
    """Labels and predictions of the split to audit, which a file of labels names."""
    there = labels.frame.join(predictions.frame, on="clip", how="semi", maintain_order="left")
    if "fold" in there.columns and there["fold"].n_unique() > 1:
        one = "the labels of one fold, such as results/splits/fold1.parquet"
        if split is not None:
            raise InputError(
                f"{labels.path}: a clip has a split for each fold, so --split has no meaning. Name "
                f"{one}."
            )
        notes.append(
            "The labels have several folds, so all clips are audited, also those that the model "
            f"was trained on. For the test clips alone, name {one}."
        )
        return labels, predictions
    kept = _of_split(there, split, labels.path, notes) if there.height else there
    others = there.join(kept, on="clip", how="anti")
    labels, predictions = (
        replace(one, frame=one.frame.join(others, on="clip", how="anti", maintain_order="left"))
        for one in (labels, predictions)
    )
    return labels, predictions


def _task(labels: ClipValues, given: AuditInput, notes: list[str]) -> str:
    """The task: that of a clip table, else ``single_label`` where every clip has one class."""
    chosen = (given.label_threshold, given.threshold) != (None, None)
    task = SINGLE if labels.named else recorded_task(given.with_labels)
    if task == SINGLE and chosen:
        raise InputError(
            "A threshold is for several labels per clip. These clips have one label each, so the "
            "most probable class is the prediction; leave the threshold out."
        )
    if task is None and not chosen:
        values = labels.array(given.classes or labels.names)
        if np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all():
            notes.append(
                "Every clip has the value 1 for one class and 0 for all others. So it has one "
                "label, and the most probable class is the prediction; a --threshold decides on "
                "each class by itself."
            )
            task = SINGLE
    return task or MULTI


def _classes(labels: ClipValues, predictions: ClipValues, named: Sequence[str]) -> list[str]:
    """The classes, which labels and predictions must agree on unless they are named."""
    if named:
        return list(dict.fromkeys(named))
    if not predictions.by_class:
        return labels.names
    pairs = [(predictions, labels)]
    if labels.by_class:
        pairs.append((labels, predictions))
    elif predictions.sums_to_one or predictions.names != list(predictions.by_class.values()):
        pairs = []  # a class may be without clips where its column can be nothing else
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
            "names of clips in both, or name the column that has them by --clip."
        )
    for one, other, lacks in ((given, there, LABEL), (there, given, PREDICTION)):
        lost = one.join(other, on="clip", how="anti", maintain_order="left")["clip"]
        if len(lost):
            which = f"{counted(len(lost), 'clip')} without a {lacks}"
            notes.append(f"Left out: {which} ({listed(lost, SHOWN)}).")
    there = both.select("clip").join(there, on="clip", maintain_order="left")
    return replace(labels, frame=there), replace(predictions, frame=both)
