"""The table of all numbers of a results folder: its rows, its means, and what it lacks."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.corpora.clips import ClipTable
from fairser.evaluation.clip_bootstrap import ClipBootstrap
from fairser.evaluation.evaluate import write_metrics
from fairser.results.estimate_tables import readable
from fairser.results.fairness_table import fairness_table, legend
from fairser.results.writing import read_table, write_table
from unit.builders import CLASSES, clip_table

VARIANTS = {"tpr_gap": "pairwise", "dp_gap": "max_deviation"}
COMPARED = ("worst_group_f1", "worst_group_recall", "worst_group_auroc", "worst_group_ece")
COMPARED += ("worst_group_class_recall", "auroc_gap", "ece_gap")
SPEAKERS = 24


def split(fold: int, **changes: Any) -> ClipTable:
    """A fold with 24 test speakers of six clips each; ``changes`` replace its attributes."""
    speaker = np.repeat(np.arange(SPEAKERS), 6)
    count = len(speaker)
    attributes: dict[str, list[str | None]] = {
        "race": [("white", "black")[s // 2 % 2] for s in speaker],
        "gender": ["fm"[s % 2] for s in speaker],
    } | changes.pop("attributes", {})
    labels = np.random.default_rng(fold).dirichlet([0.5] * 3, count + 2)
    for rows, label in changes.pop("classes", {}).items():
        labels[[i for i, s in enumerate(speaker) if s in rows]] = np.eye(3)[label]
    table = clip_table(
        labels,
        [*["test"] * count, "train", "development"],
        fold=fold,
        **{name: [*values, values[0], values[1]] for name, values in attributes.items()},
    )
    names = pl.Series("speaker", [*(f"s{s:02d}" for s in speaker), "t", "d"])
    return table.replace(table.frame.with_columns(names).with_columns(**changes))


class Folder:
    """A results folder with splits and runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.metrics: list[str] = []
        self.splits: list[str] = []

    def add_split(self, table: ClipTable) -> None:
        path = self.root / f"splits/fold{table.folds[0]}.parquet"
        table.write(path)
        self.splits.append(str(path))

    def add_run(
        self,
        table: ClipTable,
        method: str = "erm",
        source: str = "none",
        k: int = 1,
        seed: int = 0,
        scale: float = 1.0,
    ) -> None:
        fold = table.folds[0]
        folder = self.root / f"runs/{method}/{source}/k{k}/fold{fold}/seed{seed}"
        folder.mkdir(parents=True)
        test = table.frame.filter(split="test")
        random = np.random.default_rng([seed, fold, k])
        shares = 0.5 * random.dirichlet([0.7] * 3, test.height)
        shares = scale * (shares + 0.5 * test.select(CLASSES).to_numpy())
        columns = [pl.Series(n, shares[:, c].astype(np.float32)) for c, n in enumerate(CLASSES)]
        test.select("clip", "split").with_columns(columns).write_parquet(
            folder / "predictions.parquet"
        )
        cell = {"method": method, "source": source, "k": k, "fold": fold, "seed": seed}
        write_record(folder / "run.json", cell, [folder / "predictions.parquet"])
        write_metrics(folder, table)
        self.metrics.append(str(folder / "metrics.json"))

    def table(self, over: str | None = None) -> pl.DataFrame:
        bootstrap = ClipBootstrap(50, 0, VARIANTS, over)
        predictions = [str(Path(path).with_name("predictions.parquet")) for path in self.metrics]
        return fairness_table(self.metrics, predictions, self.splits, bootstrap, "gender")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def grid(folder: Folder) -> None:
    for fold in (1, 2):
        table = split(fold)
        folder.add_split(table)
        for cell in [("rw", "kmeans", 16), ("rw", "kmeans", 2), ("erm", "none", 1)]:
            for seed in (0, 1):
                folder.add_run(table, *cell, seed=seed)
        folder.add_run(table, "rw", "annotated", 2)


def test_a_row_for_each_configuration_and_attribute(folder: Folder) -> None:
    grid(folder)
    table = folder.table()
    heads = [("ERM", "none", None), ("RW", "annotated", None), ("RW", "kmeans", 2)]
    heads += [("RW", "kmeans", 16)]
    expected = [(*head, name) for head in heads for name in ("gender", "race")]
    assert table.select("method", "source", "k", "attribute").rows() == expected
    assert table["seeds"].to_list() == [2, 2, 1, 1, 2, 2, 2, 2] and set(table["folds"]) == {2}
    assert table["note"].null_count() == table.height
    assert not [name for name in table.columns if name.endswith("_p")]


def test_numbers_are_means_over_folds_of_means_over_seeds(folder: Folder) -> None:
    grid(folder)
    row = folder.table().row(0, named=True)
    records = [[read_json(folder.root / run(f, s)) for s in (0, 1)] for f in (1, 2)]
    named = [(name, lambda r, n=name: r[n]) for name in ("f1", "acc", "uar", "auroc", "ece")]
    named += [
        (name, lambda r, n=name: r["attributes"]["gender"]["compared"][n]) for name in COMPARED
    ]
    rates = {"tpr": "pairwise", "ppr": "max_deviation", "fpr": "pairwise", "precision": "pairwise"}
    for rate, variant in rates.items():
        name = "dp_gap" if rate == "ppr" else f"{rate}_gap"
        named.append((name, lambda r, p=(rate, variant): gap(r, *p)))
    for name, of in named:
        values = np.array([[of(record) for record in part] for part in records])
        assert row[name] == pytest.approx(values.mean())
        assert row[f"{name}_std"] == pytest.approx(values.mean(axis=1).std(ddof=1))
        spread = np.sqrt(values.var(axis=1, ddof=1).mean())
        assert row[f"{name}_seed_std"] == pytest.approx(spread)
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        assert (f"{name}_chance" in row) == name.endswith("_gap")
        if name.endswith("_gap"):
            assert 0 < row[f"{name}_chance"] < row[f"{name}_chance_high"]
    assert {name for name in row if f"{name}_low" in row} == {name for name, _ in named}


def run(fold: int, seed: int) -> str:
    return f"runs/erm/none/k1/fold{fold}/seed{seed}/metrics.json"


def gap(record: dict[str, Any], rate: str, variant: str) -> float:
    return record["attributes"]["gender"]["gaps"][rate][variant]["rms"]


def test_few_speakers_of_a_group_have_no_interval(folder: Folder) -> None:
    gender = [("f" if s < 4 else "m") for s in np.repeat(np.arange(SPEAKERS), 6)]
    table = split(1, attributes={"gender": gender})
    folder.add_split(table)
    folder.add_run(table)
    row, other = folder.table("folds").to_dicts()
    assert (row["attribute"], other["attribute"]) == ("gender", "race")
    assert row["worst_group_f1"] is not None and row["worst_group_f1_low"] is None
    assert row["auroc_gap_low"] is None and other["auroc_gap_low"] is not None
    assert row["f1_low"] is not None  # of all clips
    assert "f has 4 speakers in fold 1" in row["note"] and other["note"] is None


def test_a_group_without_a_class_is_named(folder: Folder) -> None:
    """Women of the second fold are never sad."""
    women = range(0, SPEAKERS, 2)
    for table in (split(1), split(2, classes={tuple(women): 0})):
        folder.add_split(table)
        folder.add_run(table)
    row = folder.table("folds").row(0, named=True)
    first = read_json(folder.root / run(1, 0))["attributes"]["gender"]["compared"]
    second = read_json(folder.root / run(2, 0))["attributes"]["gender"]["compared"]
    assert second["worst_group_recall"] is None
    # As for gaps, the mean is over the folds that have it.
    assert row["worst_group_recall"] == pytest.approx(first["worst_group_recall"])
    assert "in fold 2: f has no positive clip of happy and f has no positive" in row["note"]
    assert "worst_group_recall" in row["note"] and "ece_gap" not in row["note"]


def test_scores_that_are_no_probabilities_are_named(folder: Folder) -> None:
    for table in (split(1), split(2)):
        folder.add_split(table)
        folder.add_run(table)
        folder.add_run(table, "thresholds", "annotated", 2, scale=0.8)
    erm, _, adjusted, _ = folder.table().to_dicts()
    assert erm["ece"] is not None and erm["note"] is None
    for name in ("ece", "worst_group_ece", "ece_gap", "ece_gap_chance", "ece_low"):
        assert adjusted[name] is None
    assert adjusted["auroc"] is not None and adjusted["auroc_gap_chance"] is not None
    assert "No ece, worst_group_ece and ece_gap in folds 1 and 2: the saved" in adjusted["note"]


def test_pooled_tables_say_so(folder: Folder) -> None:
    for fold in (1, 2):
        table = split(fold)
        folder.add_split(table)
        folder.add_run(table)
    row = folder.table("pooled").row(0, named=True)
    assert row["f1_std"] is None and "2 folds are evaluated together" in row["note"]
    sums = sum(
        pl.read_parquet(Path(path).with_name("counts.parquet"))
        .group_by("class", maintain_order=True)
        .agg(pl.col("positives", "hits").sum())
        .select("positives", "hits")
        .to_numpy()
        for path in folder.metrics
    )
    assert row["uar"] == pytest.approx((sums[:, 1] / sums[:, 0]).mean())


def test_without_groups_there_is_performance_alone(folder: Folder) -> None:
    same = ["x"] * (SPEAKERS * 6)
    table = split(1, attributes={"gender": same, "race": same})
    folder.add_split(table)
    folder.add_run(table)
    (row,) = folder.table().to_dicts()
    assert row["attribute"] is None and row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
    assert "worst_group_f1" not in row


def test_named_test_sets_have_rows_of_their_own(folder: Folder) -> None:
    named = pl.when(pl.col("speaker") < "s12").then(pl.lit("test1")).otherwise(pl.lit("test2"))
    named = pl.when(pl.col("split") == "test").then(named)
    table = split(1, test_set=named)
    folder.add_split(table)
    folder.add_run(table)
    found = folder.table()
    heads = [(name, part) for name in ("test1", "test2") for part in ("gender", "race")]
    assert found.select("test_set", "attribute").rows() == heads
    record = read_json(folder.root / run(1, 0))["test_sets"]
    for row in found.to_dicts():
        known = record[row["test_set"]]
        assert row["auroc"] == pytest.approx(known["auroc"])
        compared = known["attributes"][row["attribute"]]["compared"]
        assert row["worst_group_ece"] == pytest.approx(compared["worst_group_ece"])


def test_changed_predictions_are_refused(folder: Folder) -> None:
    table = split(1)
    folder.add_split(table)
    folder.add_run(table)
    path = Path(folder.metrics[0]).with_name("predictions.parquet")
    pl.read_parquet(path).with_columns(pl.col("angry") * 0.5).write_parquet(path)
    with pytest.raises(InputError, match="SHA-256") as caught:
        folder.table()
    assert str(path) in str(caught.value)


def test_another_split_is_refused(folder: Folder) -> None:
    table = split(1)
    folder.add_split(table)
    folder.add_run(table)
    fewer = table.without(["c000"])
    fewer.write(folder.splits[0])
    with pytest.raises(InputError, match=r"144 clips.* 143"):
        folder.table()


def test_files_are_written_and_read(folder: Folder, tmp_path: Path) -> None:
    grid(folder)
    table, path = folder.table(), tmp_path / "fairness.csv"
    shown = readable(table)
    write_table(path, table, shown, legend(table))
    assert read_table(path).columns == table.columns
    assert "auroc_gap by chance" in shown.columns
    assert path.with_suffix(".tex").read_text().count(r"\\") == table.height + 1
