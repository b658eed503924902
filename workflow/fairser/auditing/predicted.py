"""From the predictions of a file to decisions: the classes predicted for each clip."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from fairser.auditing.inputs import ROUNDING, SUM_TOLERANCE, ClipValues
from fairser.auditing.reading import PREDICTION
from fairser.core.text import number
from fairser.core.words import counted
from fairser.corpora.clips import SINGLE
from fairser.corpora.faults import AT_ONCE
from fairser.evaluation.metrics import Labels, decide, positive

FLOAT32_DIGIT = 5e-8  # half a unit of the last decimal that float32 has


def predicted_classes(
    predictions: ClipValues,
    classes: Sequence[str],
    task: str,
    threshold: float | None,
    notes: list[str],
) -> Labels:
    """The predicted classes [N, C].

    ``threshold`` counts with several labels per clip; None is 1 / C. Notes say where the values may
    mislead.

    Raises:
        InputError: with one label per clip, a clip has several decisions or none.
    """
    values = predictions.array(classes)
    if predictions.named:
        return values
    decided = bool(np.isin(values, (0, 1)).all())
    if task == SINGLE:
        if decided:
            AT_ONCE.note(
                predictions.frame.filter(pl.Series(values.sum(axis=1) != 1)),
                "clip '{clip}' has one label, but not one predicted class: its values are 0 or 1, "
                "and not a single 1. Give the predicted class or probabilities; for several labels "
                "per clip, give labels by class and --threshold 0.5.",
            )
        predicted = _most_probable(values, notes)
    else:
        predicted = _above(values, threshold, decided, predictions.rounding, notes)
    if PREDICTION in predictions.frame.columns:
        _compare(predicted, predictions.frame[PREDICTION], classes, notes)
    return predicted


def _most_probable(values: np.ndarray, notes: list[str]) -> Labels:
    """The class with the largest value of each clip [N, C]."""
    ties = int(((values == values.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    if ties:
        clips = counted(ties, "clip")
        notes.append(f"Ties: {clips} with several most probable classes; the first is used.")
    return decide(values, SINGLE)


def _above(
    values: np.ndarray,
    threshold: float | None,
    decided: bool,
    rounding: float,
    notes: list[str],
) -> Labels:
    """The classes above the threshold [N, C], compared in float32 whatever the file holds."""
    limit = 1 / values.shape[1] if threshold is None else threshold
    shares = np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE
    if threshold is None and not decided and shares.mean() < 0.5:
        notes.append(
            "The predicted values of most clips do not sum to 1, so they look like a separate "
            f"probability for each class. The threshold was 1/{values.shape[1]}; for 0.5, add "
            "--threshold 0.5."
        )
    close = int((np.abs(values - limit) <= rounding * (1 + ROUNDING)).sum())
    if close and rounding > FLOAT32_DIGIT and not decided:
        notes.append(
            f"Rounding: more decimals could change {counted(close, 'decision')} at the threshold "
            f"{number(limit)}."
        )
    return positive(values.astype(np.float32), limit)


def _compare(
    predicted: Labels, column: pl.Series, classes: Sequence[str], notes: list[str]
) -> None:
    """Note how often the classes in the column ``prediction`` are not the predicted ones."""
    names = [{name for name, yes in zip(classes, row, strict=True) if yes} for row in predicted]
    given = [set(filter(None, text.split(";"))) for text in column]
    different = sum(one != other for one, other in zip(names, given, strict=True))
    if different:
        notes.append(
            f"The column 'prediction' has other classes than the probabilities give for "
            f"{counted(different, 'clip')}; the probabilities count. --prediction {column.name} "
            "audits the column."
        )
