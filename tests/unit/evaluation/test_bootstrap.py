"""The bootstrap over speakers against a slow one, and chance levels against all permutations."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score

from fairser.core.checksums import write_record
from fairser.corpora.clips import ClipTable
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts, by_test_set, pooled, read_counts
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.evaluation.metrics import RATES, metric_names, positive
from fairser.evaluation.resampling import draw, strata
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


def values_of(bootstrap: Bootstrap, run: RunCounts) -> dict[str, np.ndarray]:
    return {name: sample.values for name, sample in bootstrap.samples(run).items()}


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
    values = values_of(Bootstrap(5, 0, GAPS), run_of(seed))
    metrics = evaluate(fold_of(seed)[1], fold_of(seed)[0])
    assert (values["f1"][0], values["acc"][0]) == pytest.approx((metrics["f1"], metrics["acc"]))
    for name, gap in GAPS.items():
        expected = metrics["attributes"][gap.attribute]["gaps"][gap.rate][gap.variant]["rms"]
        assert values[name][0] == pytest.approx(expected, abs=1e-12)
        assert values[name].shape == (6,)


@pytest.mark.parametrize("seed", range(2))
def test_resamples_are_those_of_repeated_clips(seed: int) -> None:
    values = values_of(Bootstrap(RESAMPLES, 3, GAPS), run_of(seed))
    speakers = [f"s{number:02d}" for number in range(12)]
    for attribute in (None, *ATTRIBUTES):
        _, table = run_of(seed).by_group(attribute)
        known = run_of(seed).counts.drop_nulls(attribute or "speaker")["speaker"]
        generator = np.random.default_rng([3, 1, *f"{attribute or ''} ".encode()])
        times = np.concatenate(list(draw(generator, strata(table), RESAMPLES)))
        for number, row in enumerate(times, start=1):
            drawn = dict.fromkeys(speakers, 0) | dict(
                zip(known.unique().sort(), row.tolist(), strict=True)
            )
            expected = slow(*fold_of(seed), drawn)
            mine = [n for n in expected if n.startswith(attribute or ("f1", "acc"))]
            found = {name: values[name][number] for name in mine}
            assert found == pytest.approx({n: expected[n] for n in mine}, abs=1e-12, nan_ok=True)


def test_runs_of_a_fold_get_the_same_resamples_and_folds_others() -> None:
    gaps = {"tpr_gap": Gap("gender", "tpr", "pairwise")}
    bootstrap = Bootstrap(RESAMPLES, 0, gaps)
    first = values_of(bootstrap, run_of(0))
    same = values_of(bootstrap, run_of(0, method="ds"))
    other = values_of(bootstrap, run_of(0, fold=2))
    fresh = values_of(Bootstrap(RESAMPLES, 0, gaps), run_of(0))
    seeded = values_of(Bootstrap(RESAMPLES, 1, gaps), run_of(0))
    for name in "f1", "acc", "tpr_gap":
        np.testing.assert_array_equal(first[name], same[name])
        np.testing.assert_array_equal(first[name], fresh[name])
        assert first[name][0] == other[name][0] == seeded[name][0]
        assert not np.array_equal(first[name], other[name])
        assert not np.array_equal(first[name], seeded[name])


def test_no_resample_loses_a_group() -> None:
    run = run_of(0)
    women = {"s00": "f"}  # one speaker alone
    gender = pl.col("speaker").replace_strict(women, default="m")
    lonely = replace(run, counts=run.counts.with_columns(gender.alias("gender")))
    sample = Bootstrap(RESAMPLES, 0, {"gap": Gap("gender", "ppr", "pairwise")}).samples(lonely)
    assert np.isfinite(sample["gap"].values).all()
    assert sample["gap"].speakers == {"f": 1, "m": 11}
    assert sample["f1"].speakers == {"": 12}


def test_chance_is_that_of_shuffled_groups() -> None:
    """The mean over all twelve ways to choose the one woman, by hand."""
    run = run_of(0)
    speakers = sorted(run.counts["speaker"].unique())
    exact = []
    gaps = {"gap": Gap("gender", "ppr", "pairwise")}
    for name in speakers:
        gender = pl.when(pl.col("speaker") == name).then(pl.lit("f")).otherwise(pl.lit("m"))
        one = replace(run, counts=run.counts.with_columns(gender.alias("gender")))
        exact.append(Bootstrap(2, 0, gaps).samples(one)["gap"].values[0])
    chance = Bootstrap(3000, 0, gaps).samples(one)["gap"].chance
    assert len({round(v, 9) for v in chance}) <= 12
    assert set(np.round(chance, 9)) == set(np.round(exact, 9))
    assert chance.mean() == pytest.approx(np.mean(exact), abs=4 * np.std(exact) / np.sqrt(3000))


def test_an_attribute_without_values_has_no_gap() -> None:
    run = run_of(0)
    counts = run.counts.with_columns(pl.lit(None, pl.String).alias("race"))
    gaps = {"race": Gap("race", "tpr", "pairwise"), "age": Gap("age", "tpr", "pairwise")}
    values = values_of(Bootstrap(5, 0, gaps), replace(run, counts=counts))
    assert np.isnan(values["race"]).all() and np.isnan(values["age"]).all()
    assert values["race"].shape == values["age"].shape == (6,)


def test_the_order_of_the_rows_changes_nothing() -> None:
    run = run_of(0)
    shuffled = RunCounts(
        "erm", "none", 1, 1, 0, run.counts.sample(fraction=1, shuffle=True, seed=1)
    )
    one, two = (values_of(Bootstrap(10, 0, GAPS), found) for found in (run, shuffled))
    for name in one:
        np.testing.assert_allclose(one[name], two[name], rtol=0, atol=1e-14)


def test_values_are_the_same_to_the_last_bit() -> None:
    counts = run_of(0).counts
    fifth = (pl.col("speaker").str.tail(1).cast(pl.Int64) % 5).cast(pl.String)
    run = RunCounts("erm", "none", 1, 1, 0, counts.with_columns(fifth.alias("race")))
    first = values_of(Bootstrap(50, 0, GAPS), run)
    for _ in range(10):
        again = values_of(Bootstrap(50, 0, GAPS), run)
        assert [name for name in GAPS if first[name].tobytes() != again[name].tobytes()] == []


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
        run_of(seed).counts.write_parquet(paths[-1][1])
        write_record(paths[-1][0], run, [paths[-1][1]])
    found = read_counts(*zip(*paths, strict=True))
    assert [(r.method, r.source, r.k, r.fold, r.seed) for r in found] == [
        ("rw", "kmeans", 4, 2, 0),
        ("rw", "kmeans", 4, 2, 1),
    ]
    assert all(run.counts.equals(run_of(seed).counts) for seed, run in enumerate(found))


def test_pooled_runs_hold_the_clips_of_all_folds() -> None:
    runs = [run_of(fold, fold, method) for fold in (1, 2) for method in ("erm", "rw")]
    found = pooled(runs)
    assert list(found) != runs or set(found) == set(runs)
    assert found[runs[0]] is found[runs[2]] and found[runs[0]] is not found[runs[1]]
    for run, whole in found.items():
        assert (whole.method, whole.fold) == (run.method, 0)
    clips = sum(run.counts["clips"].sum() for run in (runs[0], runs[2]))
    assert found[runs[0]].counts["clips"].sum() == clips


def test_named_test_sets_are_runs_of_their_own(tmp_path: Path) -> None:
    run = {"task": "multi_label", "method": "erm", "source": "none", "k": 1, "fold": 1, "seed": 0}
    named = pl.when(pl.col("speaker") < "s06").then(pl.lit("test1")).otherwise(pl.lit("test2"))
    counts = run_of(0).counts.with_columns(named.alias("test_set"))
    counts.write_parquet(tmp_path / "counts.parquet")
    write_record(tmp_path / "metrics.json", run, [tmp_path / "counts.parquet"])
    read = read_counts([str(tmp_path / "metrics.json")], [str(tmp_path / "counts.parquet")])
    found = by_test_set(read)
    assert len(read) == 1 and by_test_set([run_of(0)])[0].test_set is None
    assert {run.test_set for run in found} == {"test1", "test2"}
    for part in found:
        assert part.counts["clips"].sum() == counts.filter(test_set=part.test_set)["clips"].sum()
        assert "test_set" not in part.counts.columns
