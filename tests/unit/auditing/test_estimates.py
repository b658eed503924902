"""Errors and p-values: calibrated where nothing differs, and right at the edges."""

import numpy as np
import pytest
from scipy import stats

from fairser.auditing.estimates import chance_p, standard_error
from fairser.evaluation.resampling import shuffle, t_test

NAN = float("nan")


def speakers_of(random: np.random.Generator, number: int) -> np.ndarray:
    """Counts [S, 1, 4] of speakers with ten clips of a class, recalled as each speaker's own."""
    hits = random.binomial(10, random.beta(4, 3, number))
    return np.stack([np.full(number, 10), np.full(number, 10), hits, hits], axis=1)[:, None, :]


def resampled(random: np.random.Generator, table: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Recall [1 + R, 2] of two groups of the speakers."""
    weights = random.multinomial(len(table), np.full(len(table), 1 / len(table)), size=200)
    both = []
    for number in (0, 1):
        mine = np.vstack([np.ones(len(table)), weights])[:, group == number]
        with np.errstate(invalid="ignore"):
            both.append(
                (mine @ table[group == number, 0, 3]) / (mine @ table[group == number, 0, 1])
            )
    return np.stack(both, axis=1)


@pytest.mark.parametrize("smaller", [6, 20])
def test_p_values_are_honest_without_a_difference(smaller: int) -> None:
    """600 audits of speakers who differ by nothing but chance, with few of one group."""
    random = np.random.default_rng(0)
    group = (np.arange(45) < smaller).astype(int)
    found = []
    for _ in range(600):
        both = resampled(random, speakers_of(random, 45), group)
        units = 45 - smaller, smaller
        error = standard_error(both, units)
        found.append(t_test(both[0, 0] - both[0, 1], error, smaller - 1))
    shares = [np.mean(np.array(found) <= level) for level in (0.01, 0.05, 0.5)]
    # Three standard errors of a share: .012, .027, .061. With few speakers it may be too careful.
    assert shares[0] <= 0.01 + 0.012
    assert 0.01 <= shares[1] <= 0.05 + 0.027
    assert 0.35 <= shares[2] <= 0.5 + 0.061


def test_permutations_are_honest_without_a_difference() -> None:
    random = np.random.default_rng(1)
    group = (np.arange(30) < 6).astype(int)
    found = []
    for number in range(400):
        table = np.zeros((30, 2, 1, 4))
        table[np.arange(30), group] = speakers_of(random, 30)
        shuffled = shuffle(table, 99, np.random.default_rng(number))
        both = np.concatenate([table.sum(axis=0)[None], shuffled])
        gap = np.abs(np.diff(both[..., 3] / both[..., 1], axis=1)).ravel()
        found.append(chance_p(gap[0], gap[1:]))
    for level in 0.05, 0.2, 0.5:
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.07)


def test_permutations_keep_the_sizes_and_leave_unknown_out() -> None:
    random = np.random.default_rng(2)
    table = np.zeros((9, 3, 2, 4))
    for unit, group in enumerate([0, 0, 0, 0, 1, 1, 2]):  # the last two are of no group
        table[unit, group] = random.integers(1, 9, (2, 4))
        table[unit, group, :, 0] = unit + 1
    shuffled = shuffle(table, 50, np.random.default_rng(0))
    assert shuffled.shape == (50, 3, 2, 4)
    np.testing.assert_array_equal(shuffled.sum(axis=1), np.tile(table.sum(axis=(0, 1)), (50, 1, 1)))
    assert set(shuffled[:, 2, 0, 0]) == {1, 2, 3, 4, 5, 6, 7}  # one speaker, any of the seven
    assert len({row.tobytes() for row in shuffled}) > 30


def test_nothing_to_shuffle_where_a_speaker_is_in_two_groups() -> None:
    table = np.ones((3, 2, 1, 4))
    assert np.isnan(shuffle(table, 5, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    ("measured", "permuted", "expected"),
    [
        (0.5, [0.1, 0.2, 0.6], 2 / 4),
        (0.5, [0.1, 0.5, 0.6], 3 / 4),
        (0.5, [0.1, 0.2, 0.3], 1 / 4),
        (0.5, [0.1, NAN, 0.7], 2 / 3),
        (NAN, [0.1, 0.2], NAN),
        (0.5, [NAN], NAN),
    ],
)
def test_chance_by_count(measured: float, permuted: list[float], expected: float) -> None:
    found = chance_p(measured, np.array(permuted))
    assert found == pytest.approx(expected, nan_ok=True)


def test_p_value_is_that_of_students_t() -> None:
    for t, units in (1.5, 6), (-2.2, 12), (4.0, 40):
        expected = 2 * stats.t.sf(abs(t), units - 1)
        assert t_test(0.1 * t, 0.1, units - 1) == pytest.approx(expected)
    assert t_test(0.3, 0.0, 8) != t_test(0.3, 0.0, 8)  # NaN: nothing to judge by
    assert t_test(0.0, 0.0, 8) == 1
    assert np.isnan(t_test(0.3, NAN, 8))


def test_rates_that_never_vary_have_an_error_all_the_same() -> None:
    """All right against all wrong: sure with 40 speakers, less so with five, unknown with four."""
    both = np.tile([1.0, 0.0], (101, 1))
    many, few = standard_error(both, (40, 40)), standard_error(both, (5, 40))
    share = 1 / 42  # of 42 speakers one is wrong
    assert many == pytest.approx(np.sqrt(2 * share * (1 - share) / 42))
    assert t_test(1.0, many, 39) < 1e-20
    assert 0.001 < t_test(1.0, few, 4) < 0.01
    assert np.isnan(standard_error(both, (4, 40)))
    assert standard_error(np.tile([0.5, 0.5], (2, 1)), (9, 9)) != standard_error(both, (9, 9))


def test_a_rate_that_never_varies_is_taken_to_vary_as_the_other() -> None:
    """No false alarm at all of 20 women, some of 30 men: women's speakers vary as men's do."""
    men = np.array([0.1, 0.08, 0.12, 0.11, 0.09])
    both = np.stack([np.zeros(5), men], axis=1)
    variance = men[1:].var(ddof=1)
    expected = np.sqrt(variance * 20 / 19 + variance * 30 / 20)
    assert standard_error(both, (20, 30)) == pytest.approx(expected)
    assert standard_error(both[:, ::-1], (30, 20)) == pytest.approx(expected)


def test_resamples_without_a_rate_are_left_out() -> None:
    both = np.array([[0.5, 0.4], [0.6, 0.3], [NAN, 0.4], [0.4, 0.5], [0.5, NAN]])
    expected = np.std([0.3, -0.1], ddof=1) * np.sqrt(8 / 7)
    assert standard_error(both, (8, 9)) == pytest.approx(expected)
    assert np.isnan(standard_error(both[:2], (8, 9)))
