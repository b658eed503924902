"""From saved predictions to the metrics of a run."""

import json

import numpy as np
import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora.clips import MULTI, SINGLE, ClipTable
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.evaluation.metrics import class_gaps, performance, rms
from unit.builders import clip_table

# Two classes, threshold 1/2. Test: c000 to c003; development: c004, c005; train: c006.
LABELS = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.9, 0.1], [1, 0], [1, 0]])
SPLITS = ["test"] * 4 + ["development"] * 2 + ["train"]
TABLE = clip_table(
    LABELS,
    SPLITS,
    classes=("calm", "tense"),
    gender=["f", "f", "m", None, "m", "m", "f"],
    race=[None] * 7,
)
PREDICTIONS = pl.DataFrame(
    {
        "clip": [f"c00{i}" for i in range(6)],
        "split": SPLITS[:6],
        "calm": [0.7, 0.4, 0.6, 0.9, 0.2, 0.9],
        "tense": [0.3, 0.6, 0.4, 0.1, 0.8, 0.1],
    }
)


@pytest.mark.parametrize("predictions", [PREDICTIONS, PREDICTIONS.reverse()])
def test_metrics_of_test_by_hand(predictions: pl.DataFrame) -> None:
    metrics = evaluate(predictions, TABLE)
    # Truth: calm 1 1 0 1, tense 0 0 1 0; predicted: calm 1 0 1 1, tense 0 1 0 0.
    # F1: calm 2 hits, 3 + 3 calls, 4/6; tense 0 hits. Wrong cells: 2 + 2 of 8.
    assert metrics["clips"] == 4
    assert metrics["f1_by_class"] == pytest.approx({"calm": 2 / 3, "tense": 0})
    assert metrics["f1"] == pytest.approx(1 / 3)
    assert metrics["acc"] == 0.5
    gender = metrics["attributes"]["gender"]
    assert (gender["groups"], gender["unknown"]) == ({"f": 2, "m": 1}, 1)
    # Predicted calm: f 1 of 2, m 1 of 1, all 2 of 3; tense: f 1 of 2, m 0 of 1, all 1 of 3.
    ppr = gender["gaps"]["ppr"]
    assert ppr["pairwise"]["by_class"] == {"calm": 0.5, "tense": 0.5}
    assert ppr["max_deviation"]["rms"] == pytest.approx(1 / 3)


def test_one_label_per_clip_by_hand() -> None:
    hot = (LABELS.max(axis=1, keepdims=True) == LABELS).astype(float)
    table = clip_table(hot, SPLITS, classes=("calm", "tense"), gender=["f", "f", "m", None, *"mmf"])
    assert table.task == SINGLE
    metrics = evaluate(PREDICTIONS, table)
    # Calm, calm, tense, calm are predicted as calm, tense, calm, calm.
    confusion = {"calm": {"calm": 2, "tense": 1}, "tense": {"calm": 1, "tense": 0}}
    assert metrics["confusion"] == confusion
    assert (metrics["accuracy"], metrics["uar"]) == (0.5, pytest.approx(1 / 3))
    assert "acc" not in metrics and "confusion" not in evaluate(PREDICTIONS, TABLE)


def test_other_split_and_a_class_that_does_not_occur() -> None:
    # Development: both clips calm; predicted tense, then calm.
    metrics = evaluate(PREDICTIONS, TABLE, "development")
    assert (metrics["clips"], metrics["acc"]) == (2, 0.5)
    assert metrics["f1_by_class"] == pytest.approx({"calm": 2 / 3, "tense": 0})
    right = PREDICTIONS.with_columns(calm=pl.lit(0.9), tense=pl.lit(0.1))
    metrics = evaluate(right, TABLE, "development")
    assert metrics["f1_by_class"] == {"calm": 1, "tense": None}
    assert (metrics["f1"], metrics["acc"]) == (1, 1)


def test_attribute_that_is_unknown_everywhere_has_null_gaps() -> None:
    metrics = evaluate(PREDICTIONS, TABLE)
    race = metrics["attributes"]["race"]
    assert (race["groups"], race["unknown"]) == ({}, 4)
    assert race["gaps"]["tpr"]["pairwise"]["rms"] is None
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@pytest.mark.parametrize(
    ("predictions", "found"),
    [
        (PREDICTIONS[1:], 3),
        (pl.concat([PREDICTIONS, PREDICTIONS[:1]]), 5),
        (PREDICTIONS.with_columns(pl.col("clip").replace("c002", "c009")), 4),
        (PREDICTIONS.with_columns(split=pl.lit("development")), 0),
    ],
    ids=["lost", "twice", "renamed", "other split"],
)
def test_predictions_for_other_clips_are_refused(predictions: pl.DataFrame, found: int) -> None:
    with pytest.raises(InputError, match=rf"{found} clips.* 4,.*again"):
        evaluate(predictions, TABLE)


def spoken_by(speakers: list[str]) -> ClipTable:
    return TABLE.replace(TABLE.frame.with_columns(pl.Series("speaker", speakers)))


SPEAKERS = ["s1", "s2", "s1", "s1", "s3", "s3", "s4"]


@pytest.mark.parametrize("predictions", [PREDICTIONS, PREDICTIONS.reverse()])
def test_counts_by_speaker_attributes_and_class(predictions: pl.DataFrame) -> None:
    # Truth: calm 1 1 0 1, tense 0 0 1 0; predicted: calm 1 0 1 1, tense 0 1 0 0. Speaker s1 has
    # clips of two genders and one of none: a row each.
    found = speaker_counts(predictions, spoken_by(SPEAKERS))
    assert found.columns == [
        *("speaker", "gender", "race", "class", "clips", "positives", "predicted", "hits")
    ]
    assert found.drop("race").rows() == [
        ("s1", "f", "calm", 1, 1, 1, 1),
        ("s2", "f", "calm", 1, 1, 0, 0),
        ("s1", "m", "calm", 1, 0, 1, 0),
        ("s1", None, "calm", 1, 1, 1, 1),
        ("s1", "f", "tense", 1, 0, 0, 0),
        ("s2", "f", "tense", 1, 0, 1, 0),
        ("s1", "m", "tense", 1, 1, 0, 0),
        ("s1", None, "tense", 1, 0, 0, 0),
    ]
    assert found["race"].null_count() == found.height


def test_clips_of_a_speaker_and_group_are_added_up() -> None:
    found = speaker_counts(PREDICTIONS, spoken_by(["s"] * 4 + ["d"] * 2 + ["t"]))
    women = found.filter(gender="f", **{"class": "calm"})
    assert women.select("clips", "positives", "predicted", "hits").rows() == [(2, 2, 1, 1)]
    other = speaker_counts(PREDICTIONS, spoken_by(SPEAKERS), "development")
    assert other["clips"].to_list() == [2, 2]


def test_every_metric_follows_from_the_counts() -> None:
    found = speaker_counts(PREDICTIONS, spoken_by(SPEAKERS))
    metrics = evaluate(PREDICTIONS, TABLE)
    names = ("clips", "positives", "predicted", "hits")

    def total(part: pl.DataFrame) -> np.ndarray:
        sums = part.group_by("class", maintain_order=True).agg(pl.col(names).sum())
        return sums.select(names).to_numpy().astype(float)

    f1, acc = performance(total(found), MULTI).values()
    assert (f1, acc) == pytest.approx((metrics["f1"], metrics["acc"]))
    groups = np.stack([total(found.filter(gender=name)) for name in ("f", "m")])
    gaps = metrics["attributes"]["gender"]["gaps"]["ppr"]
    for variant, values in class_gaps(groups, "ppr").items():
        assert rms(values) == pytest.approx(gaps[variant]["rms"])


def test_counts_of_other_clips_are_refused() -> None:
    with pytest.raises(InputError, match="3 clips"):
        speaker_counts(PREDICTIONS[1:], TABLE)
