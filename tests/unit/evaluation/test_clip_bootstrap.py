"""All numbers of a run under draws, against a slow bootstrap and all permutations."""

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from fairser.corpora.clips import SINGLE, ClipTable
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts
from fairser.evaluation.clip_bootstrap import GAPS, ClipBootstrap, missing
from fairser.evaluation.evaluate import clip_counts, evaluate, speaker_counts
from fairser.evaluation.resampling import draw, resample, shuffle, strata
from fairser.evaluation.scores import BINS
from unit.builders import CLASSES, clip_table

VARIANTS = {"tpr_gap": "pairwise", "dp_gap": "max_deviation"}
OVERALL = ["f1", "acc", "uar", "auroc", "ece"]
RESAMPLES = 30
COUNTED = ("clips", "positives", "predicted", "hits")


@cache
def fold_of(
    seed: int, single: bool = False, decade: bool = False
) -> tuple[ClipTable, pl.DataFrame]:
    """Twelve speakers with 20 to 40 test clips each, and predictions that are partly right.

    The race of one speaker is unknown. With ``decade`` speakers have clips of several ages.
    """
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(12), random.integers(20, 41, size=12))
    count = len(speaker)
    labels = random.dirichlet([0.5] * 3, count + 2)
    if single:
        labels = np.eye(3)[labels.argmax(axis=1)]
    race = [None, *["white", "black"] * 6]
    age = random.choice(["20", "30"], count) if decade else np.array(["20", "30"])[speaker // 6]
    table = clip_table(
        labels,
        [*["test"] * count, "train", "development"],
        gender=[*("fm"[s % 2] for s in speaker), "f", "m"],
        race=[*(race[s] for s in speaker), "white", "white"],
        age=[*age.tolist(), "20", "20"],
    )
    names = pl.Series("speaker", [*(f"s{s:02d}" for s in speaker), "t", "d"])
    table = table.replace(table.frame.with_columns(names))
    shares = 0.7 * random.dirichlet([0.7] * 3, count) + 0.3 * labels[:count]
    found = table.frame.filter(split="test").select("clip", "split")
    columns = [pl.Series(name, shares[:, c].astype(np.float32)) for c, name in enumerate(CLASSES)]
    return table, found.with_columns(columns)


def run_of(seed: int, fold: int = 1, **given: bool) -> RunCounts:
    table, predictions = fold_of(seed, **given)
    return RunCounts("erm", "none", 1, fold, 0, clip_counts(predictions, table), table.task)


def slow(
    table: ClipTable, predictions: pl.DataFrame, times: dict[str, int], attribute: str
) -> dict[str, float]:
    """Numbers of the test clips, each repeated as often as its speaker was drawn."""
    test = table.frame.filter(split="test")
    rows = [row for row, name in enumerate(test["speaker"]) for _ in range(times.get(name, 0))]
    labels = test.select(CLASSES).to_numpy()[rows]
    values = predictions.select(CLASSES).to_numpy().astype(float)[rows]
    truth, called = labels > 1 / 3, values > np.float32(1 / 3)
    group = np.array([str(name) for name in test[attribute][rows]])

    def numbers(mine: np.ndarray) -> dict[str, float]:
        y, z = truth[mine], called[mine]
        errors = [error(labels[mine, c], values[mine, c]) for c in range(3)]
        return {
            "f1": float(f1_score(y, z, average="macro", zero_division=0)),
            "acc": float((y == z).mean()),
            "uar": float(recall_score(y, z, average="macro")),
            "auroc": float(roc_auc_score(y, values[mine], average="macro")),
            "ece": float(np.mean(errors)),
        }

    found = numbers(np.ones(len(rows), bool))
    parts = {name: group == name for name in sorted(set(group) - {"None"})}
    own = {name: numbers(mine) for name, mine in parts.items()}
    by = {key: [part[key] for part in own.values()] for key in OVERALL}
    found |= {"worst_group_f1": min(by["f1"]), "worst_group_recall": min(by["uar"])}
    found |= {"worst_group_auroc": min(by["auroc"]), "worst_group_ece": max(by["ece"])}
    found |= {"auroc_gap": np.ptp(by["auroc"]), "ece_gap": np.ptp(by["ece"])}
    recalls = [recall_score(truth[m], called[m], average=None) for m in parts.values()]
    found["worst_group_class_recall"] = float(np.min(recalls))
    precisions = [precision_score(truth[m], called[m], average=None) for m in parts.values()]
    false = [[called[m & ~truth[:, c], c].mean() for c in range(3)] for m in parts.values()]
    for name, rates in (("tpr", recalls), ("precision", precisions), ("fpr", false)):
        found[f"{name}_gap"] = float(np.sqrt(np.mean(np.ptp(rates, axis=0) ** 2)))
    known = group != "None"
    away = [np.abs(called[m].mean(axis=0) - called[known].mean(axis=0)) for m in parts.values()]
    found["dp_gap"] = float(np.sqrt(np.mean(np.max(away, axis=0) ** 2)))
    return found


def error(labels: np.ndarray, values: np.ndarray) -> float:
    bins = np.minimum((values * BINS).astype(int), BINS - 1)
    sums = [abs((values - labels)[bins == b].sum()) for b in range(BINS)]
    return sum(sums) / len(values)


def close(found: dict[str, float], expected: dict[str, float], bins: bool) -> None:
    """All numbers are exact but the AUROC of resamples, whose values are rounded to bins."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        error = 0.01 if bins and "auroc" in name else 1e-6
        assert found[name] == pytest.approx(value, abs=error), name


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("attribute", ["gender", "race"])
def test_draws_are_those_of_repeated_clips(seed: int, attribute: str) -> None:
    bootstrap, run = ClipBootstrap(RESAMPLES, 3, VARIANTS), run_of(seed)
    samples = {None: bootstrap.overall(run), attribute: bootstrap.compared(run, attribute)}
    assert list(samples[None]) == OVERALL
    speakers = [f"s{number:02d}" for number in range(12)]
    once = slow(*fold_of(seed), dict.fromkeys(speakers, 1), attribute)
    for name, found in samples.items():
        mine = {key: once[key] for key in found}
        close({key: sample.values[0] for key, sample in found.items()}, mine, bins=False)
        counts = run.counts.drop_nulls(name or "speaker")
        known = counts["speaker"].unique().sort().to_list()
        generator = np.random.default_rng([3, 1, *f"{name or ''} ".encode()])
        _, table = run.by_group(name)
        times = np.concatenate(list(draw(generator, strata(table), RESAMPLES)))
        for number, row in enumerate(times, start=1):
            drawn = dict(zip(known, row.tolist(), strict=True))
            expected = slow(*fold_of(seed), drawn, attribute)
            values = {key: sample.values[number] for key, sample in found.items()}
            close(values, {key: expected[key] for key in found}, bins=True)


@pytest.mark.parametrize("single", [False, True])
def test_numbers_that_tables_have_are_the_same(single: bool) -> None:
    table, predictions = fold_of(0, single)
    gaps = {"tpr_gap": Gap("gender", "tpr", "pairwise")}
    gaps |= {"dp_gap": Gap("gender", "ppr", "max_deviation")}
    counts = speaker_counts(predictions, table)
    other = Bootstrap(200, 0, gaps).samples(
        RunCounts("erm", "none", 1, 1, 0, counts, task=table.task)
    )
    bootstrap, run = ClipBootstrap(200, 0, VARIANTS), run_of(0, single=single)
    assert run.task == (SINGLE if single else "multi_label")
    mine = bootstrap.overall(run) | bootstrap.compared(run, "gender")
    for name, sample in other.items():
        np.testing.assert_array_equal(mine[name].values, sample.values)
        np.testing.assert_array_equal(mine[name].chance, sample.chance)
        assert mine[name].speakers == sample.speakers


def test_measured_values_are_those_of_the_record() -> None:
    table, predictions = fold_of(1)
    record, bootstrap = evaluate(predictions, table), ClipBootstrap(5, 0, VARIANTS)
    run = run_of(1)
    for name, sample in bootstrap.overall(run).items():
        assert sample.values[0] == pytest.approx(record[name])
        assert sample.values.shape == (6,)
    for attribute in ("gender", "race"):
        known = record["attributes"][attribute]
        found = bootstrap.compared(run, attribute)
        for name, value in known["compared"].items():
            assert found[name].values[0] == pytest.approx(value)
        for name, rate in ("fpr_gap", "fpr"), ("precision_gap", "precision"):
            assert found[name].values[0] == pytest.approx(known["gaps"][rate]["pairwise"]["rms"])
        assert missing(run, attribute) == known["missing"] == {}


def test_rows_of_clips_add_up_to_the_counts() -> None:
    table, predictions = fold_of(0)
    clips, counts = clip_counts(predictions, table), speaker_counts(predictions, table)
    keys = [name for name in counts.columns if name not in COUNTED]
    sums = clips.group_by(keys, maintain_order=True).agg(pl.col(COUNTED).sum())
    assert sums.equals(counts)
    assert clips.height == 3 * predictions.height


def test_chance_is_that_of_shuffled_groups() -> None:
    """The mean over all twelve ways to choose the one woman."""
    run = run_of(0)
    ways: dict[str, list[float]] = {name: [] for name in GAPS}
    for name in sorted(run.counts["speaker"].unique()):
        gender = pl.when(pl.col("speaker") == name).then(pl.lit("f")).otherwise(pl.lit("m"))
        one = replace(run, counts=run.counts.with_columns(gender.alias("gender")))
        for gap, sample in ClipBootstrap(2, 0, VARIANTS).compared(one, "gender").items():
            if gap in GAPS:
                ways[gap].append(sample.values[0])
    found = ClipBootstrap(2000, 0, VARIANTS).compared(one, "gender")
    for gap, exact in ways.items():
        error = 0.01 if gap == "auroc_gap" else 1e-9
        assert found[gap].chance.shape == (2000,)
        nearest = np.abs(found[gap].chance[:, None] - np.array(exact)).min(axis=1)
        assert nearest.max() < error
        noise = 4 * np.std(exact) / np.sqrt(2000)
        assert found[gap].chance.mean() == pytest.approx(np.mean(exact), abs=noise + error)
    assert all(np.isnan(found[name].chance).all() for name in found if name not in GAPS)


def test_clips_of_a_speaker_in_two_groups_have_no_chance_level() -> None:
    found = ClipBootstrap(RESAMPLES, 0, VARIANTS).compared(run_of(0, decade=True), "age")
    assert np.isnan(found["ece_gap"].chance).all() and found["ece_gap"].chance.shape == (RESAMPLES,)
    assert np.isfinite(found["ece_gap"].values).all()


def test_values_that_are_no_probabilities_have_no_calibration_error() -> None:
    table, predictions = fold_of(0)
    halved = predictions.with_columns(pl.col(CLASSES) / 2)
    run = RunCounts("erm", "none", 1, 1, 0, clip_counts(halved, table), table.task)
    bootstrap = ClipBootstrap(RESAMPLES, 0, VARIANTS)
    found = bootstrap.overall(run) | bootstrap.compared(run, "gender")
    for name, sample in found.items():
        assert np.isnan(sample.values).all() == ("ece" in name)
    assert "sum to 1" in missing(run, None)["ece"]
    assert set(missing(run, "gender")) == {"worst_group_ece", "ece_gap"}


def test_an_attribute_without_values_has_no_numbers() -> None:
    run = run_of(0)
    counts = run.counts.with_columns(pl.lit(None, pl.String).alias("race"))
    found = ClipBootstrap(5, 0, VARIANTS).compared(replace(run, counts=counts), "race")
    assert all(np.isnan(sample.values).all() for sample in found.values())
    assert {sample.values.shape for sample in found.values()} == {(6,)}


def test_a_function_of_the_counts_is_that_of_each_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    _, table = run_of(0).by_group("gender")
    for draws in (resample, shuffle):
        plain = draws(table, 50, np.random.default_rng(1))
        for part in (8_000_000, 400):  # all at once, and one by one
            monkeypatch.setattr("fairser.evaluation.resampling.PART", part)
            found = draws(table, 50, np.random.default_rng(1), lambda c: c.sum(axis=(1, 2)))
            np.testing.assert_array_equal(found, plain.sum(axis=(1, 2)))
        monkeypatch.undo()
