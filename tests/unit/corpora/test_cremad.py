"""CREMA-D's real files give the numbers that the Interspeech 2025 paper prints."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from fairser.config.schema import SCHEMA
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.corpora.cremad import FAULTY
from fairser.corpora.splits import bias_fold, dominant_groups
from fairser.evaluation.evaluate import evaluate
from fairser.evaluation.metrics import metric_names, positive
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.methods.losses import class_balanced_weights
from fairser.results.split_tables import table_a3, table_a4
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, train_and_predict
from unit.corpora.builders import read_labels

FOLDS = range(1, 6)
REFERENCE = SCHEMA.parents[1] / "reference"
DOCUMENT = SCHEMA.parents[2] / "docs" / "metrics.md"
COLUMN = {"tpr": "tpr_gap", "ppr": "dp_gap"}
GENDERS = ("male", "female")
RACES = ("caucasian", "african_american", "asian")
AGES = ("young", "middle", "elderly")


def published(name: str) -> pl.DataFrame:
    return pl.read_csv(REFERENCE / f"{name}.csv")


@pytest.fixture(scope="module")
def biased(cremad_table: ClipTable) -> dict[int, ClipTable]:
    return {fold: bias_fold(cremad_table, fold, "gender", 20, seed=0) for fold in FOLDS}


@pytest.fixture(scope="module")
def a4(biased: dict[int, ClipTable]) -> pl.DataFrame:
    return table_a4(biased, ["gender", "race", "age"])


def test_clips_and_folds(cremad_table: ClipTable) -> None:
    frame = cremad_table.frame
    assert cremad_table.classes == ("angry", "sad", "disgust", "fear", "neutral", "happy")
    assert set(cremad_table.attributes) == {"gender", "race", "age", "ethnicity"}
    assert cremad_table.clips().height == 7438
    assert not frame["clip"].is_in(FAULTY).any()
    assert frame["speaker"].n_unique() == 91
    tests = [frame.filter(fold=fold, split="test").height for fold in FOLDS]
    assert tests == [1463, 1470, 1476, 1474, 1555]
    assert sum(tests) == 7438


def test_every_wav_of_the_official_list_is_a_clip(cremad: Path, cremad_table: ClipTable) -> None:
    names = pl.read_csv(cremad / "AudioWAV_sha256.tsv", separator="\t", has_header=False)
    official = set(names.to_series().str.strip_suffix(".wav"))
    assert set(cremad_table.clips()["clip"]) == official - {*FAULTY}
    assert len(official) == 7442


def test_about_two_positives_a_clip(cremad_table: ClipTable) -> None:
    labels = cremad_table.clips().select(cremad_table.classes).to_numpy()
    assert positive(labels).sum(axis=1).mean() == pytest.approx(2, abs=0.1)


def test_dominant_genders(cremad_table: ClipTable) -> None:
    male = dict.fromkeys(("angry", "disgust", "neutral"), "male")
    female = dict.fromkeys(("fear", "happy", "sad"), "female")
    assert dominant_groups(cremad_table, "gender") == male | female


def test_speakers_are_disjoint(cremad_table: ClipTable) -> None:
    for fold in FOLDS:
        frame = cremad_table.fold(fold).frame
        speakers = [set(frame.filter(split=split)["speaker"]) for split in SPLITS]
        assert sum(map(len, speakers)) == len(set.union(*speakers)) == 91


def test_every_cell_of_table_a3(biased: dict[int, ClipTable]) -> None:
    assert_frame_equal(table_a3(biased[1], "gender"), published("tableA3"))


def test_emotions_and_genders_of_table_a4(a4: pl.DataFrame, cremad_table: ClipTable) -> None:
    columns = ["fold", "split", *cremad_table.classes, *GENDERS]
    assert_frame_equal(a4.select(columns), published("tableA4").select(columns))


def test_test_rows_of_table_a4(a4: pl.DataFrame) -> None:
    expected = published("tableA4")
    assert a4.columns == expected.columns
    assert_frame_equal(a4.filter(split="Test"), expected.filter(split="Test"))


def test_race_without_a_group(cremad_table: ClipTable) -> None:
    races = {
        fold: dict(cremad_table.fold(fold).frame.filter(split="test")["race"].value_counts().rows())
        for fold in (1, 3)
    }
    assert set(races[1]) == {"caucasian", "african_american"}
    assert set(races[3]) == {*RACES, None}
    assert races[3][None] == 82


def test_age_groups(cremad_table: ClipTable) -> None:
    ages = (
        cremad_table.clips()
        .group_by("age")
        .agg(pl.col("age_years").min().alias("low"), pl.col("age_years").max().alias("high"))
    )
    bounds = {age: (low, high) for age, low, high in ages.rows()}
    assert set(bounds) == set(AGES)
    assert bounds["young"][0] >= 20 and bounds["young"][1] <= 35
    assert bounds["middle"][0] >= 36 and bounds["middle"][1] <= 49
    assert bounds["elderly"][0] >= 50


def test_bias_seed_changes_the_clips_and_not_the_counts(
    cremad_table: ClipTable, biased: dict[int, ClipTable]
) -> None:
    other = bias_fold(cremad_table, 1, "gender", 20, seed=1)
    assert set(other.frame["clip"]) != set(biased[1].frame["clip"])
    assert_frame_equal(table_a3(other, "gender"), table_a3(biased[1], "gender"))


def test_class_balanced_weights_of_fold_1(cremad: Path, cremad_table: ClipTable) -> None:
    # The known values are those of all label rows, with the four faulty recordings.
    table = read_labels(cremad).fold(1)
    train = table.frame.filter(split="train")
    targets = torch.from_numpy(train.select(table.classes).to_numpy())
    assert (targets > 1 / 6).sum(dim=0).tolist() == [1162, 1080, 1403, 1177, 3549, 585]
    assert len(targets) == 4509
    known = [0.9695, 1.0340, 0.8236, 0.9586, 0.4042, 1.8100]
    assert class_balanced_weights(targets).tolist() == pytest.approx(known, abs=5e-5)
    dropped = set(train["clip"]) - set(cremad_table.fold(1).frame["clip"])
    assert dropped == set(FAULTY)


def documented_gaps() -> dict[tuple[str, str], list[float]]:
    """Mean, smallest and largest gap by rate and variant, from the table of docs/metrics.md."""
    row = r"^\| `(\w+)` \| (0\.\d+) \| (0\.\d+) to (0\.\d+) \| (0\.\d+) \| (0\.\d+) to (0\.\d+) \|$"
    rows = re.findall(row, DOCUMENT.read_text(encoding="utf-8"), re.M)
    numbers = {name: [float(x) for x in cells] for name, *cells in rows}
    return {
        (rate, name): found[start : start + 3]
        for name, found in numbers.items()
        for rate, start in (("tpr", 0), ("ppr", 3))
    }


def test_random_on_the_real_test_folds(cremad_table: ClipTable) -> None:
    """The evidence for dp_gap; the table of docs/metrics.md has these numbers."""
    clips = cremad_table.clips()["clip"].to_list()
    store = FeatureStore(
        np.zeros((len(clips), 1, 1), np.float32), {name: row for row, name in enumerate(clips)}
    )
    documented = documented_gaps()
    assert len(documented) == 2 * len(metric_names("gap"))
    found: dict[Any, np.ndarray] = defaultdict(lambda: np.zeros((20, len(FOLDS))))
    for fold in FOLDS:
        table = cremad_table.fold(fold)
        genders = ClipTable(table.frame, table.classes, ("gender",))
        for seed in range(20):
            job = TrainingJob("random", table, StoreInputs(store, False), TrainOptions(), seed)
            run = train_and_predict(job)
            metrics = evaluate(run.predictions, genders)
            gaps = metrics["attributes"]["gender"]["gaps"]
            found["f1"][seed, fold - 1] = metrics["f1"]
            found["acc"][seed, fold - 1] = metrics["acc"]
            for rate, variant in documented:
                found[rate, variant][seed, fold - 1] = gaps[rate][variant]["rms"]
    random = published("table1").filter(method="Random").row(0, named=True)
    assert found["f1"].mean() == pytest.approx(random["f1"], abs=0.003)
    assert found["acc"].mean() == pytest.approx(random["acc"], abs=0.003)
    written = re.search(r"`f1` is (\S+)\s.*?`acc` (\S+)\s", DOCUMENT.read_text("utf-8"), re.S)
    assert written
    performance = [found[name].mean() for name in ("f1", "acc")]
    assert performance == pytest.approx([float(x) for x in written.groups()], abs=1e-4)
    means = {key: values.mean(axis=1) for key, values in found.items()}
    for key, numbers in documented.items():
        runs = means[key]
        assert [runs.mean(), runs.min(), runs.max()] == pytest.approx(numbers, abs=1e-4), key
    # Which variants the printed gaps are within reach of.
    reach = {
        key for key in documented if means[key].min() <= random[COLUMN[key[0]]] <= means[key].max()
    }
    assert reach == {
        ("tpr", "pairwise"),
        ("tpr", "sum_deviation"),
        ("ppr", "max_deviation"),
        ("ppr", "rms_deviation"),
    }
    distance = {v: abs(means["ppr", v].mean() - random["dp_gap"]) for v in metric_names("gap")}
    assert min(distance, key=distance.__getitem__) == "max_deviation"
