"""AUROC and calibration error: by hand, against scikit-learn, and from sums over clips."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fairser.corpora.clips import MULTI, SINGLE
from fairser.evaluation.scores import (
    BINS,
    EDGES,
    WIDTH,
    are_shares,
    auroc,
    binned,
    calibration_error,
    excess,
    score_sums,
)


@st.composite
def clips(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Label shares, probabilities with ties and a place of each clip."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, classes = draw(st.integers(1, 40)), draw(st.integers(2, 5))
    values = random.dirichlet(np.full(classes, draw(st.sampled_from([0.2, 1, 5]))), count)
    values[: count // 2] = values[0]
    labels = random.dirichlet(np.full(classes, 0.3), count)
    return labels, values, random.integers(0, 3, count)


def sklearn_auroc(truth: np.ndarray, values: np.ndarray) -> float:
    return roc_auc_score(truth, values) if 0 < truth.sum() < len(truth) else np.nan


def counts_of(truth: np.ndarray) -> np.ndarray:
    return np.array([len(truth), truth.sum(), 0, 0], dtype=float)


def loop_error(labels: np.ndarray, values: np.ndarray) -> float:
    """The calibration error of one class, bin by bin."""
    total = 0.0
    for b in range(BINS):
        low, high = b / BINS, (b + 1) / BINS
        mine = [i for i, p in enumerate(values) if low <= p < high or (b == BINS - 1 and p == 1)]
        if mine:
            distance = abs(np.mean(values[mine]) - np.mean(labels[mine]))
            total += len(mine) / len(values) * distance
    return total


@settings(deadline=None)
@given(clips())
def test_auroc_is_that_of_scikit_learn(data: Any) -> None:
    labels, values, _ = data
    truth = labels > 1 / labels.shape[1]
    expected = [sklearn_auroc(truth[:, c], values[:, c]) for c in range(labels.shape[1])]
    np.testing.assert_allclose(auroc(truth, values), expected, atol=1e-12)


def test_auroc_by_hand() -> None:
    # Positive .9 and .5, negative .5 and .1: pairs won 1, 1, 1/2 and 1 of 4.
    truth, values = np.array([[1], [1], [0], [0]], bool), np.array([[0.9], [0.5], [0.5], [0.1]])
    assert auroc(truth, values) == pytest.approx([3.5 / 4])
    assert np.isnan(auroc(truth[:2], values[:2])).all()
    assert np.isnan(auroc(truth[:0], values[:0])).all()


def test_calibration_error_by_hand() -> None:
    # Class a: .25 and .21 share a bin, with labels 1 and 0: |.46 - 1| / 4. .3 and 1 are alone, with
    # labels 0 and 1: .3 / 4 and 0. Class b: .75, .79 and .7 with labels 0, 1, 1: |2.24 - 2| / 4.
    values = np.array([[0.25, 0.75], [0.21, 0.79], [0.3, 0.7], [1, 0]])
    labels = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], float)
    above = excess(labels, values, SINGLE)
    assert calibration_error(above, values) == pytest.approx([0.84 / 4, 0.24 / 4])
    sure = np.eye(2)[[0, 1, 1, 0]]
    assert calibration_error(excess(labels, sure, SINGLE), sure) == pytest.approx([0, 0])
    assert np.isnan(calibration_error(above[:0], values[:0])).all()


@settings(deadline=None)
@given(clips())
def test_calibration_error_is_that_of_plain_loops(data: Any) -> None:
    labels, values, _ = data
    hot = np.eye(labels.shape[1])[labels.argmax(axis=1)]
    for task, truth in (MULTI, labels), (SINGLE, hot):
        found = calibration_error(excess(labels, values, task), values)
        expected = [loop_error(truth[:, c], values[:, c]) for c in range(labels.shape[1])]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_shares_of_raters_are_calibrated_and_shifted_ones_are_not() -> None:
    labels = np.random.default_rng(0).dirichlet([0.5] * 3, 200)
    assert calibration_error(excess(labels, labels, MULTI), labels) == pytest.approx([0] * 3)
    moved = 0.5 * labels + 0.5 * np.eye(3)[[0] * 200]
    found = calibration_error(excess(labels, moved, MULTI), moved)
    # Half of what is lacking to 1 in the first class, and half of the label in the others.
    expected = 0.5 * np.abs(np.array([1, 0, 0]) - labels).mean(axis=0)
    assert found == pytest.approx(expected)


def test_values_that_do_not_sum_to_one_have_no_calibration_error() -> None:
    values = np.array([[0.5, 0.5], [0.5, 0.503]])
    assert not are_shares(values) and are_shares(values[:1])
    above = excess(values, values, MULTI)
    assert np.isnan(above).all() and np.isnan(calibration_error(above, values)).all()
    assert are_shares(np.array([[0.5, 0.5004]]))  # rounding of short floats


@settings(deadline=None)
@given(clips())
def test_sums_over_clips_give_both(data: Any) -> None:
    """The error is exact, the AUROC that of scikit-learn with values rounded to the bins."""
    labels, values, place = data
    classes = labels.shape[1]
    truth = labels > 1 / classes
    for c in range(classes):
        above = excess(labels, values, MULTI)[:, c]
        sums = score_sums(truth[:, c], above, values[:, c], place, 3)
        assert sums.shape == (3, WIDTH)
        for chosen in ([0], [0, 2], [0, 1, 2]):
            mine = np.isin(place, chosen)
            found = binned(sums[chosen].sum(axis=0), counts_of(truth[mine, c]))
            if not mine.any():
                assert np.isnan(found["ece"]) and np.isnan(found["auroc"])
                continue
            assert found["ece"] == pytest.approx(loop_error(labels[mine, c], values[mine, c]))
            rounded = np.digitize(values[mine, c], EDGES)
            expected = sklearn_auroc(truth[mine, c], rounded)
            assert found["auroc"] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("count", "error"), [(1500, 0.0015), (80, 0.01)])
def test_bins_change_the_auroc_by_little(count: int, error: float) -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        labels = random.dirichlet(np.full(6, 0.4), count)
        logits = random.normal(0, 1.2, (count, 6)) + random.normal(0, 1, 6) + 2 * labels
        values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        truth = labels > 1 / 6
        zero = np.zeros(count, np.int64)
        for c in range(6):
            sums = score_sums(truth[:, c], values[:, c] - labels[:, c], values[:, c], zero, 1)
            exact = sklearn_auroc(truth[:, c], values[:, c])
            assert abs(binned(sums[0], counts_of(truth[:, c]))["auroc"] - exact) < error
