"""The bootstrap over speakers against a slow one; estimates, p-values and Holm by hand."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from fairser.corpora.clips import ClipTable
from fairser.evaluation.bootstrap import (
    Bootstrap,
    Estimate,
    Gap,
    RunCounts,
    estimate,
    holm,
    p_value,
    read_counts,
)
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.evaluation.metrics import RATES, metric_names, positive
from unit.builders import CLASSES, clip_table

NAN = float("nan")
ATTRIBUTES = ("gender", "race")
GAPS = {
    f"{name} {rate} {variant}": Gap(name, rate, variant)
    for name in ATTRIBUTES
    for rate in RATES
    for variant in metric_names("gap")
}
RESAMPLES = 40


@cache
def fold_of(seed: int) -> tuple[ClipTable, pl.DataFrame]:
    """Twelve speakers with one to nine test clips each, and random predictions.

    Gender and race belong to the speaker; one speaker has no race and one race has one speaker.
    """
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(12), random.integers(1, 10, size=12))
    count = len(speaker)
    race = ["asian", None, *["white", "black"] * 5]
    table = clip_table(
        random.dirichlet([0.5] * 3, count + 2),
        [*["test"] * count, "train", "development"],
        gender=[*("fm"[s % 2] for s in speaker), "f", "m"],
        race=[*(race[s] for s in speaker), "white", "white"],
    )
    names = pl.Series("speaker", [*(f"s{s:02d}" for s in speaker), "t", "d"])
    table = table.replace(table.frame.with_columns(names))
    shares = random.dirichlet([0.5] * 3, count)
    found = table.frame.filter(split="test").select("clip", "split")
    columns = [pl.Series(name, shares[:, c]) for c, name in enumerate(CLASSES)]
    return table, found.with_columns(columns)


def run_of(seed: int, fold: int = 1, method: str = "erm") -> RunCounts:
    table, predictions = fold_of(seed)
    return RunCounts(method, "none", 1, fold, 0, speaker_counts(predictions, table))


def slow(table: ClipTable, predictions: pl.DataFrame, times: dict[str, int]) -> dict[str, float]:
    """All metrics of the test clips, each repeated as often as its speaker was drawn."""
    truth = table.frame.filter(split="test")
    rows = [row for row, name in enumerate(truth["speaker"]) for _ in range(times[name])]
    true = positive(truth.select(CLASSES).to_numpy())[rows]
    called = positive(predictions.select(CLASSES).to_numpy())[rows]
    seen = (true | called).any(axis=0)
    f1 = f1_score(true[:, seen], called[:, seen], average="macro", zero_division=NAN)
    values = {"f1": float(f1), "acc": float((true == called).mean())}
    for name in ATTRIBUTES:
        group = np.array([str(value) for value in truth[name][rows]])
        known = group != "None"
        for rate in RATES:
            squares: dict[str, list[float]] = {variant: [] for variant in metric_names("gap")}
            for c in range(len(CLASSES)):
                base = {"tpr": true[:, c], "ppr": np.ones(len(rows), bool), "fpr": ~true[:, c]}[
                    rate
                ]
                parts = [called[base & (group == g), c] for g in sorted(set(group[known]))]
                rates = np.array([part.mean() for part in parts if part.size])
                if len(rates) >= 2:
                    deviation = np.abs(rates - called[base & known, c].mean())
                    squares["pairwise"].append((rates.max() - rates.min()) ** 2)
                    squares["max_deviation"].append(deviation.max() ** 2)
                    squares["rms_deviation"].append((deviation**2).mean())
                    squares["sum_deviation"].append(deviation.sum() ** 2)
            for variant, found in squares.items():
                values[f"{name} {rate} {variant}"] = np.sqrt(np.mean(found)) if found else NAN
    return values


@pytest.mark.parametrize("seed", range(3))
def test_first_values_are_the_metrics_of_the_run(seed: int) -> None:
    values = Bootstrap(5, 0, GAPS).values(run_of(seed))
    metrics = evaluate(fold_of(seed)[1], fold_of(seed)[0])
    assert (values["f1"][0], values["acc"][0]) == pytest.approx((metrics["f1"], metrics["acc"]))
    for name, gap in GAPS.items():
        expected = metrics["attributes"][gap.attribute]["gaps"][gap.rate][gap.variant]["rms"]
        assert values[name][0] == pytest.approx(expected, abs=1e-12)
        assert values[name].shape == (6,)


@pytest.mark.parametrize("seed", range(2))
def test_resamples_are_those_of_repeated_clips(seed: int) -> None:
    bootstrap = Bootstrap(RESAMPLES, 3, GAPS)
    values = bootstrap.values(run_of(seed))
    speakers = [f"s{number:02d}" for number in range(12)]
    weights = bootstrap.weights(1, 12)
    for number, drawn in enumerate(weights.astype(int)):
        expected = slow(*fold_of(seed), dict(zip(speakers, drawn.tolist(), strict=True)))
        found = {name: values[name][number] for name in expected}
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_resamples_draw_as_many_speakers_as_there_are() -> None:
    weights = Bootstrap(500, 0, {}).weights(1, 12)
    assert weights.shape == (501, 12)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 12).all()
    assert (weights == weights.astype(int)).all() and weights.min() == 0
    # The number of draws of a speaker is binomial (12, 1/12): mean 1, variance 11/12.
    np.testing.assert_allclose(weights[1:].mean(axis=0), 1, atol=0.2)
    assert weights[1:].var() == pytest.approx(11 / 12, abs=0.06)


def test_runs_of_a_fold_get_the_same_resamples_and_folds_others() -> None:
    gaps = {"tpr_gap": Gap("gender", "tpr", "pairwise")}
    bootstrap = Bootstrap(RESAMPLES, 0, gaps)
    first = bootstrap.values(run_of(0))
    bootstrap.values(run_of(1, method="rw"))
    bootstrap.values(run_of(1, fold=2))
    same = bootstrap.values(run_of(0, method="ds"))
    other = bootstrap.values(run_of(0, fold=2))
    fresh = Bootstrap(RESAMPLES, 0, gaps).values(run_of(0))
    seeded = Bootstrap(RESAMPLES, 1, gaps).values(run_of(0))
    for name in "f1", "acc", "tpr_gap":
        np.testing.assert_array_equal(first[name], same[name])
        np.testing.assert_array_equal(first[name], fresh[name])
        assert first[name][0] == other[name][0] == seeded[name][0]
        assert not np.array_equal(first[name], other[name])
        assert not np.array_equal(first[name], seeded[name])


def test_a_gap_is_nan_where_a_group_vanishes() -> None:
    run = run_of(0)
    women = {"s00": "f"}  # one speaker alone
    gender = pl.col("speaker").replace_strict(women, default="m")
    lonely = RunCounts("erm", "none", 1, 1, 0, run.counts.with_columns(gender.alias("gender")))
    bootstrap = Bootstrap(RESAMPLES, 0, {"gap": Gap("gender", "ppr", "pairwise")})
    drawn = bootstrap.weights(1, 12)[:, 0]
    values = bootstrap.values(lonely)
    assert 0 < (drawn == 0).sum() < RESAMPLES
    assert np.isnan(values["gap"]).tolist() == (drawn == 0).tolist()
    assert np.isfinite(values["f1"]).all()


def test_an_attribute_without_values_has_no_gap() -> None:
    run = run_of(0)
    counts = run.counts.with_columns(pl.lit(None, pl.String).alias("race"))
    gaps = {"race": Gap("race", "tpr", "pairwise"), "age": Gap("age", "tpr", "pairwise")}
    values = Bootstrap(5, 0, gaps).values(RunCounts("erm", "none", 1, 1, 0, counts))
    assert np.isnan(values["race"]).all() and np.isnan(values["age"]).all()
    assert values["race"].shape == values["age"].shape == (6,)


def test_the_order_of_the_rows_changes_nothing() -> None:
    run = run_of(0)
    shuffled = RunCounts(
        "erm", "none", 1, 1, 0, run.counts.sample(fraction=1, shuffle=True, seed=1)
    )
    one, two = (Bootstrap(10, 0, GAPS).values(found) for found in (run, shuffled))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-14)


def test_values_are_the_same_to_the_last_bit() -> None:
    counts = run_of(0).counts
    fifth = (pl.col("speaker").str.tail(1).cast(pl.Int64) % 5).cast(pl.String)
    run = RunCounts("erm", "none", 1, 1, 0, counts.with_columns(fifth.alias("race")))
    first = Bootstrap(50, 0, GAPS).values(run)
    for _ in range(10):
        again = Bootstrap(50, 0, GAPS).values(run)
        assert [name for name in GAPS if first[name].tobytes() != again[name].tobytes()] == []


def cell(fold: int, seed: int = 0, method: str = "rw") -> RunCounts:
    return RunCounts(method, "none", 1, fold, seed, pl.DataFrame())


def given(*runs: tuple[RunCounts, list[float]]) -> Estimate:
    """The estimate of runs with these values, the first as measured."""
    return estimate([run for run, _ in runs], {run: np.array(v) for run, v in runs})


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


def resampled(values: Sequence[float]) -> Estimate:
    return Estimate(0.0, NAN, NAN, np.array(values))


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], 2 * (0 + 1) / 10),
        ([-1, 2, 3, 4, 5, 6, 7, 8, 9], 2 * (1 + 1) / 10),
        ([-1, -2, 3, 4, NAN, 6, 7, 8, 9, NAN], 2 * (2 + 1) / 9),
        ([-1, 1, -1, 1], 1),  # 2 * 3 / 5, at most 1
        ([0, 0, 0], 1),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8], 2 * (1 + 1) / 10),  # no difference is of both signs
        ([NAN, NAN], NAN),
        ([], NAN),
    ],
)
def test_p_value_by_count(differences: list[float], expected: float) -> None:
    reference = np.linspace(3, 5, len(differences))
    ours, erm = resampled(reference + differences), resampled(reference)
    assert p_value(ours, erm) == pytest.approx(expected, nan_ok=True)
    assert p_value(erm, ours) == pytest.approx(expected, nan_ok=True)


def test_p_values_are_uniform_without_a_difference() -> None:
    """A mean difference of 30 speakers that is 0 in truth, 1,000 times."""
    random = np.random.default_rng(0)
    weights = random.multinomial(30, np.full(30, 1 / 30), size=300) / 30
    zero = resampled(np.zeros(300))
    found = [p_value(resampled(weights @ random.normal(size=30)), zero) for _ in range(1000)]
    for level in 0.05, 0.2, 0.5, 0.8:  # three standard errors of a share: .047 at most
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.05)


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


def test_counts_are_read_with_their_cells(tmp_path: Path) -> None:
    paths = []
    for seed in (0, 1):
        run = {
            "task": "multi_label",
            "method": "rw",
            "source": "kmeans",
            "k": 4,
            "fold": 2,
            "seed": seed,
            "f1": 0.5,
        }
        paths.append((tmp_path / f"{seed}.json", tmp_path / f"{seed}.parquet"))
        paths[-1][0].write_text(json.dumps(run))
        run_of(seed).counts.write_parquet(paths[-1][1])
    found = read_counts(*zip(*paths, strict=True))
    assert [(r.method, r.source, r.k, r.fold, r.seed) for r in found] == [
        ("rw", "kmeans", 4, 2, 0),
        ("rw", "kmeans", 4, 2, 1),
    ]
    assert all(run.counts.equals(run_of(seed).counts) for seed, run in enumerate(found))
