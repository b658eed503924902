"""Folders with names that mean something to a shell or to a pattern work from end to end."""

from pathlib import Path

import polars as pl

from workflow.conftest import overlay
from workflow.runner import Workflow


def test_unusual_folders(tmp_path: Path, tones: Path) -> None:
    results, features = "a[1] ü'", 'f*[x]? "$HOME";b&'
    grid = {"methods": ["erm", "rw"], "sources": ["none", "annotated"], "folds": [1]}
    settings = overlay(tones) | {"grid": grid, "results": results, "features": features}
    workflow = Workflow(tmp_path, settings)
    assert f"report: {results}/report.html" in workflow.run("report")
    assert (workflow.results / "report.html").is_file()
    table = pl.read_csv(workflow.results / "table1.csv", glob=False)
    assert table["method"].to_list() == ["ERM", "RW"]
    assert list(workflow.features.glob("fbank-*/features.safetensors"))
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {
        *(results, features, ".snakemake"),
    }
