"""Two results folders with known differences, against slow loops and scipy."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from fairser.comparison.comparing import Comparison, compare, text, write
from fairser.comparison.stored_runs import IDENTICAL, SAME, read_folder
from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.evaluation.resampling import draw
from fairser.llm.grid import LLMCell
from fairser.llm.measures import COLUMNS, speaker_counts
from unit.llm.test_measures import predictions
from unit.result_folder import CLASSES, CONFIG, counts, write_run

ERM, RW = ("erm", "none", 1), ("rw", "kmeans", 2)


def compared(folder: Path, **options: Any) -> Comparison:
    return compare(read_folder(folder / "a"), read_folder(folder / "b"), **options)


def row(found: Comparison, metric: str, method: str = "erm") -> dict[str, Any]:
    return found.table.filter(metric=metric, method=method).row(0, named=True)


def test_a_known_shift_is_beyond_noise_and_nothing_else(tmp_path: Path) -> None:
    for fold in (1, 2):
        for cell in (ERM, RW):
            write_run(tmp_path / "a", cell, counts(fold), fold)
        write_run(tmp_path / "b", ERM, counts(fold), fold)
        write_run(tmp_path / "b", RW, counts(fold, worse=0.6), fold)
    found = compared(tmp_path)
    assert found.equal[IDENTICAL] == [ERM]
    assert found.table["method"].unique().to_list() == ["rw"]
    assert found.beyond["metric"].to_list() == ["f1", "acc", "tpr_gap", "dp_gap"]
    gap = row(found, "tpr_gap", "rw")
    assert gap["difference"] == pytest.approx(gap["b"] - gap["a"])
    assert 0 < gap["low"] < gap["difference"] < gap["high"]
    assert (gap["folds"], gap["paired"], gap["a_seeds"], gap["b_seeds"]) == (2, 2, 1, 1)
    assert found.verdict == "1 of 2 cells differ beyond noise (identical byte for byte: 1)."
    assert found.differences == []
    assert "grid.seeds" in found.notes[-1]


def test_another_draw_of_the_same_quality_is_noise(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1, draw=1))
    write_run(tmp_path / "b", ERM, counts(1, draw=2))
    found = compared(tmp_path)
    assert found.table.height == 4
    assert found.beyond.height == 0


def slow_f1(frame: pl.DataFrame, times: np.ndarray) -> float:
    """Macro F1 with each speaker as often as drawn."""
    scores = []
    for name in CLASSES:
        part = frame.filter(pl.col("class") == name).sort("speaker")
        sums = {
            column: sum(n * t for n, t in zip(part[column], times, strict=True))
            for column in ("positives", "predicted", "hits")
        }
        scores.append(2 * sums["hits"] / (sums["positives"] + sums["predicted"]))
    return float(np.mean(scores))


def test_interval_and_p_value_are_those_of_a_slow_loop(tmp_path: Path) -> None:
    sides = [{fold: counts(fold, worse, draw=1) for fold in (1, 2)} for worse in (0.0, 0.2)]
    for side, name in zip(sides, "ab", strict=True):
        for fold, frame in side.items():
            write_run(tmp_path / name, ERM, frame, fold)
    resamples = 500
    found = row(compared(tmp_path, resamples=resamples, seed=7), "f1")
    differences = np.zeros(resamples)
    measured = 0.0
    for fold in (1, 2):
        generator = np.random.default_rng([7, fold, *b" "])
        (drawn,) = draw(generator, np.zeros(20, int), resamples)
        pair = [side[fold] for side in sides]
        values = np.array([[slow_f1(frame, times) for frame in pair] for times in drawn])
        differences += (values[:, 1] - values[:, 0]) / 2
        ones = [slow_f1(frame, np.ones(20)) for frame in pair]
        measured += (ones[1] - ones[0]) / 2
    assert found["difference"] == pytest.approx(measured)
    shift = measured - differences.mean()
    level = expanded(20, 38)
    ends = np.quantile(differences, [(1 - level) / 2, (1 + level) / 2]) + shift
    assert (found["low"], found["high"]) == pytest.approx(tuple(ends))
    error = differences.std(ddof=1) * np.sqrt(20 / 19)
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(measured) / error, 38))


def expanded(speakers: int, freedom: int) -> float:
    """Level of a percentile interval that stands for 95 % with so few speakers."""
    wide = stats.t.ppf(0.975, freedom) * np.sqrt(speakers / (speakers - 1))
    return float(2 * stats.norm.cdf(wide) - 1)


def accuracies(frame: pl.DataFrame) -> np.ndarray:
    """Hamming accuracy of each speaker; with as many clips each, their mean is that of all."""
    right = pl.col("clips") - pl.col("positives") - pl.col("predicted") + 2 * pl.col("hits")
    sums = frame.group_by("speaker").agg((right.sum() / pl.col("clips").sum()).alias("acc"))
    return sums.sort("speaker")["acc"].to_numpy()


def test_paired_and_unpaired_intervals_against_scipy(tmp_path: Path) -> None:
    ours, theirs = counts(1), counts(1, worse=0.3)
    write_run(tmp_path / "a", ERM, ours)
    write_run(tmp_path / "b", ERM, theirs)
    paired = row(compared(tmp_path, resamples=20_000), "acc")
    change = (accuracies(theirs) - accuracies(ours),)
    known = stats.bootstrap(
        change,
        np.mean,
        n_resamples=20_000,
        confidence_level=expanded(20, 19),
        method="percentile",
        rng=0,
    )
    width = np.diff(known.confidence_interval)[0]
    assert paired["high"] - paired["low"] == pytest.approx(width, rel=0.05)
    assert paired["low"] == pytest.approx(known.confidence_interval.low, abs=0.05 * width)

    others = counts(1, worse=0.3, speakers=range(1, 21))
    write_run(tmp_path / "other/a", ERM, ours)
    write_run(tmp_path / "other/b", ERM, others)
    found = compared(tmp_path / "other", resamples=20_000)
    unpaired = row(found, "acc")
    samples = (accuracies(others), accuracies(ours))
    known = stats.bootstrap(
        samples,
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        n_resamples=20_000,
        confidence_level=expanded(20, 19),
        method="percentile",
        rng=0,
    )
    width = np.diff(known.confidence_interval)[0]
    assert unpaired["high"] - unpaired["low"] == pytest.approx(width, rel=0.05)
    assert unpaired["high"] - unpaired["low"] > 1.3 * (paired["high"] - paired["low"])
    assert (unpaired["paired"], unpaired["folds"]) == (0, 1)
    assert "unpaired" in found.notes[0]


def test_many_cells_can_be_significant(tmp_path: Path) -> None:
    for number in range(8):
        write_run(tmp_path / "a", ("erm", "none", number), counts(number))
        write_run(tmp_path / "b", ("erm", "none", number), counts(number, worse=0.9))
    found = compared(tmp_path, resamples=100)
    # A share of 100 resamples could not be below 2/101, 32 times which is above 0.05.
    gaps = found.table.filter(metric="tpr_gap")
    assert gaps["beyond_noise"].all()
    assert gaps["p_holm"].max() > gaps["p_value"].max()


def test_trainings_that_scatter_more_than_the_folders_differ(tmp_path: Path) -> None:
    for seed, worse in enumerate((0.0, 0.9)):
        write_run(tmp_path / "a", ERM, counts(1, worse), seed=seed)
    write_run(tmp_path / "b", ERM, counts(1, 0.9), seed=0)
    found = compared(tmp_path)
    assert row(found, "tpr_gap")["p_value"] > 0.05
    assert found.beyond.height == 0
    gap = row(found, "tpr_gap")
    assert (gap["a_seeds"], gap["b_seeds"], gap["b_seed_std"]) == (2, 1, None)
    assert found.notes[-1].startswith("Several seeds: ")
    shutil.rmtree(tmp_path / "a/runs/erm/none/k1/fold1/seed1")
    alone = row(compared(tmp_path), "tpr_gap")  # of speakers alone it is significant
    assert alone["p_value"] < 0.05 / 4


def test_a_shift_beyond_both_kinds_of_noise(tmp_path: Path) -> None:
    """Seeds that hardly differ, on two folds; the shift of women in b is large."""
    for fold in (1, 2):
        for seed in (0, 1):
            for name, worse in (("a", 0.0), ("b", 0.9)):
                frame = counts(fold, worse)
                hits = pl.col("hits") - ((pl.col("speaker") == "s00") & (pl.col("hits") > seed))
                write_run(tmp_path / name, ERM, frame.with_columns(hits), fold, seed)
    gap = row(compared(tmp_path), "tpr_gap")
    assert gap["beyond_noise"] and gap["low"] > 0


def test_folds_of_few_speakers_are_pooled(tmp_path: Path) -> None:
    """Two speakers in each of ten folds, as in IEMOCAP."""
    for fold in range(1, 11):
        people = range(2 * fold, 2 * fold + 2)
        write_run(tmp_path / "a", ERM, counts(1, speakers=people), fold)
        write_run(tmp_path / "b", ERM, counts(1, 0.9, speakers=people), fold)
    found = compared(tmp_path)
    gap = row(found, "tpr_gap")
    assert gap["beyond_noise"] and (gap["folds"], gap["paired"]) == (10, 10)
    assert any("together" in note for note in found.notes)
    for path in tmp_path.rglob("metrics.json"):
        run = read_json(path)
        folds = {**run["config"], "statistics": {"over": "folds"}}
        write_record(path, run | {"config": folds}, [])
    means = compared(tmp_path)  # as the tables of these folders
    assert row(means, "tpr_gap")["p_value"] is None
    assert not any("together" in note for note in means.notes)


def test_too_few_speakers_are_no_equality(tmp_path: Path) -> None:
    for name, worse in (("a", 0.0), ("b", 0.9)):
        write_run(tmp_path / name, ERM, counts(1, worse, speakers=range(8)))
    found = compared(tmp_path)
    assert row(found, "tpr_gap")["p_value"] is None
    assert row(found, "f1")["p_value"] is not None
    assert any("4 speakers" in note for note in found.notes)


def test_folders_of_other_tasks_are_refused(tmp_path: Path) -> None:
    for name, task in (("a", "multi_label"), ("b", "single_label")):
        write_run(tmp_path / name, ERM, counts(1))
        (path,) = (tmp_path / name).rglob("metrics.json")
        write_record(path, read_json(path) | {"task": task}, [])
    with pytest.raises(InputError, match=r"multi_label.*single_label"):
        compared(tmp_path)


def test_cells_of_one_folder_alone_and_other_folds(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1), 1)
    write_run(tmp_path / "a", ERM, counts(2), 2)
    write_run(tmp_path / "a", RW, counts(1), 1)
    write_run(tmp_path / "a", ("gdro", "kmeans", 2), counts(1), 1)
    write_run(tmp_path / "b", ERM, counts(2, worse=0.5), 2)
    write_run(tmp_path / "b", ("gdro", "kmeans", 2), counts(1), 3)
    write_run(tmp_path / "b", ("ds", "kmeans", 4), counts(1), 1)
    found = compared(tmp_path)
    assert (found.only_a, found.only_b) == ([RW], [("ds", "kmeans", 4)])
    assert row(found, "f1")["folds"] == 1
    assert found.table["method"].unique().to_list() == ["erm"]
    assert found.notes[0].startswith("gdro/kmeans/2: ")
    assert "folds differ between a and b: 1;" in found.notes[1]
    shown = text(found, "a", "b")
    assert "a:\n  rw/kmeans/2\n" in shown and "b:\n  ds/kmeans/4\n" in shown


def test_a_gap_that_does_not_exist_is_not_tested(tmp_path: Path) -> None:
    men = pl.lit("male").alias("gender")
    for name, worse in (("a", 0.0), ("b", 0.5)):
        write_run(tmp_path / name, ERM, counts(1, worse).with_columns(men))
    found = compared(tmp_path)
    gap = row(found, "tpr_gap")
    assert (gap["difference"], gap["p_value"], gap["p_holm"], gap["beyond_noise"]) == (
        *[None] * 3,
        False,
    )
    assert row(found, "f1")["p_value"] is not None


def test_the_same_decisions_from_other_probabilities(tmp_path: Path) -> None:
    for name in "ab":
        folder = write_run(tmp_path / name, ERM, counts(1))
    (folder / "predictions.parquet").write_bytes(b"others")
    found = compared(tmp_path)
    assert (found.equal, found.beyond.height) == ({IDENTICAL: [], SAME: [ERM]}, 0)


def test_what_differs_is_told_first_and_what_changes_no_number_is_not(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    other = CONFIG | {"train": {"epochs": 50, "memory_mb": 1}, "results": "x", "device": "cuda"}
    made = {"settings": {"kind": "fbank"}, "seconds": 3.0, "clips": 4}
    changes = {"config": other, "commit": "89abcde", "features": made}
    write_run(tmp_path / "b", ERM, counts(1), **changes, versions={"fairser": "0.2.0"})
    found = compared(tmp_path)
    assert found.differences == [
        "commit: 1234567 -> 89abcde",
        "features: null -> recorded",
        "versions.fairser: 0.1.0 -> 0.2.0",
        "train.epochs: 5 -> 50",
    ]
    lines = text(found, "a", "b").splitlines()
    assert lines[0] == found.verdict
    assert [line.strip() for line in lines[4:8]] == found.differences


def test_variants_of_the_gap_are_those_of_the_first_folder(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    other = CONFIG | {"metrics": {"tpr_gap": "sum_deviation", "dp_gap": "pairwise"}}
    write_run(tmp_path / "b", ERM, counts(1, worse=0.2), config=other)
    write_run(tmp_path / "c", ERM, counts(1, worse=0.2))
    found = compared(tmp_path)
    assert "sum_deviation" in found.notes[0]
    plain = compare(read_folder(tmp_path / "a"), read_folder(tmp_path / "c"))
    assert found.table.equals(plain.table)


def test_attributes(tmp_path: Path) -> None:
    age = counts(1).with_columns(pl.lit("20-39").alias("age"))
    both = {"gender": {}, "age": {}}
    write_run(tmp_path / "a", ERM, age, attributes=both)
    write_run(tmp_path / "b", ERM, counts(1, worse=0.5))
    found = compared(tmp_path)
    assert found.table["metric"].to_list() == ["f1", "acc", "tpr_gap", "dp_gap"]
    assert "Only one folder has age" in found.notes[0]
    with pytest.raises(InputError, match=r"'gendre' .* mean 'gender'\?"):
        compared(tmp_path, attributes=["gendre"])


def test_files_hold_every_difference(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    write_run(tmp_path / "b", ERM, counts(1, worse=0.5))
    found = compared(tmp_path)
    paths = write(found, tmp_path / "out")
    assert [path.name for path in paths] == ["compare.csv", "compare.md", "compare.tex"]
    table = pl.read_csv(paths[0])
    assert table.height == 4
    assert table["difference"].to_list() == pytest.approx(found.table["difference"].to_list())
    assert found.verdict in paths[1].read_text()


def test_long_lists_are_cut(tmp_path: Path) -> None:
    for number in range(30):
        write_run(tmp_path / "a", ("erm", "none", number), counts(1))
    write_run(tmp_path / "b", ("erm", "none", 0), counts(1))
    shown = text(compared(tmp_path), "a", "b")
    assert "  9 more\n" in shown and shown.count("erm/none/") == 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speakers": range(50, 60)}, "No test speaker"),
        ({}, "happy and sad, .* happy and mad, .*'corpus.classes'"),
    ],
    ids=["corpus", "classes"],
)
def test_folders_that_mean_other_things_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    frame = counts(1, **change)
    if not change:
        frame = frame.with_columns(pl.col("class").str.replace("sad", "mad"))
    write_run(tmp_path / "b", ERM, frame)
    with pytest.raises(InputError, match=message):
        compared(tmp_path)


def test_no_cell_in_common_is_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "a", ERM, counts(1))
    write_run(tmp_path / "b", RW, counts(1))
    with pytest.raises(InputError, match=r"erm/none/1, .* rw/kmeans/2"):
        compared(tmp_path)


def write_llm_run(results: Path, right: float, seed: int) -> None:
    cell = LLMCell("eng-deu", "speech", "erm", 0, "none", 0)
    folder = results / cell.folder
    folder.mkdir(parents=True)
    speaker_counts(predictions(seed, right)).write_parquet(folder / "counts.parquet")
    settings = {"train": {"rounds": seed}}
    record = {**vars(cell), "settings": settings, "commit": None}
    write_record(folder / "metrics.json", record, [folder / "counts.parquet"])


def test_the_second_study(tmp_path: Path) -> None:
    write_llm_run(tmp_path / "a", 0.3, 1)
    write_llm_run(tmp_path / "b", 0.8, 2)
    found = compared(tmp_path)
    assert found.keys == ("languages", "modality", "objective", "p", "weighting")
    assert found.table["metric"].to_list() == list(COLUMNS)
    assert found.differences == ["settings.train.rounds: 1 -> 2"]
    beyond = found.beyond["metric"].to_list()
    assert "w_f1" in beyond and "acc" in beyond
    accuracy = found.table.filter(metric="acc").row(0, named=True)
    hits = [
        predictions(seed, right).select((pl.col("emotion") == pl.col("predicted")).mean()).item()
        for seed, right in ((1, 0.3), (2, 0.8))
    ]
    assert accuracy["difference"] == pytest.approx(100 * (hits[1] - hits[0]))
    write_run(tmp_path / "c", ERM, counts(1))
    with pytest.raises(InputError, match=r"study minmaxgap, .* subgroups"):
        compare(read_folder(tmp_path / "a"), read_folder(tmp_path / "c"))
