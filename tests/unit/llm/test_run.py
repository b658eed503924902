"""Runs on the tiny model: the files that they write, and the record of the model."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from safetensors.torch import load_file

from fairser.core.errors import InputError
from fairser.corpora.meldst import EMOTIONS
from fairser.llm import run
from fairser.llm.measures import evaluate
from fairser.llm.run import Setup, train, zero_shot
from fairser.pretrained.records import Record, write_record
from fairser.training.checkpoints import make_checkpoint
from unit.builders import write_noise
from unit.llm.builders import clip_frame

ROWS = [
    ("eng", split, emotion, gender)
    for split in ("train", "development", "test")
    for emotion, gender in (("anger", "female"), ("joy", "male"))
]
SETTINGS: dict[str, Any] = {
    "languages": ["eng"],
    "modality": "speech",
    "seconds": 1,
    "precision": "float32",
    "quantise": None,
    "scores": "sum",
    "zero_shot": "score",
    "prompts": {"speech": {"eng": "{labels}?"}},
    "labels": {"eng": {emotion: emotion for emotion in EMOTIONS}},
    "lora": {"rank": 2},
    "train": {"rounds": 1, "batch_size": 2, "micro_batch": 2, "checkpointing": False},
    "gap": {"p": 2, "weighting": "adaptive"},
}
CELL = {"languages": "eng", "modality": "speech", "objective": "minmaxgap"}
CELL |= {"p": "2", "weighting": "adaptive", "seed": "3"}


@pytest.fixture
def record(tmp_path: Path, folder: Path) -> Record:
    """Record of the tiny model, as if it came from a hub."""
    found = Record("lab/tiny", "main", "0123456789" * 4, str(folder), {"config.json": "ab" * 32})
    write_record(tmp_path / "model.json", found)
    return found


@pytest.fixture
def setup(tmp_path: Path, record: Record) -> Setup:
    frame = clip_frame(ROWS)
    write_noise(tmp_path, dict.fromkeys(frame["file"], (0.3, 16_000)))
    settings = SETTINGS | {"audio": str(tmp_path)}
    files = ("predictions.parquet", "history.csv", "weights.safetensors", "config.json", "run.json")
    paths = {Path(name).stem: str(tmp_path / "run" / name) for name in files}
    return Setup(str(tmp_path / "model.json"), frame, settings, CELL, paths, "cpu", 1)


def test_zero_shot_records_the_commit_of_the_model(
    tmp_path: Path, setup: Setup, record: Record
) -> None:
    paths = {name: setup.paths[name] for name in ("predictions", "run")}
    zero_shot(replace(setup, paths=paths))
    told = json.loads(Path(setup.paths["run"]).read_text())
    assert told["model"] == asdict(record)
    assert told["model"]["commit"] == "0123456789" * 4
    assert (told["p"], told["seed"], told["best_round"]) == (2, 3, None)
    assert told["settings"] == setup.settings
    predictions = pl.read_parquet(setup.paths["predictions"])
    assert predictions["clip"].to_list() == setup.clips("test").frame["clip"].to_list()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": {"eng": dict.fromkeys(EMOTIONS, "same")}}, r"llm\.labels\.eng"),
        ({"labels": {"eng": dict.fromkeys(EMOTIONS, "")}}, r"llm\.labels\.eng\.anger"),
        ({"modality": "speech_text"}, r"llm\.prompts\.speech_text\.eng"),
    ],
)
def test_prompts_are_checked_before_weights_are_read(
    folder: Path, tmp_path: Path, setup: Setup, change: dict[str, Any], named: str
) -> None:
    without = tmp_path / "model"
    shutil.copytree(folder, without, ignore=shutil.ignore_patterns("*.safetensors"))
    write_record(setup.record, Record("lab/tiny", "main", None, str(without), {}))
    prompts = {"speech": {"eng": "{labels}?"}, "speech_text": {"eng": "{labels}?"}}
    settings = setup.settings | {"prompts": prompts} | change
    with pytest.raises(InputError, match=named):
        replace(setup, settings=settings).model()


def test_one_language_with_classes_of_its_own(tmp_path: Path, setup: Setup) -> None:
    """The gap of one language is its gap; measures and adapters follow the classes."""
    classes = pl.Enum(["joy", "anger", "boredom"])
    frame = setup.table.with_columns(
        pl.lit("fra").alias("language"), pl.col("emotion").cast(classes)
    )
    settings = setup.settings | {"languages": ["fra"], "labels": {}}
    own = replace(setup, table=frame, settings=settings)
    train(own, make_checkpoint(tmp_path / "run", [own.record], []), 1)
    found = pl.read_parquet(own.paths["predictions"])
    shares = found.select("joy", "anger", "boredom").sum_horizontal()
    assert shares.to_list() == pytest.approx([1, 1])
    (history,) = pl.read_csv(own.paths["history"]).to_dicts()
    assert history["development_gap"] == history["gap_fra"]
    measures = evaluate(found, ["fra"])
    assert measures["all"] == measures["fra"]
    assert list(measures["all"]["f1_by_class"]) == ["joy", "anger", "boredom"]


def test_a_training_records_the_model_that_it_began_with(
    tmp_path: Path, setup: Setup, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record is removed while the training runs, and the training is kept."""
    fit = run.Trainer.fit

    def then_removed(*arguments: Any) -> None:
        fit(*arguments)
        Path(setup.record).unlink()

    monkeypatch.setattr(run.Trainer, "fit", then_removed)
    train(setup, make_checkpoint(tmp_path / "run", [setup.record], []), 1)
    told = json.loads(Path(setup.paths["run"]).read_text())
    assert told["model"] == asdict(record)
    assert told["best_round"] == 1
    assert set(told["seconds"]) == {"load", "train", "predict"}
    assert pl.read_csv(setup.paths["history"]).height == 1
    assert all(".lora_" in name for name in load_file(setup.paths["weights"]))
