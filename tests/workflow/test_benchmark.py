"""The benchmark as a part of a grid, its own grid, and rows that are checked against their runs."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from fairser.commands.base import FOUND
from fairser.commands.check_benchmark import main
from fairser.config.extensions import extensions
from fairser.config.grid import usable
from workflow.runner import ROOT, Workflow

GRID: dict[str, Any] = yaml.safe_load((ROOT / "workflow/grids/benchmark.yaml").read_text())
# What can't be had from features and the labels of a corpus alone.
MODELS = {"pseudo", "kmeans", "pitch_bins"}


def test_the_grid_has_every_method_and_source_that_features_allow() -> None:
    sources = set(extensions("SOURCE")) - MODELS
    assert set(GRID["grid"]["sources"]) == sources
    methods = {name for name in extensions("METHOD") if sources & set(usable(name))}
    assert set(GRID["grid"]["methods"]) == methods
    assert len(GRID["grid"]["seeds"]) == 10


def test_a_grid_with_erm_and_another_method_has_it(finished: Workflow) -> None:
    table = pl.read_csv(finished.results / "benchmark.csv")
    assert set(table["method"]) == {"Random", "ERM", "RW", "GDRO", "GADRO"}
    assert (finished.results / "figures/pareto.svg").is_file()
    assert "Benchmark" in (finished.results / "report/benchmark.html").read_text()
    known = pl.read_csv(finished.results / "table1.csv").filter(pl.col("method") == "RW")
    mine = table.filter(pl.col("method") == "RW")
    for name in ("f1", "tpr_gap", "tpr_gap_low", "tpr_gap_high"):
        assert mine[name].item() == known[name].item()


@pytest.mark.parametrize("methods", [["erm", "random"], ["rw", "jtt"]])
def test_a_grid_without_them_lacks_it(workflow: Workflow, methods: list[str]) -> None:
    grid = {"methods": methods, "sources": ["none", "annotated"], "folds": [1]}
    jobs = workflow.changed({"grid": grid}).jobs()
    assert "table1" in jobs
    assert not {"benchmark", "pareto"} & set(jobs)


def test_rows_of_a_finished_grid(finished: Workflow, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    assert main([str(rows), str(finished.results), "--write", "--corpus", "tones"]) == 0
    table = pl.read_csv(rows)
    assert set(table["corpus"]) == {"manifest:tones"}
    line = pl.read_csv(finished.results / "table1.csv").filter(pl.col("method") == "RW")
    mine = table.filter(pl.col("method") == "rw")
    assert mine["tpr_gap"].item() == pytest.approx(line["tpr_gap"].item(), abs=5.1e-5)
    assert main([str(rows), str(finished.results)]) == 0
    table.with_columns(f1=pl.col("f1") + 0.01).write_csv(rows)
    assert main([str(rows), str(finished.results)]) == FOUND


def test_a_part_of_the_grid_on_real_features(cremad: Path, tmp_path: Path) -> None:
    """CREMA-D's log-mel statistics: what a separate implementation found, F1 .51, TPR gap .30."""
    own = Workflow(
        tmp_path,
        {
            **GRID,
            "corpus": {
                "labels": str(cremad),
                "demographics": str(cremad / "VideoDemographics.csv"),
            },
            "encoder": {
                "kind": "precomputed",
                "features": str(cremad / "logmel_stats.safetensors"),
                "clips": str(cremad / "logmel_stats_clips.csv"),
            },
            "grid": GRID["grid"]
            | {"methods": ["erm", "rw"], "sources": ["none", "annotated"], "seeds": [0]},
            "train": GRID["train"] | {"epochs": 20},
            "statistics": {"resamples": 100},
        },
    )
    tables = [f"results/benchmark/{name}" for name in ("table1_vs_paper", "tableA3_vs_paper")]
    own.run(*(f"{name}.csv" for name in (*tables, "results/benchmark/benchmark")))
    rows = pl.read_csv(own.results / "benchmark.csv")
    found = {(row["method"], row["source"]): row for row in rows.to_dicts()}
    assert set(found) == {("ERM", "none"), ("RW", "annotated")}
    assert found["ERM", "none"]["f1"] == pytest.approx(0.51, abs=0.03)
    assert found["ERM", "none"]["tpr_gap"] == pytest.approx(0.30, abs=0.04)
    assert found["RW", "annotated"]["tpr_gap_rank"] < found["ERM", "none"]["tpr_gap_rank"]
    assert found["RW", "annotated"]["tpr_gap_diff_high"] < 0
    assert (rows["folds"] == 5).all()
    beside = pl.read_csv(own.results / "table1_vs_paper.csv")
    published = pl.read_csv(ROOT / "workflow/reference/table1.csv")
    erm = beside.filter((pl.col("method") == "ERM") & (pl.col("column") == "f1"))
    assert erm["ours"][0] == found["ERM", "none"]["f1"]
    assert erm["published"][0] == published.filter(pl.col("method") == "ERM")["f1"][0]
    counts = pl.read_csv(own.results / "tableA3_vs_paper.csv")
    assert counts.height == 36
    assert (counts["difference"] == 0).all()
    # The state of the grid tells the time of these runs, which a job of a fold trained.
    more = own.changed({"grid": own.overlay["grid"] | {"seeds": [0, 1]}})
    more.run("grid")
    state = pl.read_csv(own.results / "grid_summary.csv")
    assert state["seconds"].null_count() == 0
    assert state["runs"].to_list()[-1] == 20
