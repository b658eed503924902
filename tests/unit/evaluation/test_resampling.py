"""Draws within groups, shuffled groups, expanded intervals: by hand, by loops and by scipy."""

import numpy as np
import pytest
from scipy import stats

from fairser.evaluation import resampling
from fairser.evaluation.resampling import (
    Support,
    draw,
    interval,
    resample,
    shuffle,
    strata,
    t_test,
)

NAN = float("nan")


def table_of(groups: list[int | None], seed: int = 0) -> np.ndarray:
    """Counts [S, 3, 2, 4] of speakers with some clips in their group."""
    random = np.random.default_rng(seed)
    table = np.zeros((len(groups), 3, 2, 4))
    for speaker, group in enumerate(groups):
        if group is not None:
            table[speaker, group] = random.integers(1, 9, (2, 4))
    return table


def test_speakers_are_drawn_within_their_groups() -> None:
    table = table_of([0, 1, 1, 0, 0, None, 2])
    within = strata(table)
    assert within.tolist() == [0, 1, 1, 0, 0, 3, 2]
    times = np.concatenate(list(draw(np.random.default_rng(0), within, 400)))
    assert times.shape == (400, 7)
    for group, size in ((0, 3), (1, 2), (2, 1)):
        assert (times[:, within == group].sum(axis=1) == size).all()
    # The number of draws of a speaker among three is binomial (3, 1/3): variance 2/3.
    assert times[:, 0].var() == pytest.approx(2 / 3, abs=0.15)
    both = table.copy()
    both[0, 1] = both[0, 0]
    assert strata(both).tolist() == [0] * 7  # a speaker of two groups: all are drawn together


def test_resampled_counts_are_those_of_repeated_speakers() -> None:
    table = table_of([0, 1, 1, 0, 0, None, 2])
    found = resample(table, 30, np.random.default_rng(5))
    np.testing.assert_array_equal(found[0], table.sum(axis=0))
    times = np.concatenate(list(draw(np.random.default_rng(5), strata(table), 30)))
    for counts, row in zip(found[1:], times, strict=True):
        repeated = [table[speaker] for speaker, n in enumerate(row) for _ in range(n)]
        np.testing.assert_array_equal(counts, np.sum(repeated, axis=0))
    assert (found[:, :, 0, 0] > 0).all()  # no resample loses a group


def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of([0, 1, 1, 0, 0, None, 2])
    whole = [f(table, 50, np.random.default_rng(1)) for f in (resample, shuffle)]
    monkeypatch.setattr(resampling, "PART", 20)
    for one, function in zip(whole, (resample, shuffle), strict=True):
        np.testing.assert_array_equal(one, function(table, 50, np.random.default_rng(1)))


def test_shuffled_groups_keep_their_sizes_and_all_clips() -> None:
    table = table_of([0, 0, 0, 0, 1, 1, 2, None])
    table[..., 0] = (table[..., 0] > 0) * np.arange(1, 9)[:, None, None]
    found = shuffle(table, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(found.sum(axis=1), np.tile(table.sum(axis=(0, 1)), (50, 1, 1)))
    assert set(found[:, 2, 0, 0]) == {1, 2, 3, 4, 5, 6, 7}  # one speaker, any of the seven
    both = table.copy()
    both[0, 1] = both[0, 0]
    assert np.isnan(shuffle(both, 5, np.random.default_rng(0))).all()


def test_the_interval_is_expanded_and_shifted() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 2000)
    wide = stats.norm.cdf(stats.t.ppf(0.975, 7) * np.sqrt(8 / 7))
    expected = np.quantile(values, [1 - wide, wide]) - (values.mean() - 0.4)
    found = interval(0.4, np.append(values, NAN), Support(8, 7))
    assert found == pytest.approx(expected)
    low, high = interval(0.4, values, Support(1000, 4000))
    assert (low, high) == pytest.approx(
        np.percentile(values, [2.5, 97.5]) - (values.mean() - 0.4), abs=1e-3
    )
    assert interval(0.01, values, Support(8, 7))[0] == 0
    assert interval(0.01, values, Support(8, 7), signed=True)[0] < 0


@pytest.mark.parametrize("support", [Support(4, 40), Support(1, 0), Support(0, 0)])
def test_too_few_speakers_have_no_interval(support: Support) -> None:
    assert not support.is_enough
    assert np.isnan(interval(0.4, np.linspace(0, 1, 50), support)).all()


def test_nothing_has_no_interval() -> None:
    assert np.isnan(interval(NAN, np.ones(9), Support(9, 8))).all()
    assert np.isnan(interval(0.5, np.full(9, NAN), Support(9, 8))).all()


def test_the_p_value_is_that_of_students_t() -> None:
    for t, freedom in (1.5, 5), (-2.2, 11.5), (4.0, 39):
        assert t_test(0.1 * t, 0.1, freedom) == pytest.approx(2 * stats.t.sf(abs(t), freedom))
    assert t_test(0.0, 0.0, 8) == 1
    assert np.isnan(t_test(0.3, 0.0, 8))  # nothing to judge by
