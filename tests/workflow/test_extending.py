"""The examples of docs/extending.md work: a copy of the workflow with all of them runs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from workflow.conftest import overlay
from workflow.runner import ROOT, Workflow, copy_workflow

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", PAGE, re.M | re.S)
CHANGES = [
    (path, hunk)
    for block in re.findall(r"^```diff\n(.*?)^```$", PAGE, re.M | re.S)
    for path, hunks in re.findall(r"^\+\+\+ (\S+)\n(.*?)(?=^\+\+\+|\Z)", block, re.M | re.S)
    for hunk in hunks.split("@@\n")[1:]
]


def side(hunk: str, marks: str) -> str:
    """The lines of a hunk as they were (`` -``) or are to be (`` +``)."""
    return "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] in marks)


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workflow in which all of the page is done."""
    root = copy_workflow(tmp_path_factory.mktemp("extended"))
    for path, text in FILES:
        assert not (root / path).exists()
        (root / path).write_text(text, encoding="utf-8")
    for path, hunk in CHANGES:
        text = (root / path).read_text(encoding="utf-8")
        old, new = side(hunk, " -"), side(hunk, " +")
        assert text.count(old) == 1, f"{path} has {text.count(old)} places like\n{old}"
        (root / path).write_text(text.replace(old, new), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def run(extended: Path, tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A run with the new encoder, corpus, source, metric and table."""
    folder = tmp_path_factory.mktemp("run")
    ratings = pl.read_csv(tones, infer_schema=False).with_columns(
        (pl.col("speaker").cast(pl.Int64) // 2 % 3 + 1).alias("fold")
    )
    second = ratings.with_columns(pl.when(pl.int_range(pl.len()) % 4 > 0).then("emotion"))
    both = pl.concat([ratings, second.fill_null("calm"), ratings])
    both.write_csv(folder / "ratings.csv")
    settings = overlay(tones) | {
        "corpus": {
            "kind": "ratings",
            "manifest": str(folder / "ratings.csv"),
            "audio": str(tones.parent),
        },
        "encoder": {"kind": "loudness"},
        "grid": {"methods": ["erm", "rw"], "sources": ["none", "speaker"], "folds": [1]},
        "metrics": {"dp_gap": "mean_deviation"},
        "train": {"epochs": 2},
    }
    done = Workflow(folder, settings, extended)
    done.run()
    return done


def test_there_are_examples() -> None:
    assert len(FILES) == 5
    assert len(CHANGES) >= 15


def test_the_corpus_has_the_shares_of_its_ratings(run: Workflow) -> None:
    table = pl.read_parquet(run.results / "clips.parquet")
    assert table["clip"].n_unique() == 144
    doubted = table.filter(pl.col("angry").is_between(0.1, 0.9))
    assert doubted.height
    assert doubted["angry"].to_list() == pytest.approx([2 / 3] * doubted.height)


def test_the_encoder_the_source_and_the_metric_are_used(run: Workflow) -> None:
    record = json.loads((run.results / "runs/rw/speaker/k1/fold1/seed0/metrics.json").read_text())
    assert record["features"]["settings"]["kind"] == "loudness"
    assert 0 <= record["exact"] <= 1
    groups = pl.read_parquet(run.results / "groups/speaker/k1/fold1.parquet")
    assert groups["group"].n_unique() == 12
    gaps = record["attributes"]["gender"]["gaps"]["ppr"]
    table = pl.read_csv(run.results / "table1.csv").filter(source="speaker")
    assert table["dp_gap"].to_list() == pytest.approx([gaps["mean_deviation"]["rms"]])
    assert gaps["mean_deviation"]["rms"] == pytest.approx(gaps["sum_deviation"]["rms"] / 2)


def test_the_table_is_made_with_the_others(run: Workflow) -> None:
    table = pl.read_csv(run.results / "class_f1.csv")
    assert table.select("method", "source").unique().height == 2
    record = json.loads((run.results / "runs/erm/none/k1/fold1/seed0/metrics.json").read_text())
    found = dict(table.filter(method="erm").select("class", "f1").iter_rows())
    assert found == pytest.approx(record["f1_by_class"])


def test_the_command_counts(extended: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(extended / "scripts/count_runs.py"), str(ROOT / "config.yaml")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "165\n"
