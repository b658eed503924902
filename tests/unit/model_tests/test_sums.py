"""Numbers of tests equal those of scikit-learn and scipy, or are computed by hand."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import precision_score, recall_score

from fairser.evaluation.metrics import group_counts, uar
from fairser.model_tests.correctness import spearman
from fairser.model_tests.sums import (
    bin_names,
    bins,
    ccc,
    differences,
    mean_absolute_error,
    mean_prediction,
    moments,
    pearson,
    spread,
    uap,
)

TRUTH, PREDICTED = np.array([0.1, 0.4, 0.4, 0.9]), np.array([0.2, 0.3, 0.5, 1.0])


@pytest.mark.parametrize("several", [False, True])
def test_recall_and_precision_of_groups_equal_scikit_learn(several: bool) -> None:
    random = np.random.default_rng(3)
    truth, predicted = (np.eye(4, dtype=bool)[random.integers(4, size=500)] for _ in "ab")
    if several:
        truth, predicted = (random.random((500, 4)) < 0.4 for _ in "ab")
    group = random.integers(3, size=500)
    counts = group_counts(truth, predicted, group, 3)
    assert uap(counts.sum(axis=0)) == pytest.approx(
        precision_score(truth, predicted, average="macro")
    )
    assert uar(counts.sum(axis=0)) == pytest.approx(recall_score(truth, predicted, average="macro"))
    found = differences(counts)
    for g in range(3):
        mine = group == g
        for name, score in (("recall", recall_score), ("precision", precision_score)):
            expected = score(truth[mine], predicted[mine], average=None) - score(
                truth, predicted, average=None
            )
            assert found[f"{name}_difference"][g] == pytest.approx(expected)
        shares = predicted[mine].mean(axis=0) - predicted.mean(axis=0)
        assert found["share_difference"][g] == pytest.approx(shares)
        assert found["uar_difference"][g] == pytest.approx(uar(counts[g]) - uar(counts.sum(axis=0)))


def test_ccc_by_hand() -> None:
    # Means 0.45 and 0.5; variances 0.0825 and 0.095; covariance 0.085.
    sums = moments(TRUTH, PREDICTED).sum(axis=0)
    assert ccc(sums) == pytest.approx(2 * 0.085 / (0.0825 + 0.095 + 0.05**2))
    assert pearson(sums) == pytest.approx(pearsonr(TRUTH, PREDICTED).statistic)
    assert mean_absolute_error(sums) == pytest.approx(0.1)
    assert mean_prediction(sums) == pytest.approx(0.5)


def test_ccc_of_equal_shifted_and_constant_predictions() -> None:
    assert ccc(moments(TRUTH, TRUTH).sum(axis=0)) == pytest.approx(1)
    shifted = moments(TRUTH, TRUTH + 0.2).sum(axis=0)
    assert pearson(shifted) == pytest.approx(1)
    assert ccc(shifted) == pytest.approx(2 * 0.0825 / (2 * 0.0825 + 0.04))
    constant = moments(TRUTH, np.full(4, 0.3)).sum(axis=0)
    assert ccc(constant) == pytest.approx(0, abs=1e-12)
    assert np.isnan(pearson(constant))


def test_clips_without_truth_or_prediction_have_no_moments() -> None:
    truth, predicted = TRUTH.copy(), PREDICTED.copy()
    truth[0] = predicted[3] = np.nan
    sums = moments(truth, predicted).sum(axis=0)
    assert sums == pytest.approx(moments(TRUTH[1:3], PREDICTED[1:3]).sum(axis=0))
    assert sums[0] == 2


def test_bins() -> None:
    values = np.array([-0.1, 0.0, 0.2499, 0.25, 0.5, 0.75, 1.0, 1.2, np.nan])
    assert bins(values).argmax(axis=1)[:-1].tolist() == [0, 0, 0, 1, 2, 3, 3, 3]
    assert bins(values)[-1].tolist() == [0, 0, 0, 0]
    assert bin_names("arousal")[1] == "arousal, 0.25 to 0.5"


def test_spread_is_missing_where_a_group_has_no_number() -> None:
    assert spread(np.array([0.2, 0.5, 0.4])) == pytest.approx(0.3)
    assert np.isnan(spread(np.array([0.2, np.nan, 0.4])))


def test_spearman_equals_scipy_with_ties() -> None:
    random = np.random.default_rng(0)
    x, y = random.integers(5, size=(2, 20, 30)) / 5
    expected = [spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    assert spearman(x, y) == pytest.approx(expected)
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
