"""Performance and gender gaps of single-label predictions, in percentage points.

All measures follow from the counts of :mod:`fairser.evaluation.metrics` (clips, positives,
predicted, hits by class). W-F1 is the mean F1 of the classes, weighted by their clips. A gap is
the absolute difference between women and men: of W-F1 and accuracy; of TPR and FPR, the root mean
square of the difference over the classes. AVG is the mean of the four gaps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from fairser.corpora.genders import GENDERS
from fairser.corpora.llm_clips import ALL, classes_of
from fairser.evaluation.metrics import COUNTS, Floats, class_gaps, fairness, or_none, rate_of, rms

PERFORMANCE = ("w_f1", "acc")
GAPS = ("tpr_gap", "fpr_gap", "w_f1_gap", "acc_gap")
COLUMNS = (*PERFORMANCE, *GAPS, "avg_gap")


def measures(counts: Floats) -> dict[str, Floats]:
    """Every column of :data:`COLUMNS`, each [...], NaN where it does not exist.

    Counts [..., 3, C, 4] are of women, men and clips of unknown gender; the latter count for
    performance and for no gap.
    """
    total, known = counts.sum(axis=-3), counts[..., :2, :, :]
    found = {"w_f1": _weighted_f1(total), "acc": _accuracy(total)}
    found |= {f"{rate}_gap": rms(class_gaps(known, rate)["pairwise"]) for rate in ("tpr", "fpr")}
    for name, function in (("w_f1", _weighted_f1), ("acc", _accuracy)):
        by_gender = function(known)
        found[f"{name}_gap"] = np.abs(by_gender[..., 0] - by_gender[..., 1])
    found["avg_gap"] = np.mean([found[name] for name in GAPS], axis=0)
    return {name: 100 * found[name] for name in COLUMNS}


def _weighted_f1(counts: Floats) -> Floats:
    """W-F1 [...] of counts [..., C, 4]; NaN without clips."""
    true = counts[..., 1]
    total = true.sum(axis=-1)
    f1 = np.nan_to_num(rate_of(counts, "f1"))
    return np.where(total > 0, (f1 * true).sum(axis=-1) / np.maximum(total, 1), np.nan)


def _accuracy(counts: Floats) -> Floats:
    """Share of clips [...] whose class is predicted, of counts [..., C, 4]."""
    clips, hits = counts[..., 0].max(axis=-1), counts[..., 3].sum(axis=-1)
    return np.where(clips > 0, hits / np.maximum(clips, 1), np.nan)


def speaker_counts(predictions: pl.DataFrame) -> pl.DataFrame:
    """Counts by language, speaker, gender and class, from which every measure follows.

    ``predicted`` is null for an answer without a label word, which counts as wrong.
    """
    keys = ["language", "speaker", "gender", "class"]
    classes = pl.DataFrame({"class": classes_of(predictions)})
    predictions = predictions.with_columns(pl.col("emotion", "predicted").cast(pl.String))
    true, called = pl.col("emotion") == pl.col("class"), pl.col("predicted") == pl.col("class")
    called = called.fill_null(value=False)
    sums = [pl.len(), true.sum(), called.sum(), (true & called).sum()]
    return (
        classes.join(predictions, how="cross")
        .group_by(keys, maintain_order=True)
        .agg(total.cast(pl.Int64).alias(n) for total, n in zip(sums, COUNTS, strict=True))
    )


def count_array(counts: pl.DataFrame, scope: str, speakers: Sequence[str]) -> Floats:
    """Counts [S, 3, C, 4] of a language or of :data:`ALL`, by speaker and gender."""
    part = counts if scope == ALL else counts.filter(language=scope)
    genders, classes = [*GENDERS, None], counts["class"].unique(maintain_order=True).to_list()
    index = {name: i for i, name in enumerate(speakers)}
    table = np.zeros((len(index), len(genders), len(classes), len(COUNTS)))
    place = (
        [index[name] for name in part["speaker"]],
        [genders.index(name) for name in part["gender"]],
        [classes.index(name) for name in part["class"]],
    )
    np.add.at(table, place, part.select(COUNTS).to_numpy().astype(np.float64))
    return table


def evaluate(predictions: pl.DataFrame, languages: Sequence[str]) -> dict[str, Any]:
    """Measures and rate tables of all clips and of each language, ready for JSON.

    Each has ``clips``, ``unknown`` (gender), ``unparsed`` (answers), the measures,
    ``f1_by_class``, and ``gender`` (see :func:`fairser.evaluation.metrics.fairness`).
    """
    counts, classes = speaker_counts(predictions), classes_of(predictions)
    speakers = counts["speaker"].unique().sort().to_list()
    found = {}
    for scope in (ALL, *languages):
        part = predictions if scope == ALL else predictions.filter(language=scope)
        table = count_array(counts, scope, speakers).sum(axis=0)
        f1 = rate_of(table.sum(axis=0), "f1")
        truth, called = (
            np.stack([(part[name] == emotion).fill_null(False) for emotion in classes], axis=1)
            for name in ("emotion", "predicted")
        )
        found[scope] = {
            "clips": part.height,
            "unknown": part["gender"].null_count(),
            "unparsed": part["predicted"].null_count(),
            **{name: or_none(value) for name, value in measures(table).items()},
            "f1_by_class": dict(zip(classes, map(or_none, f1), strict=True)),
            "gender": fairness(truth, called, part["gender"].to_list(), classes),
        }
    return found
