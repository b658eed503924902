"""Estimates over folds and seeds, p-values against scipy and simulations, Holm by hand."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from fairser.evaluation.bootstrap import RunCounts, Sample
from fairser.evaluation.estimates import Estimate, estimate, holm, p_value
from fairser.evaluation.resampling import Support

NAN = float("nan")


def cell(fold: int, seed: int = 0, method: str = "rw") -> RunCounts:
    return RunCounts(method, "none", 1, fold, seed, pl.DataFrame())


def given(*runs: tuple[RunCounts, list[float]]) -> Estimate:
    """The estimate of runs with these values, the first as measured."""
    samples = {run: Sample(np.array(v), {"f": 9, "m": 6}) for run, v in runs}
    return estimate([run for run, _ in runs], samples)


def test_estimate_over_folds() -> None:
    found = given((cell(1), [0.5, 1, 4]), (cell(2), [0.6, 3, 5]), (cell(3), [0.7, 2, 9]))
    assert (found.value, found.std) == (pytest.approx(0.6), pytest.approx(0.1))
    assert np.isnan(found.seed_std)
    assert found.resampled.tolist() == pytest.approx([2, 6])


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([0.5], 0.5, NAN),
        ([0.5, NAN], 0.5, NAN),
        ([0.5, NAN, 0.7], 0.6, np.sqrt(0.02)),
        ([NAN, NAN], NAN, NAN),
    ],
)
def test_folds_without_a_value_are_left_out(values: list[float], mean: float, std: float) -> None:
    found = given(*((cell(fold), [value, value]) for fold, value in enumerate(values)))
    assert (found.value, found.std) == pytest.approx((mean, std), nan_ok=True)
    assert found.resampled.tolist() == pytest.approx([mean], nan_ok=True)


def test_a_resample_leaves_out_the_folds_that_lack_it() -> None:
    found = given((cell(1), [1, NAN, 2, NAN]), (cell(2), [3, 5, 4, NAN]))
    assert found.resampled.tolist() == pytest.approx([5, 3, NAN], nan_ok=True)


def test_seeds_are_averaged_within_a_fold_first() -> None:
    # Fold means .2 and .7, spread .5 / sqrt 2. Over seeds .2 / sqrt 2 and .4 / sqrt 2: mean
    # square (.02 + .08) / 2.
    runs = [cell(1, 0), cell(1, 1), cell(2, 0), cell(2, 1)]
    found = given(*zip(runs, [[0.1, 0], [0.3, 1], [0.5, 2], [0.9, 6]], strict=True))
    expected = (0.45, 0.5 / np.sqrt(2), np.sqrt(0.05))
    assert (found.value, found.std, found.seed_std) == pytest.approx(expected)
    assert found.resampled.tolist() == [2.25]


def test_a_fold_with_more_seeds_weighs_no_more() -> None:
    found = given((cell(1, 0), [0.0, 0]), (cell(1, 1), [0.2, 2]), (cell(2), [0.5, 4]))
    assert (found.value, found.resampled.tolist()) == (pytest.approx(0.3), [2.5])
    assert found.seed_std == pytest.approx(0.2 / np.sqrt(2))


def test_methods_of_a_row_are_averaged_within_fold_and_seed() -> None:
    # Seed means of fold 1: .2 and .6 over methods; fold 2: .9. Seeds differ by .4.
    runs = [cell(1, s, m) for s in (0, 1) for m in ("rw", "ds")] + [cell(2, 0, "rw")]
    found = given(*zip(runs, [[0.1, 1], [0.3, 3], [0.5, 5], [0.7, 7], [0.9, 9]], strict=True))
    assert (found.value, found.resampled.tolist()) == (pytest.approx(0.65), [6.5])
    assert found.seed_std == pytest.approx(0.4 / np.sqrt(2))


def test_a_fold_without_a_value_does_not_take_the_spread_over_seeds_away() -> None:
    # As a test fold with one group: its gap is NaN under every seed.
    runs = [cell(1, 0), cell(1, 1), cell(2, 0), cell(2, 1)]
    found = given(*zip(runs, [[0.1, 0], [0.3, 1], [NAN, 2], [NAN, 3]], strict=True))
    assert found.value == pytest.approx(0.2)
    assert found.seed_std == pytest.approx(0.2 / np.sqrt(2))


def test_support_is_that_of_the_smallest_group() -> None:
    def sample(value: float, **speakers: int) -> Sample:
        return Sample(np.array([value, value]), speakers)

    runs = [cell(fold) for fold in (1, 2, 3)]
    samples = [sample(0.5, f=9, m=6), sample(0.4, f=5, m=8), sample(NAN, f=2)]
    found = estimate(runs, dict(zip(runs, samples, strict=True)))
    # Women 8 + 4 degrees of freedom, men 5 + 7; the fold without a gap does not count.
    assert found.support == Support(5, 12)
    assert estimate(runs[2:], {runs[2]: samples[2]}).support == Support(0, 0)


def test_chance_is_averaged_over_folds_by_permutation() -> None:
    runs = [cell(1), cell(2)]
    chance = [np.array([0.1, 0.3, 0.5]), np.array([0.3, 0.1, 0.7])]
    samples = {
        run: Sample(np.array([0.5, 0.5]), {"f": 9, "m": 9}, values)
        for run, values in zip(runs, chance, strict=True)
    }
    found = estimate(runs, samples)
    assert found.chance == pytest.approx((0.2 + 0.2 + 0.6) / 3)
    assert found.chance_high == pytest.approx(np.quantile([0.2, 0.2, 0.6], 0.95))


def told(
    value: float,
    resampled: Sequence[float],
    by_run: dict[tuple[int, int], float] | None = None,
    support: Support = Support(9, 8),  # noqa: B008  it can't be changed
) -> Estimate:
    return Estimate(value, NAN, NAN, np.array(resampled), support, by_run or {})


def test_one_seed_speaks_of_speakers() -> None:
    draws = np.random.default_rng(0).normal(0.2, 0.1, 200)
    erm = told(0.3, np.linspace(0.2, 0.4, 200))
    found = p_value(told(0.5, erm.resampled + draws), erm)
    error = draws.std(ddof=1) * np.sqrt(9 / 8)
    assert found == pytest.approx(2 * stats.t.sf(0.2 / error, 8))
    assert np.isnan(p_value(told(0.5, draws, support=Support(4, 30)), erm))
    assert p_value(erm, erm) == 1


def test_paired_seeds_add_their_variance() -> None:
    """Two folds and three seeds: four degrees of freedom, fewer than those of the speakers."""
    draws = np.random.default_rng(1).normal(0.1, 0.05, 300)
    ours = {(1, 0): 0.5, (1, 1): 0.6, (1, 2): 0.4, (2, 0): 0.5, (2, 1): 0.5, (2, 2): 0.8}
    base = {(1, 0): 0.4, (1, 1): 0.4, (1, 2): 0.4, (2, 0): 0.5, (2, 1): 0.3, (2, 2): 0.5}
    erm = told(0.4, np.zeros(300), base)
    found = p_value(told(0.55, draws, ours), erm)
    folds = [np.array([0.1, 0.2, 0.0]), np.array([0.0, 0.2, 0.3])]
    seeds = np.mean([d.var(ddof=1) for d in folds]) * (1 / 3 + 1 / 3) / 4
    speakers = draws.var(ddof=1) * 9 / 8
    expected = 2 * stats.t.sf(0.15 / np.sqrt(seeds + speakers), 4)
    assert found == pytest.approx(expected)


def test_other_seeds_are_not_paired_and_one_seed_borrows_the_spread() -> None:
    draws = np.random.default_rng(2).normal(0.1, 0.05, 300)
    ours = {(1, 0): 0.5, (1, 1): 0.7}
    erm = told(0.4, np.zeros(300), {(1, 7): 0.4})
    found = p_value(told(0.6, draws, ours), erm)
    variance = 0.02 / 2 + 0.02 / 1 + draws.var(ddof=1) * 9 / 8
    assert found == pytest.approx(2 * stats.t.sf(0.2 / np.sqrt(variance), 1))


@pytest.mark.parametrize("seeds", [1, 4])
def test_p_values_are_uniform_without_a_difference(seeds: int) -> None:
    """30 speakers and some trainings that differ by nothing but noise, 1,000 times."""
    random = np.random.default_rng(0)
    weights = random.multinomial(30, np.full(30, 1 / 30), size=300) / 30
    found = []
    for _ in range(1000):
        noise = random.normal(size=seeds) if seeds > 1 else np.zeros(1)
        people = random.normal(size=30)
        values = people.mean() + noise
        by_run = {(1, seed): float(value) for seed, value in enumerate(values)}
        ours = told(values.mean(), weights @ people + noise.mean(), by_run, Support(30, 29))
        zero = dict.fromkeys(by_run, 0.0)
        found.append(p_value(ours, told(0.0, np.zeros(300), zero, Support(30, 29))))
    for level in 0.01, 0.05, 0.2, 0.5:  # three standard errors of a share: .047 at most
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.05)
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 0.021


def test_forty_rows_can_be_significant() -> None:
    """Share of resamples could not go below 2 / 1,001, forty times of which is .08."""
    draws = np.random.default_rng(0).normal(0.3, 0.04, 1000)
    erm = told(0.5, np.full(1000, 0.5), support=Support(18, 85))
    ours = [told(0.8, 0.5 + draws, support=Support(18, 85)) for _ in range(40)]
    assert max(holm([p_value(one, erm) for one in ours])) < 0.001


def test_holm_by_hand() -> None:
    # Sorted .01, .02, .03, .04 times 4, 3, 2, 1: .04, .06, .06, .04, then never below before.
    assert holm([0.02, 0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.06, 0.04, 0.06])
    assert holm([0.5, NAN, 0.6]) == pytest.approx([1, NAN, 1], nan_ok=True)
    assert holm([0.01, NAN]) == pytest.approx([0.01, NAN], nan_ok=True)
    assert holm([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_holm_rejects_what_the_step_down_procedure_rejects(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = np.round(random.random(12) ** 4, 3)  # with ties
    found = holm(p.tolist())
    for level in 0.01, 0.05, 0.2, 0.5:
        rejected = np.zeros(12, bool)
        for step, index in enumerate(np.argsort(p, kind="stable")):
            if p[index] > level / (12 - step):
                break
            rejected[index] = True
        assert [value <= level for value in found] == rejected.tolist()
