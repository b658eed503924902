"""Worst groups and distances: by hand, against scikit-learn and fairlearn, and why they lack."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from fairser.config.extensions import use
from fairser.core.errors import InputError
from fairser.corpora.clips import MULTI, SINGLE
from fairser.evaluation.evaluate import evaluate
from fairser.evaluation.group_metrics import (
    COMPARISONS,
    Decisions,
    group_record,
    score_record,
)
from fairser.evaluation.metrics import class_counts, class_gaps, fairness, group_counts, rms
from fairser.evaluation.scores import excess
from unit.builders import CLASSES, clip_table

NUMBERS = ("f1", "uar", "auroc", "ece")
NEEDS = {"worst_group_f1": "f1", "worst_group_recall": "uar", "worst_group_class_recall": "uar"}
NEEDS |= {"worst_group_auroc": "auroc", "worst_group_ece": "ece"}
NEEDS |= {"auroc_gap": "auroc", "ece_gap": "ece"}


def record(
    labels: np.ndarray, values: np.ndarray, group: list[str | None], task: str = MULTI
) -> dict[str, Any]:
    """The record of the groups, with a speaker for each clip."""
    classes = [f"c{c}" for c in range(labels.shape[1])]
    found = group_record(decisions(labels, values, group, task), "gender", classes)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def decisions(
    labels: np.ndarray, values: np.ndarray, group: list[str | None], task: str = MULTI
) -> Decisions:
    clips = pl.DataFrame({"speaker": [f"s{i}" for i in range(len(group))]})
    clips = clips.with_columns(pl.Series("gender", group, dtype=pl.String))
    truth, predicted = (decided(array, task) for array in (labels, values))
    return Decisions(clips, truth, predicted, values, excess(labels, values, task))


def decided(values: np.ndarray, task: str) -> np.ndarray:
    if task == SINGLE:
        return np.eye(values.shape[1], dtype=bool)[values.argmax(axis=1)]
    return values > 1 / values.shape[1]


def drawn(seed: int, count: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.dirichlet(np.full(classes, 0.4), count)
    return labels, random.dirichlet(np.full(classes, 0.7), count)


def test_by_hand() -> None:
    # Calm: f 1 of 2 found, m 1 of 1. Tense: f 1 of 1, m 0 of 1.
    labels = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [0, 1]], float)
    values = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    found = record(labels, values, [*"fffmm"], SINGLE)
    women, men = found["by_group"]["f"], found["by_group"]["m"]
    assert (women["uar"], men["uar"]) == (0.75, 0.5)
    assert women["f1"] == pytest.approx(2 / 3)  # 2 / 3 in both classes
    assert men["f1"] == pytest.approx(1 / 3)  # 2 / 3 and 0
    assert (women["auroc"], men["auroc"]) == (1, 1)
    # f: bins of their own, .1 + .6 + .2 of 3 clips; m: .3 + .6 of 2.
    assert women["ece"] == pytest.approx(0.9 / 3) and men["ece"] == pytest.approx(0.9 / 2)
    assert found["compared"] == pytest.approx(
        {
            "worst_group_f1": 1 / 3,
            "worst_group_recall": 0.5,
            "worst_group_auroc": 1,
            "worst_group_ece": 0.45,
            "worst_group_class_recall": 0,
            "auroc_gap": 0,
            "ece_gap": 0.15,
        }
    )
    assert found["worst"]["worst_group_f1"] == {"group": "m"}
    assert found["worst"]["worst_group_ece"] == {"group": "m"}
    assert found["worst"]["worst_group_class_recall"] == {"group": "m", "class": "c1"}
    assert (women["speakers"], men["speakers"], found["missing"]) == (3, 2, {})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("task", [MULTI, SINGLE])
def test_groups_are_those_of_scikit_learn_and_fairlearn(seed: int, task: str) -> None:
    labels, values = drawn(seed, 150)
    names = np.random.default_rng(seed).choice(["f", "m", "x"], 150)
    found = record(labels, values, names.tolist(), task)
    truth, predicted = decided(labels, task), decided(values, task)
    expected: dict[str, list[float]] = {name: [] for name in ("f1", "uar", "auroc")}
    for group in ("f", "m", "x"):
        y = truth[names == group].astype(int), predicted[names == group].astype(int)
        score = values[names == group]
        expected["f1"].append(f1_score(*y, average="macro", zero_division=0))
        expected["uar"].append(recall_score(*y, average="macro", zero_division=0))
        expected["auroc"].append(roc_auc_score(y[0], score, average="macro"))
        for name, numbers in expected.items():
            assert found["by_group"][group][name] == pytest.approx(numbers[-1])
    compared = found["compared"]
    assert compared["worst_group_f1"] == pytest.approx(min(expected["f1"]))
    assert compared["worst_group_recall"] == pytest.approx(min(expected["uar"]))
    assert compared["worst_group_auroc"] == pytest.approx(min(expected["auroc"]))
    assert compared["auroc_gap"] == pytest.approx(np.ptp(expected["auroc"]))
    errors = [found["by_group"][group]["ece"] for group in ("f", "m", "x")]
    assert compared["worst_group_ece"] == max(errors)
    assert compared["ece_gap"] == pytest.approx(max(errors) - min(errors))
    frames = [
        MetricFrame(
            metrics={"recall": recall_score, "precision": precision_score},
            y_true=truth[:, c].astype(int),
            y_pred=predicted[:, c].astype(int),
            sensitive_features=names,
        )
        for c in range(3)
    ]
    worst = min(frame.group_min()["recall"] for frame in frames)
    assert compared["worst_group_class_recall"] == pytest.approx(worst)
    gaps = fairness(truth, predicted, names.tolist(), CLASSES)["gaps"]["precision"]["pairwise"]
    apart = [frame.difference()["precision"] for frame in frames]
    assert list(gaps["by_class"].values()) == pytest.approx(apart)
    assert gaps["rms"] == pytest.approx(np.sqrt(np.mean(np.square(apart))))


def test_a_class_that_is_never_predicted_for_a_group_has_no_precision_there() -> None:
    truth = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], bool)
    called = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], bool)
    found = fairness(truth, called, [*"ffmm"], ["a", "b"])
    assert [found["rates"]["b"][g]["precision"] for g in "fm"] == [None, 1]
    # Precision of a: f 1 of 2, m 1 of 1; b has it in one group alone.
    assert found["gaps"]["precision"]["pairwise"] == {"rms": 0.5, "by_class": {"a": 0.5, "b": None}}
    counts = group_counts(truth, called, np.array([0, 0, 1, 1]), 2)
    assert rms(class_gaps(counts, "precision")["pairwise"]) == 0.5


def test_a_group_without_a_class_has_no_number_and_the_record_says_why() -> None:
    labels = np.eye(3)[[0, 1, 2, 0, 1, 1]]
    values = np.full((6, 3), 1 / 3)
    found = record(labels, values, [*"fffmmm"], SINGLE)
    men, women = found["by_group"]["m"], found["by_group"]["f"]
    assert (men["f1"], men["uar"], men["auroc"]) == (None, None, None)
    assert women["uar"] == pytest.approx(1 / 3) and men["ece"] is not None
    none = {name for name, value in found["compared"].items() if value is None}
    assert none == {name for name, key in NEEDS.items() if key != "ece"}
    for name in none:
        assert "m has no positive clip of c2" in found["missing"][name]
    assert set(found["worst"]) == {"worst_group_ece"}


def test_a_class_that_no_group_has_is_left_out_of_all() -> None:
    labels, values = np.eye(3)[[0, 1, 0, 1]], np.eye(3)[[0, 1, 1, 1]]
    found = record(labels, values, [*"ffmm"], SINGLE)
    assert found["compared"]["worst_group_recall"] == 0.5 and found["missing"] == {}
    # Predicted for one group alone, it has an F1 of 0 there and none in the other.
    found = record(labels, np.eye(3)[[2, 1, 1, 1]], [*"ffmm"], SINGLE)
    assert found["compared"]["worst_group_f1"] is None
    assert "m has no clip of c2" in found["missing"]["worst_group_f1"]
    assert found["compared"]["worst_group_recall"] == 0.5


@pytest.mark.parametrize("group", [["f"] * 4, ["f", "f", None, None], [None] * 4])
def test_without_two_groups_nothing_is_compared(group: list[str | None]) -> None:
    found = record(*drawn(0, 4), group)
    assert found["compared"] == dict.fromkeys(COMPARISONS)
    assert found["missing"].keys() == set(COMPARISONS) and found["worst"] == {}
    assert len(set(found["missing"].values())) == 1
    assert list(found["by_group"]) == sorted({*group} - {None})


def test_values_that_are_no_probabilities_have_auroc_but_no_calibration() -> None:
    labels, values = drawn(1, 60)
    group = ["f", "m"] * 30
    found, moved = record(labels, values, group), record(labels, values / 2 + 1 / 6, group)
    scaled = record(labels, values * 0.9, group)
    assert found["missing"] == moved["missing"] == {}
    assert scaled["compared"]["worst_group_auroc"] == found["compared"]["worst_group_auroc"]
    for name in ("worst_group_ece", "ece_gap"):
        assert scaled["compared"][name] is None and "sum to 1" in scaled["missing"][name]
    whole = score_record(decisions(labels, values * 0.9, group), CLASSES)
    assert whole["ece"] is None and whole["ece_by_class"] == dict.fromkeys(CLASSES)
    assert "sum to 1" in whole["no_ece"] and whole["auroc"] is not None
    assert "no_ece" not in score_record(decisions(labels, values, group), CLASSES)


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2**32 - 1), st.integers(1, 14), st.sampled_from([MULTI, SINGLE]))
def test_what_is_missing_has_a_reason_and_nothing_else(seed: int, count: int, task: str) -> None:
    labels, values = drawn(seed, count)
    random = np.random.default_rng(seed)
    values *= random.choice([1, 1, 0.5])
    group = random.choice(["f", "m", "x", None], count).tolist()
    found = record(labels, values, group, task)
    none = {name for name, value in found["compared"].items() if value is None}
    assert none == set(found["missing"])
    assert set(found["worst"]) == {n for n in COMPARISONS if n.startswith("worst")} - none
    for name in COMPARISONS:
        own = [numbers[NEEDS[name]] for numbers in found["by_group"].values()]
        assert (name in none) == (len(own) < 2 or None in own)
    order = random.permutation(count)
    again = record(labels[order], values[order], [group[i] for i in order], task)
    assert again["compared"] == pytest.approx(found["compared"])


def test_metrics_of_a_run_hold_them() -> None:
    labels, values = drawn(3, 60)
    splits = [*["test"] * 57, "train", "development", "test"]
    table = clip_table(labels, splits, gender=["f", "m"] * 30, race=[None] * 60)
    names = [f"s{i % 8}" for i in range(56)] + ["unknown 1", "t", "d", "s1"]
    table = table.replace(table.frame.with_columns(pl.Series("speaker", names)))
    predictions = table.frame.select("clip", "split").with_columns(
        pl.Series(name, values[:, c].astype(np.float32)) for c, name in enumerate(CLASSES)
    )
    found = evaluate(predictions, table)
    test = [i for i, split in enumerate(splits) if split == "test"]
    truth, called = labels[test] > 1 / 3, values[test] > 1 / 3
    assert found["uar"] == pytest.approx(recall_score(truth, called, average="macro"))
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, values[test], average="macro"))
    by_class = roc_auc_score(truth, values[test], average=None)
    assert list(found["auroc_by_class"].values()) == pytest.approx(by_class.tolist())
    assert class_counts(truth, called).shape == (3, 4) and 0 < found["ece"] < 1
    groups = found["attributes"]["gender"]["by_group"]
    assert [groups[name]["speakers"] for name in "fm"] == [4, 4]  # nobody is no speaker
    alone = record(labels[test], values[test], [["f", "m"][i % 2] for i in test])
    assert found["attributes"]["gender"]["compared"] == pytest.approx(alone["compared"], abs=1e-6)
    assert found["attributes"]["race"]["by_group"] == {}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_metric_of_the_same_name_is_refused(tmp_path: Path) -> None:
    text = "METRICS = {'ece_gap': {}}\ndef ece_gap(counts):\n    return counts[..., 0, 0]\n"
    (tmp_path / "mine.py").write_text(text)
    table = clip_table(np.eye(3), ["train", "development", "test"])
    predictions = table.frame.select("clip", "split", *CLASSES)
    use([str(tmp_path)])
    try:
        with pytest.raises(InputError, match=r"mine\.py.*'ece_gap'"):
            evaluate(predictions, table)
    finally:
        use([])
