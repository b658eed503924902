"""From saved predictions to the metrics of a run."""

from typing import Any

import polars as pl

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.evaluation.metrics import (
    COUNTS,
    Labels,
    class_counts,
    f1_by_class,
    fairness,
    or_none,
    performance,
    positive,
)


def evaluate(predictions: pl.DataFrame, table: ClipTable, split: str = "test") -> dict[str, Any]:
    """Metrics of the predictions for one split, over all of its clips at once.

    Args:
        predictions: columns clip, split and one per class with probabilities.
        table: clip table of the fold, with the labels and demographics.
        split: the split to evaluate.

    Returns:
        ``clips``, every metric of performance, ``f1_by_class`` and, by attribute, ``attributes``
        (see :func:`fairser.evaluation.metrics.fairness`).

    Raises:
        InputError: predictions for other clips than those of the split.
    """
    truth, labels, predicted = _decisions(predictions, table, split)
    classes = list(table.classes)
    f1 = map(or_none, f1_by_class(labels, predicted))
    measured = performance(class_counts(labels, predicted))
    return {
        "clips": truth.height,
        **{name: or_none(value) for name, value in measured.items()},
        "f1_by_class": dict(zip(classes, f1, strict=True)),
        "attributes": {
            name: fairness(labels, predicted, truth[name].to_list(), classes)
            for name in table.attributes
        },
    }


def speaker_counts(
    predictions: pl.DataFrame, table: ClipTable, split: str = "test"
) -> pl.DataFrame:
    """Counts from which every metric and every resample of the speakers follows.

    Args:
        predictions: as for :func:`evaluate`.
        table: clip table of the fold.
        split: the split to count.

    Returns:
        A row per speaker, combination of attributes and class: ``speaker``, the attributes,
        ``class``, ``clips``, ``positives``, ``predicted``, ``hits``.
    """
    truth, labels, predicted = _decisions(predictions, table, split)
    keys = ["speaker", *table.attributes]
    parts = []
    for column, name in enumerate(table.classes):
        true, called = labels[:, column], predicted[:, column]
        part = truth.select(
            *keys,
            pl.lit(name).alias("class"),
            pl.lit(1).alias("clips"),
            pl.Series("positives", true),
            pl.Series("predicted", called),
            pl.Series("hits", true & called),
        )
        parts.append(part)
    sums = pl.col(COUNTS).sum().cast(pl.Int64)
    return pl.concat(parts).group_by(*keys, "class", maintain_order=True).agg(sums)


def _decisions(
    predictions: pl.DataFrame, table: ClipTable, split: str
) -> tuple[pl.DataFrame, Labels, Labels]:
    """Clips of the split, their positive classes and the predicted ones, in the same order."""
    truth = table.frame.filter(pl.col("split") == split).sort("clip")
    found = predictions.filter(pl.col("split") == split).sort("clip")
    if found["clip"].to_list() != truth["clip"].to_list():
        raise InputError(
            f"The predictions hold {found.height} clips of {split}, the fold has {truth.height}, "
            "and they are not the same; make the predictions again from this split."
        )
    labels = positive(truth.select(table.classes).to_numpy())
    return truth, labels, positive(found.select(table.classes).to_numpy())
