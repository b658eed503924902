"""The files of a run, and a job that is interrupted and goes on."""

import logging
import runpy
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from safetensors.torch import load_file

from fairser.config.configuration import resolve
from fairser.core.files import read_json, write_json
from fairser.core.jobs import INTERRUPTED
from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import StoreInputs
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import TrainOptions
from fairser.training.runs import FILES, CellJob, make_inputs, write_run
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import assert_same_run, clip_table, feature_store, write_store

ROOT = Path(__file__).parents[3]
SPLITS = ["train"] * 30 + ["development"] * 15 + ["test"] * 15
SETTINGS: dict[str, Any] = {
    "train": {"epochs": 6, "batch_size": 8, "learning_rate": 0.01, "clip_norm": 1.0},
    "standardise": True,
    "hyper": {},
    "finetune": None,
}


class Items(dict[str, str]):
    """Named values as Snakemake gives them to a script: iterated by value."""

    __getattr__ = dict.__getitem__

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


@pytest.fixture
def _logging() -> Iterator[None]:
    """Takes back what a job sets for its process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """What the rule gives to its job: inputs, outputs, parameters."""
    random = np.random.default_rng(0)
    table = clip_table(0.1 + 0.7 * np.eye(3)[random.integers(3, size=60)], SPLITS)
    names = {"split": "fold1.parquet", "features": "features.safetensors", "clips": "clips.csv"}
    names |= {"source": "source.json"}
    paths = {name: str(tmp_path / file) for name, file in names.items()}
    table.write(paths["split"])
    array = random.normal(0, 1, (60, 2, 8)).astype(np.float32)
    write_store(paths["features"], paths["clips"], array, table.frame["clip"].to_list())
    write_json(paths["source"], {"settings": {"kind": "fbank"}})
    config = resolve({"corpus": {"kind": "demo"}, "train": {"checkpoint_seconds": 0}})
    run = tmp_path / "seed3"
    made = dict(zip(("predictions", "model", "history"), FILES, strict=True))
    return {
        "input": paths,
        "output": {name: str(run / file) for name, file in (made | {"run": "run.json"}).items()},
        "params": {"settings": SETTINGS, "code": "0123", "made_from": "4567"},
        "wildcards": {"method": "lff", "source": "none", "k": "1", "fold": "1", "seed": "3"},
        "log": [str(tmp_path / "job.log")],
        "config": config,
    }


def cell_job(given: dict[str, Any]) -> CellJob:
    return CellJob(given["wildcards"], given["input"], **given["params"], config=given["config"])


def run_script(given: dict[str, Any]) -> None:
    """The rule's script, as Snakemake runs it."""
    parts = {name: Items(given[name]) for name in ("input", "output", "params", "wildcards")}
    job = SimpleNamespace(**parts, log=given["log"], config=given["config"], threads=1)
    runpy.run_path(str(ROOT / "scripts" / "train.py"), init_globals={"snakemake": job})


@pytest.mark.usefixtures("_logging")
def test_an_interrupted_job_goes_on_and_leaves_no_checkpoint(
    given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {name: Path(path) for name, path in given["output"].items()}
    calls = count(1)

    def due(_: Checkpoint) -> bool:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return True

    with monkeypatch.context() as patched, pytest.raises(SystemExit) as ended:
        patched.setattr(Checkpoint, "due", due)
        run_script(given)
    assert ended.value.code == INTERRUPTED
    folder = outputs["run"].parent
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]
    run_script(given)
    log = Path(given["log"][0]).read_text(encoding="utf-8")
    assert "method lff, fold 1, seed 3: resumed at epoch 4\n" in log
    assert {path.name for path in folder.iterdir()} == {path.name for path in outputs.values()}

    table = ClipTable.read(given["input"]["split"])
    inputs, origin = make_inputs(cell_job(given), table)
    options = TrainOptions(**SETTINGS["train"])
    record = read_json(outputs["run"])
    found = TrainingResult(
        tensors=load_file(outputs["model"]),
        history=pl.read_csv(outputs["history"]),
        predictions=pl.read_parquet(outputs["predictions"]),
        best_epoch=record["best_epoch"],
        selected_value=record["selected_value"],
        seconds={},
    )
    assert_same_run(found, train_and_predict(TrainingJob("lff", table, inputs, options, 3)))
    assert record["features"] == {"settings": {"kind": "fbank"}}
    assert (record["device"], record["groups"]) == ("cpu", None)
    cell = {"method": "lff", "source": "none", "k": 1, "fold": 1, "seed": 3}
    assert record == record | origin | cell


def test_inputs_of_a_store_follow_the_settings(given: dict[str, Any], tmp_path: Path) -> None:
    table = ClipTable.read(given["input"]["split"])
    groups = {"origin": str(tmp_path / "groups.json")}
    write_json(groups["origin"], {"origin": {"kind": "mfcc"}})
    del given["input"]["source"]  # the user's own features have no record
    job = replace(
        cell_job(given),
        given=given["input"] | groups,
        settings=SETTINGS | {"standardise": False},
        config={"train": {"memory_mb": 5}, "device": "cpu"},
    )
    for together in (False, True):
        inputs, origin = make_inputs(replace(job, together=together), table)
        assert isinstance(inputs, StoreInputs)
        assert (inputs.standardise, inputs.memory_mb) == (False, 5)
        assert inputs.device == torch.device("cpu")
    assert origin == {
        "task": table.task,
        "device": "cpu",
        "features": None,
        "groups": {"kind": "mfcc"},
    }


def test_written_files_hold_the_run(given: dict[str, Any], tmp_path: Path) -> None:
    table = ClipTable.read(given["input"]["split"])
    array = np.ones((60, 1, 4), np.float32)
    (tmp_path / "own").mkdir()
    store = feature_store(tmp_path / "own", array, table.frame["clip"])
    run = train_and_predict(
        TrainingJob("random", table, StoreInputs(store, False), TrainOptions(), 3)
    )
    cell = {"method": "random", "source": "none", "k": "1", "fold": "1", "seed": "3"}
    write_run(tmp_path / "seed3", run, cell, {"device": "cpu"}, given["config"])
    assert_frame_equal(pl.read_parquet(given["output"]["predictions"]), run.predictions)
    assert load_file(given["output"]["model"]) == {}
    record = read_json(given["output"]["run"])
    assert (record["best_epoch"], record["seconds"]) == (None, run.seconds)
    assert record["config"] == given["config"]
