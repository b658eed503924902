"""Bad input reaches the user as a message without a traceback, and finished results stay."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from unit.builders import write_store
from workflow.conftest import FOLDS, METHODS, overlay
from workflow.runner import Workflow

# A method whose loss no setting within its bounds would give.
ENDLESS = '''"""ERM with an infinite loss."""

from fairser.methods.erm import ERM

METHOD = {"title": "Endless"}


class Endless(ERM):
    def loss(self, model, rows, progress):
        return super().loss(model, rows, progress) * float("inf")
'''


@pytest.fixture
def own(tmp_path: Path, tones: Path) -> Workflow:
    """The workflow on a copy of the tones that the test may spoil."""
    shutil.copytree(tones.parent, tmp_path / "corpus")
    return Workflow(tmp_path, overlay(tmp_path / "corpus/clips.csv"))


def test_a_value_of_the_command_line(workflow: Workflow) -> None:
    output = workflow.fail("-n", "--config", "train={epochs: two}")
    assert "'train.epochs' is 'two'" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("own", [True, False])
def test_a_key_that_is_there_twice(workflow: Workflow, own: bool) -> None:
    command = workflow.command("-n")
    place = workflow.folder / ("config.yaml" if own else "overlay.yaml")
    with place.open("a") as file:
        file.write("train: {epochs: 3}\ntrain: {epochs: 4}\n")
    output = run_output(command, workflow.folder)
    assert f"{place.name}: the key 'train' is in line" in output
    assert "Traceback" not in output


def test_targets_after_the_configuration(workflow: Workflow) -> None:
    command = [*workflow.command("-n"), "results/metrics.json"]
    workflow.results.mkdir()
    (workflow.results / "metrics.json").write_text("{}")
    output = run_output(command, workflow.folder)
    assert "metrics.json: taken for a configuration file" in output
    assert "Traceback" not in output


def run_output(command: list[str], folder: Path) -> str:
    """The output of a command that must fail, on one line."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode != 0
    return " ".join((done.stdout + done.stderr).split())


def test_audio_that_cannot_be_used(own: Workflow) -> None:
    audio = own.folder / "corpus/audio"
    truncated, lost = audio / "03_calm_1.wav", audio / "06_calm_1.wav"
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    lost.unlink()
    output = own.fail()
    assert "2 of 144 clips can't be used" in output
    assert f"{lost}: no such audio file" in output
    assert "Traceback" not in output
    last = output[output.index("1 job failed.") :]
    assert "fbank of clips, shard 1 of 1: 2 of 144 clips can't be used:" in last
    assert f"{truncated}: truncated" in last
    assert "(0 of 4 runs)" in last


def test_precomputed_features_need_no_audio(own: Workflow) -> None:
    files = pl.read_csv(own.overlay["corpus"]["manifest"])["file"]
    names = files.str.strip_suffix(".wav").to_list()
    array = np.random.default_rng(0).standard_normal((len(names), 2, 5)).astype(np.float32)
    features, clips = own.folder / "own.safetensors", own.folder / "own.csv"
    write_store(features, clips, array, names)
    own.overlay["encoder"] = {
        "kind": "precomputed",
        "features": str(features),
        "clips": str(clips),
    }
    shutil.rmtree(own.folder / "corpus/audio")
    run = "runs/erm/none/k1/fold1/seed0/metrics.json"
    own.run(f"results/{run}")
    assert (own.results / run).exists()


def test_an_embedding_of_audio_that_is_not_named(tmp_path: Path) -> None:
    row = "1_a.wav,0.6,0.4,1,Female,"
    header = "FileName,sad,happy,SpkrID,Gender,Split_Set\n"
    (tmp_path / "labels_consensus_1.csv").write_text(f"{header}{row}Train\n")
    for name in ("f.safetensors", "c.csv"):
        (tmp_path / name).touch()
    encoder = {"kind": "precomputed", "features": "f.safetensors", "clips": "c.csv"}
    grid = {"methods": ["erm", "rw"], "sources": ["none", "kmeans"], "k": [2], "folds": [1]}
    overlay = {"corpus": {"kind": "emosuperb", "labels": "."}, "encoder": encoder, "grid": grid}
    workflow = Workflow(tmp_path, overlay | {"embedding": {"kind": "mfcc"}})
    output = workflow.fail()
    assert "'corpus.audio' is null" in output
    assert "Traceback" not in output


def test_finished_results_stay(copied: Workflow) -> None:
    def state() -> dict[Path, int]:
        """Times of the results; the state of the grid and logs are written by every run."""
        kept = [*copied.results.glob("table*"), *copied.results.rglob("*/*.*")]
        return {path: path.stat().st_mtime_ns for path in kept if "logs" not in path.parts}

    before = state()
    assert (
        "'grid.folds' names fold 9"
        in copied.changed({"grid": {"methods": METHODS, "folds": [*FOLDS, 9]}}).fail()
    )
    assert {path: time for path, time in state().items() if path in before} == before


def test_a_loss_that_is_not_finite(copied: Workflow) -> None:
    (copied.folder / "plugins").mkdir()
    (copied.folder / "plugins/endless.py").write_text(ENDLESS)
    copied.overlay["plugins"] = ["plugins"]
    copied.overlay["grid"] = {"methods": ["endless"], "folds": FOLDS}
    output = copied.fail()
    assert "method endless, fold 2, seed 0" in output
    last = output[output.index("2 jobs failed.") :]
    assert "train endless: groups none, K 1, fold 2, seed 0: " in last
    assert "is not finite" in last


def test_download_from_nowhere(tmp_path: Path) -> None:
    nowhere = f"file://{tmp_path}/nowhere"
    workflow = Workflow(tmp_path, {"download": {"labels": nowhere, "cremad": nowhere}})
    output = workflow.fail("download_cremad")
    assert f"{nowhere}: commit" in output
    assert "Traceback" not in output
