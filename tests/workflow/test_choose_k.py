"""Beside the grid, on the tones: the rule choose_k, and the command compare."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from workflow.runner import ROOT, Workflow

KS = {"k": [2, 3], "resamples": 4, "references": 3, "clips": 3, "speakers": 2}
OTHER = {"embedding": {"kind": "mfcc"}, "choose_k": KS}


def test_choose_k_is_made_from_the_embeddings_alone(finished: Workflow) -> None:
    asked = Workflow(finished.folder, finished.overlay | OTHER)
    jobs = asked.jobs("results/choose_k.csv")
    assert jobs["cluster_stability"] == 2
    assert not {"infer_groups", "train", "table1"} & set(jobs)
    too_many = Workflow(finished.folder, asked.overlay | {"choose_k": {"k": [2, 30]}})
    assert "Name smaller numbers in 'choose_k.k'" in too_many.fail("results/choose_k.csv")
    assert not list(finished.results.glob("choose_k*/*"))
    asked.run("results/choose_k.csv")
    table = pl.read_csv(finished.results / "choose_k.csv")
    assert table["k"].to_list() == [2, 3]
    assert table["folds"].to_list() == [2, 2]
    text = (finished.results / "choose_k.md").read_text()
    assert "Recommended: K = " in text or "No K is recommended" in text
    for kind in ("svg", "png"):
        assert (finished.results / f"figures/choose_k.{kind}").stat().st_size > 1000
    found = json.loads((finished.results / "choose_k/fold1.json").read_text())
    split = pl.read_parquet(finished.results / "splits/fold1.parquet").filter(split="train")
    assert (found["clips"], found["speakers"]) == (split.height, split["speaker"].n_unique())
    # Other limits need no new clusters, other numbers of clusters do; nothing else is touched.
    for change, again in ({"clips": 4}, 0), ({"k": [2]}, 2):
        other = Workflow(finished.folder, asked.overlay | {"choose_k": KS | change})
        jobs = other.jobs("results/choose_k.csv")
        assert (jobs.get("cluster_stability", 0), jobs["choose_k"]) == (again, 1)


def compare(a: Path, b: Path) -> str:
    command = [sys.executable, str(ROOT / "scripts/compare.py"), str(a), str(b)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compare_runs_of_other_epochs_and_seeds(finished: Workflow, workflow: Workflow) -> None:
    assert compare(finished.results, finished.results).startswith(
        "0 of 2 cells differ beyond noise (identical byte for byte: 2).\n"
    )
    workflow.overlay["grid"] = {"methods": ["erm"], "folds": [1], "seeds": [0, 1]}
    workflow.overlay["train"] = {"epochs": 1, "learning_rate": 0.001}
    workflow.run("runs")
    told = compare(finished.results, workflow.results)
    assert " of 1 cells differ beyond noise" in told.splitlines()[0]
    assert "  train.epochs: 5 -> 1\n" in told
    assert "grid.seeds" not in told
    assert "Only in a:\n  random/none/1\n" in told
    assert "Cells with other folds in a than in b: 1;" in told
    assert "the larger of the two p-values counts" in told


@pytest.fixture
def grouped(tmp_path: Path, tones: Path) -> Workflow:
    """The tones with folds and splits of the user's own and without a biased draw."""
    table = pl.read_csv(tones)
    splits = dict.fromkeys(table["speaker"].unique(), "train")
    splits |= dict.fromkeys((0, 1), "development") | dict.fromkeys((2, 3), "test")
    rows = table.with_columns(
        pl.lit(1).alias("fold"),
        pl.col("speaker").replace_strict(splits, return_dtype=pl.String).alias("split"),
    )
    manifest = tmp_path / "clips.csv"
    rows.write_csv(manifest)
    corpus = {"kind": "manifest", "manifest": str(manifest), "audio": str(tones.parent)}
    overlay = {"corpus": corpus, "bias": {"ratio": None}, "encoder": {"kind": "fbank"}}
    overlay |= {"grid": {"methods": ["erm"], "folds": [1]}} | OTHER
    return Workflow(tmp_path, overlay)


def test_genders_that_change_hands_change_nothing(grouped: Workflow) -> None:
    files = ("choose_k.csv", "choose_k.md", "choose_k/fold1.json")
    grouped.run("results/choose_k.csv")
    before = [(grouped.results / name).read_bytes() for name in files]
    manifest = Path(grouped.overlay["corpus"]["manifest"])
    table = pl.read_csv(manifest)
    half = pl.when(pl.col("speaker") < 6).then(pl.lit("female")).otherwise(pl.lit("male"))
    table.with_columns(half.alias("gender")).drop("age").write_csv(manifest)
    output = grouped.run("results/choose_k.csv")
    assert "cluster_stability" in output
    assert [(grouped.results / name).read_bytes() for name in files] == before
