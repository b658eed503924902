"""From saved predictions to the metrics of a run."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.core.checksums import check_files, read_record, write_record
from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.table_files import read_made
from fairser.corpora.clips import SINGLE, TEST_SET, ClipTable
from fairser.evaluation.group_metrics import Decisions, check_names, group_record, score_record
from fairser.evaluation.metrics import (
    COUNTS,
    Labels,
    class_counts,
    decide,
    fairness,
    or_none,
    performance,
    rate_of,
    uar,
)
from fairser.evaluation.scores import excess

# Columns of clip_counts. No attribute can have these names, as they are no text.
VALUE, EXCESS = "\x1fvalue", "\x1fexcess"


def write_metrics(folder: Path, table: ClipTable) -> None:
    """Write ``metrics.json`` and ``counts.parquet`` of a run, from its record and predictions.

    Args:
        folder: of the run.
        table: clip table of its fold.

    Raises:
        InputError: the predictions are not those of the record, or of another split.
    """
    record, counts = folder / "run.json", folder / "counts.parquet"
    run = read_record(record)
    check_files(record, run, ["predictions.parquet"])
    predictions = read_made(folder / "predictions.parquet", ["clip", "split", *table.classes])
    with complete(counts) as path:
        speaker_counts(predictions, table).write_parquet(path)
    write_record(folder / "metrics.json", {**run, **evaluate(predictions, table)}, [counts])


def evaluate(predictions: pl.DataFrame, table: ClipTable, split: str = "test") -> dict[str, Any]:
    """Metrics of the predictions for one split, over all of its clips at once.

    Args:
        predictions: columns clip, split and one per class with probabilities.
        table: clip table of the fold.
        split: the split to evaluate.

    Returns:
        ``task``, ``clips``, every metric of performance of the task, ``uar``, those of
        :func:`fairser.evaluation.group_metrics.score_record`, ``f1_by_class`` and, by attribute,
        ``attributes`` (see :func:`fairser.evaluation.metrics.fairness` and
        :func:`fairser.evaluation.group_metrics.group_record`). With one label per clip also
        ``confusion``: clips by class and predicted class. With several test sets also
        ``test_sets``: the same of each.

    Raises:
        InputError: the predictions are of other clips, or a metric of the user's own has the name
            of one of these numbers.
    """
    check_names()
    found = _decisions(predictions, table, split)
    labels, predicted = found.truth, found.predicted
    classes = list(table.classes)
    counts = class_counts(labels, predicted)
    return {
        "task": table.task,
        "clips": found.clips.height,
        "uar": or_none(uar(counts)),
        **score_record(found, classes),
        **{name: or_none(value) for name, value in performance(counts, table.task).items()},
        "f1_by_class": dict(zip(classes, map(or_none, rate_of(counts, "f1")), strict=True)),
        **({"confusion": _confusion(labels, predicted, classes)} if table.task == SINGLE else {}),
        "attributes": {
            name: {
                **fairness(labels, predicted, found.clips[name].to_list(), classes),
                **group_record(found, name, classes),
            }
            for name in table.attributes
        },
        **({"test_sets": _by_test_set(predictions, table)} if _has_sets(table, split) else {}),
    }


def speaker_counts(
    predictions: pl.DataFrame, table: ClipTable, split: str = "test"
) -> pl.DataFrame:
    """Counts from which every metric and every resample of the speakers follows.

    They have a row per speaker, combination of attributes and class: ``speaker``, the attributes,
    ``test_set`` if there are several, ``class``, ``clips``, ``positives``, ``predicted``, ``hits``.
    Arguments as for :func:`evaluate`.
    """
    counts = clip_counts(predictions, table, split).drop(VALUE, EXCESS)
    keys = [name for name in counts.columns if name not in COUNTS]
    sums = pl.col(COUNTS).sum().cast(pl.Int64)
    return counts.group_by(keys, maintain_order=True).agg(sums)


def clip_counts(predictions: pl.DataFrame, table: ClipTable, split: str = "test") -> pl.DataFrame:
    """As :func:`speaker_counts`, but a row per clip and class, with what AUROC and ECE follow from.

    :data:`VALUE` is the probability, :data:`EXCESS` what it is above the label.
    """
    found = _decisions(predictions, table, split)
    keys = ["speaker", *table.attributes, *([TEST_SET] if _has_sets(table, split) else [])]
    arrays = (found.truth, found.predicted, found.values, found.excess)
    return pl.concat(
        found.clips.select(
            *keys,
            pl.lit(name).alias("class"),
            pl.lit(1).alias("clips"),
            pl.Series("positives", true),
            pl.Series("predicted", called),
            pl.Series("hits", true & called),
            pl.Series(VALUE, value),
            pl.Series(EXCESS, above),
        )
        for name, true, called, value, above in zip(
            table.classes, *(array.T for array in arrays), strict=True
        )
    )


def _has_sets(table: ClipTable, split: str) -> bool:
    return split == "test" and TEST_SET in table.frame.columns


def _by_test_set(predictions: pl.DataFrame, table: ClipTable) -> dict[str, Any]:
    """Metrics of each named test set."""
    found = {}
    for name in table.frame[TEST_SET].drop_nulls().unique().sort():
        part = table.replace(table.frame.filter(pl.col(TEST_SET) == name).drop(TEST_SET))
        mine = predictions.join(part.frame.select("clip"), on="clip", how="semi")
        found[name] = evaluate(mine, part)
    return found


def _confusion(labels: Labels, predicted: Labels, classes: list[str]) -> dict[str, dict[str, int]]:
    """Clips by class and predicted class, of one-hot decisions [N, C]."""
    matrix = labels.astype(np.int64).T @ predicted.astype(np.int64)
    return {
        name: dict(zip(classes, row.tolist(), strict=True))
        for name, row in zip(classes, matrix, strict=True)
    }


def _decisions(predictions: pl.DataFrame, table: ClipTable, split: str) -> Decisions:
    """Clips of the split, their positive classes and the predicted ones, in the same order."""
    truth = table.frame.filter(pl.col("split") == split).sort("clip")
    found = predictions.filter(pl.col("split") == split).sort("clip")
    if found["clip"].to_list() != truth["clip"].to_list():
        raise InputError(
            f"The predictions hold {found.height} clips of {split}, the fold has {truth.height}, "
            "and they are not the same; make the predictions again from this split."
        )
    labels, values = (frame.select(table.classes).to_numpy() for frame in (truth, found))
    shares = values.astype(np.float64)
    return Decisions(
        truth,
        decide(labels, table.task),
        decide(values, table.task),
        shares,
        excess(labels.astype(np.float64), shares, table.task),
    )
