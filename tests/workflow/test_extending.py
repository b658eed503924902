"""The examples of docs/extending.md work, each as one file, and nothing else changes."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.commands import export, predict
from fairser.config.declarations import KINDS
from fairser.config.extensions import use
from workflow.conftest import EMOTIONS, overlay
from workflow.runner import ROOT, Workflow, copy_workflow

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE, re.M | re.S))
PLUGINS = {Path(name).name: text for name, text in EXAMPLES.items() if "/" in name}


def constant(text: str) -> str:
    return next(name for name in KINDS if f"\n{name} = {{" in text)


def content(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a copy, but for what Python and Snakemake keep for themselves."""
    return {
        str(file.relative_to(folder)): sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and not {"__pycache__", ".snakemake"} & set(file.parts)
    }


def settings(folder: Path, tones: Path) -> dict[str, object]:
    """An overlay that uses the example of every kind."""
    rows = pl.read_csv(tones, infer_schema=False).with_columns(
        (pl.col("speaker").cast(pl.Int64) // 2 % 3 + 1).alias("fold")
    )
    second = rows.with_columns(pl.when(pl.int_range(pl.len()) % 4 > 0).then("emotion"))
    ratings = folder / "ratings.csv"
    pl.concat([rows, second.fill_null("calm"), rows]).write_csv(ratings)
    corpus = {"kind": "ratings", "manifest": str(ratings), "audio": str(tones.parent)}
    return overlay(tones) | {
        "corpus": corpus,
        "encoder": {"kind": "loudness"},
        "grid": {"methods": ["erm", "powered", "rw"], "sources": ["none", "speaker"], "folds": [1]},
        "methods": {"powered": {"power": 1.5}},
        "encoders": {"loudness": {"milliseconds": 20}},
        "metrics": {"dp_gap": "mean_deviation"},
        "train": {"epochs": 2},
    }


@pytest.fixture(scope="module")
def run(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """A run with a plugin of every kind, in a fresh copy that it must leave as it is."""
    folder = tmp_path_factory.mktemp("run")
    root = copy_workflow(tmp_path_factory.mktemp("copy"))
    (folder / "my_plugins").mkdir()
    for name, text in PLUGINS.items():
        (folder / "my_plugins" / name).write_text(text, encoding="utf-8")
    before = content(root)
    done = Workflow(folder, settings(folder, tones) | {"plugins": ["my_plugins"]}, root)
    done.run()
    assert content(root) == before
    return done


def record(run: Workflow, cell: str) -> dict[str, object]:
    return json.loads((run.results / "runs" / cell / "fold1/seed0/metrics.json").read_text())


def test_there_is_an_example_of_every_kind() -> None:
    assert {constant(text) for text in PLUGINS.values()} == set(KINDS)


def test_each_room_takes_its_file(tones: Path, tmp_path: Path) -> None:
    root = copy_workflow(tmp_path / "copy")
    before = content(root)
    for name, text in PLUGINS.items():
        (root / "workflow/fairser" / KINDS[constant(text)].room / name).write_text(text)
    (tmp_path / "run").mkdir()
    jobs = Workflow(tmp_path / "run", settings(tmp_path, tones), root).jobs()
    assert jobs["train"] == 3
    added = {f"workflow/fairser/{KINDS[constant(t)].room}/{name}" for name, t in PLUGINS.items()}
    assert content(root).keys() - before.keys() == added
    assert {name: content(root)[name] for name in before} == before


def test_the_corpus_has_the_shares_of_its_ratings(run: Workflow) -> None:
    table = pl.read_parquet(run.results / "clips.parquet")
    assert table["clip"].n_unique() == 144
    doubted = table.filter(pl.col("angry").is_between(0.1, 0.9))
    assert doubted.height
    assert doubted["angry"].to_list() == pytest.approx([2 / 3] * doubted.height)


def test_the_method_trains_with_its_setting(run: Workflow) -> None:
    found = record(run, "powered/none/k1")
    assert found["config"]["methods"]["powered"] == {"power": 1.5, "selection": "loss"}
    ours, erm = (run.results / f"runs/{m}/none/k1/fold1/seed0" for m in ("powered", "erm"))
    assert (ours / "model.safetensors").read_bytes() != (erm / "model.safetensors").read_bytes()
    table = pl.read_csv(run.results / "table1.csv")
    assert "Powered" in table["method"].to_list()


def test_the_encoder_and_the_source_are_used(run: Workflow) -> None:
    made = record(run, "rw/speaker/k1")["features"]["settings"]
    assert (made["kind"], made["options"]) == ("loudness", {"milliseconds": 20})
    groups = pl.read_parquet(run.results / "groups/speaker/k1/fold1.parquet")
    split = pl.read_parquet(run.results / "splits/fold1.parquet")
    assert {*groups["group"]} == {*split["speaker"]} and split["speaker"].n_unique() > 12
    assert "speaker" in (run.results / "figures/tradeoff.svg").read_text()


def test_a_saved_model_predicts_with_the_plugins_and_without(
    run: Workflow, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.results / "runs/powered/none/k1/fold1/seed0"
    expected = pl.read_parquet(folder / "predictions.parquet").sort("clip")
    audio = str(tones.parent / "audio")
    assert predict.main(["--run", str(folder), audio]) == 0
    use([])
    inside = capsys.readouterr().out
    assert export.main([str(folder), str(tmp_path / "package")]) == 0
    command = [sys.executable, str(tmp_path / "package/predict.py"), audio]
    outside = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    for text in (inside, outside):
        found = pl.read_csv(text.encode()).with_columns(
            pl.col("clip").str.strip_prefix(f"{tones.parent}/").str.strip_suffix(".wav")
        )
        both = expected.join(found, on="clip", suffix=" again")
        assert both.height == expected.height
        again = both.select(f"{name} again" for name in EMOTIONS).to_numpy()
        np.testing.assert_allclose(both.select(list(EMOTIONS)).to_numpy(), again, atol=1e-5)


def test_the_metrics_are_in_records_and_tables(run: Workflow) -> None:
    found = record(run, "rw/speaker/k1")
    gaps = found["attributes"]["gender"]["gaps"]["ppr"]
    assert gaps["mean_deviation"]["rms"] == pytest.approx(gaps["sum_deviation"]["rms"] / 2)
    row = pl.read_csv(run.results / "table1.csv").filter(source="speaker").row(0, named=True)
    assert row["dp_gap"] == pytest.approx(gaps["mean_deviation"]["rms"])
    assert row["recall"] == pytest.approx(found["recall"])
    assert row["recall_low"] <= row["recall"] <= row["recall_high"]


def test_a_change_of_the_file_trains_its_method_anew(run: Workflow) -> None:
    file = run.folder / "my_plugins/powered.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text + "\n# a comment\n", encoding="utf-8")
    assert "train" not in run.jobs()
    file.write_text(text.replace("mean()", "sum()"), encoding="utf-8")
    assert run.jobs()["train"] == 1
    file.write_text(text, encoding="utf-8")


LISTED = """
import polars as pl

SOURCE = {
    "settings": {
        "path": {"type": "string", "format": "file", "default": "", "description": "A csv."},
    },
}


def infer_groups(fold):
    groups = pl.read_csv(fold.settings["path"], infer_schema=False)
    clips = fold.table.frame.select("clip", "split", "speaker")
    return clips.join(groups, on="speaker", maintain_order="left").drop("speaker")
"""


def test_a_source_depends_on_the_file_that_its_setting_names(run: Workflow) -> None:
    (run.folder / "my_plugins/listed.py").write_text(LISTED, encoding="utf-8")
    speakers = [f"{number:02d}" for number in range(16)]
    table = pl.DataFrame({"speaker": speakers, "group": ["a", "b"] * 8})
    table.write_csv(run.folder / "groups.csv")
    grid = {"grid": {"methods": ["rw"], "sources": ["listed"], "folds": [1]}}
    listed = run.changed(grid | {"sources": {"listed": {"path": "groups.csv"}}})
    target = "results/groups/listed/k1/fold1.parquet"
    listed.run(target)
    assert set(pl.read_parquet(run.results / "groups/listed/k1/fold1.parquet")["group"]) == {
        "a",
        "b",
    }
    assert "infer_groups" not in listed.jobs(target)
    table.with_columns(group=pl.lit("c")).write_csv(run.folder / "groups.csv")
    assert listed.jobs(target)["infer_groups"] == 1
    (run.folder / "my_plugins/listed.py").unlink()


def test_the_script_that_reads_runs(run: Workflow, tmp_path: Path) -> None:
    (tmp_path / "class_f1.py").write_text(EXAMPLES["class_f1.py"], encoding="utf-8")
    command = [sys.executable, str(tmp_path / "class_f1.py"), str(run.results)]
    done = subprocess.run(command, capture_output=True, check=True)
    found = dict(pl.read_csv(done.stdout).filter(method="erm").select("class", "f1").iter_rows())
    assert found == pytest.approx(record(run, "erm/none/k1")["f1_by_class"])
