"""The whole workflow on the demo corpus and, where it is there, on real data."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from workflow.runner import ROOT, Workflow

SOURCES = ("annotated", "pseudo", "kmeans")


def gender_gaps(results: Path, method: str) -> np.ndarray:
    """TPR gap of each fold [fold]."""
    files = sorted(results.glob(f"runs/{method}/none/k1/fold*/seed0/metrics.json"))
    runs = [json.loads(path.read_text()) for path in files]
    return np.array([r["attributes"]["gender"]["gaps"]["tpr"]["pairwise"]["rms"] for r in runs])


def test_the_demo_shows_a_gender_gap(tmp_path: Path) -> None:
    demo = Workflow(tmp_path, yaml.safe_load((ROOT / "workflow/grids/demo.yaml").read_text()))
    output = demo.run()
    assert "Made: 42 runs, 7 tables, 5 figures." in output
    assert "The demo's speech is synthetic" in output
    erm, chance = (gender_gaps(demo.results, method) for method in ("erm", "random"))
    assert len(erm) == 2
    # Every fold lies above the mean of chance; on average by more than its spread over folds.
    assert erm.min() > chance.mean()
    assert erm.mean() > chance.mean() + 2 * chance.std(ddof=1)
    table = pl.read_csv(demo.results / "table1.csv")
    rows = {(row["method"], row["source"]): row for row in table.to_dicts()}
    assert rows["ERM", "none"]["f1"] > rows["Random", "none"]["f1"] + 0.15
    debiased = {(name, s) for name in ("DS", "RW", "GDRO", "GADRO") for s in SOURCES}
    assert debiased | {("LfF", "none"), ("DisEnt", "none"), ("PGDRO", "pseudo")} < set(rows)
    for name in ("DS", "RW", "GDRO", "GADRO"):
        assert rows[name, "annotated"]["tpr_gap"] < 0.85 * rows["ERM", "none"]["tpr_gap"]
    assert pl.read_csv(demo.results / "table2.csv")["k"].drop_nulls().unique().sort().to_list() == [
        2,
        4,
    ]
    assert (pl.read_csv(demo.results / "grid.csv")["state"] == "done").all()
    for name in ("tsne", "metrics_by_k", "tradeoff", "tpr_by_class"):
        for ending in ("svg", "png"):
            assert (demo.results / "figures" / f"{name}.{ending}").stat().st_size > 5000
    # The tables of the documentation are this one, up to what another processor rounds differently.
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/demo.md")]
    shown = re.findall(r"^\| (\w+) \| (\w+) \| (0.*) \|$", "".join(pages), re.M)
    assert len(shown) == 7 + 14
    for method, source, numbers in shown:
        for name, cell in zip(
            ("f1", "acc", "tpr_gap", "dp_gap"), numbers.split(" | "), strict=True
        ):
            assert rows[method, source][name] == pytest.approx(float(cell[:5]), abs=0.02), cell


def test_emodb_through_the_manifest(emodb: Path, tmp_path: Path) -> None:
    own = Workflow(
        tmp_path,
        {
            "corpus": {
                "kind": "manifest",
                "manifest": str(emodb / "clips.csv"),
                "audio": str(emodb / "flac"),
            },
            "encoder": {"kind": "fbank"},
            "grid": {"methods": ["erm", "random"], "folds": [1, 2]},
        },
    )
    own.run()
    table = pl.read_csv(own.results / "table1.csv")
    assert table["folds"].to_list() == [2, 2]
    assert table["f1"][0] > table["f1"][1] + 0.1
    assert table["tpr_gap"].is_between(0, 1, closed="right").all()
    clips = pl.read_parquet(own.results / "clips.parquet")
    assert clips["clip"].n_unique() == 535
    splits = clips.group_by("fold", "speaker").agg(pl.col("split").n_unique())
    assert (splits["split"] == 1).all()
    tests = (
        clips.filter(pl.col("split") == "test").group_by("fold").agg(pl.col("gender").n_unique())
    )
    assert tests["gender"].to_list() == [2] * 5
