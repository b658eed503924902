"""From saved predictions to the metrics of a run."""

from typing import Any

import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.errors import InputError
from fairser.metrics import f1_by_class, fairness, performance, positive


def evaluate(predictions: pl.DataFrame, table: ClipTable, split: str = "test") -> dict[str, Any]:
    """Metrics of the predictions for one split, over all of its clips at once.

    Args:
        predictions: columns clip, split and one per class with probabilities.
        table: clip table of the fold, with the labels and demographics.
        split: the split to evaluate.

    Returns:
        ``clips``, ``f1``, ``acc``, ``f1_by_class`` and, by attribute, ``attributes``
        (see :func:`fairser.metrics.fairness`).

    Raises:
        InputError: predictions for other clips than those of the split.
    """
    truth = table.frame.filter(pl.col("split") == split).sort("clip")
    found = predictions.filter(pl.col("split") == split).sort("clip")
    if found["clip"].to_list() != truth["clip"].to_list():
        raise InputError(
            f"The predictions hold {found.height} clips of {split}, the fold has {truth.height}, "
            "and they are not the same; make the predictions again from this split."
        )
    classes = list(table.classes)
    labels = positive(truth.select(classes).to_numpy())
    predicted = positive(found.select(classes).to_numpy())
    f1 = f1_by_class(labels, predicted).tolist()
    return {
        "clips": truth.height,
        **performance(labels, predicted),
        "f1_by_class": {
            name: None if value != value else value for name, value in zip(classes, f1, strict=True)
        },
        "attributes": {
            name: fairness(labels, predicted, truth[name].to_list(), classes)
            for name in table.attributes
        },
    }
