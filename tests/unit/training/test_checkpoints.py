"""Interrupted trainings resume to the same result, bit by bit, with every method; which states on
disk are valid."""

import logging
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from fairser.config.extensions import extensions
from fairser.config.schema import load_schema
from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.methods.lff import LfF
from fairser.training.checkpoints import EVERY, Checkpoint, make_checkpoint
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import CLASSES, assert_same_run, clip_table, feature_store

COUNT = 90
SPLITS = ["train"] * 50 + ["development"] * 20 + ["test"] * 20
OPTIONS = TrainOptions(epochs=8, batch_size=8, learning_rate=1e-2)
METHODS = load_schema()["properties"]["grid"]["properties"]["methods"]["items"]["enum"]
UNGROUPED = [name for name, one in extensions("METHOD").items() if one["groups"] == "none"]
NAME = "checkpoint.pt"


@pytest.fixture(scope="module")
def table() -> ClipTable:
    random = np.random.default_rng(1)
    labels = 0.1 + 0.7 * np.eye(3)[random.integers(3, size=COUNT)]
    return clip_table(labels, random.permutation(SPLITS))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, table: ClipTable) -> FeatureStore:
    """Features that tell something of the classes, so that trainings first learn, then overfit."""
    array = np.random.default_rng(2).normal(0, 1, (COUNT, 3, 16))
    array[:, 1, :3] += 2 * table.frame.select(CLASSES).to_numpy()
    return feature_store(
        tmp_path_factory.mktemp("store"), array.astype(np.float32), table.frame["clip"]
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


class Trainer:
    """Trains a method on the same fold again and again."""

    def __init__(self, table: ClipTable, store: FeatureStore) -> None:
        self.table, self.inputs = table, StoreInputs(store, True)
        share = np.random.default_rng(3).random(table.frame.height)
        self.grouping = table.frame.select("clip", "split").with_columns(
            pl.Series("group", np.where(share > 0.5, "female", "male")),
            pl.Series("p_female", share),
            pl.Series("p_male", 1 - share),
        )

    def __call__(
        self, method: str, checkpoint: Checkpoint | None = None, **hyper: str
    ) -> TrainingResult:
        grouping = None if method in UNGROUPED else self.grouping
        if method != "pgdro" and grouping is not None:
            grouping = grouping.select("clip", "split", "group")
        job = TrainingJob(method, self.table, self.inputs, OPTIONS, 0, grouping, hyper)
        return train_and_predict(job, checkpoint)


@pytest.fixture(scope="module")
def train(table: ClipTable, store: FeatureStore) -> Trainer:
    return Trainer(table, store)


@pytest.fixture(scope="module")
def undisturbed(train: Trainer) -> Callable[[str], TrainingResult]:
    """The training of a method, without any interruption."""
    return cache(lambda method: train(method))


class InterruptionError(Exception):
    """What ends a training from outside."""


class InterruptedCheckpoint(Checkpoint):
    """Ends the training after an epoch whose state is not saved any more."""

    def __init__(self, path: Path, fingerprint: str, epoch: int) -> None:
        super().__init__(path, fingerprint, every=0)
        self.left = epoch

    def due(self) -> bool:
        self.left -= 1
        if not self.left:
            raise InterruptionError
        return super().due()


@pytest.fixture
def interrupted(train: Trainer, path: Path) -> Callable[..., None]:
    """Trains a method through an epoch, the last whose state is not saved."""

    def run(method: str, epoch: int, fingerprint: str = "same", **hyper: str) -> None:
        with pytest.raises(InterruptionError):
            train(method, InterruptedCheckpoint(path, fingerprint, epoch), **hyper)

    return run


@pytest.mark.parametrize("method", [name for name in METHODS if name != "random"])
def test_a_resumed_training_comes_to_the_same(
    method: str,
    train: Trainer,
    undisturbed: Callable[[str], TrainingResult],
    interrupted: Callable[..., None],
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = undisturbed(method)
    assert expected.best_epoch is not None
    # The best epoch before the interruption, and after it.
    for epoch in {2, min(expected.best_epoch + 1, OPTIONS.epochs), OPTIONS.epochs}:
        interrupted(method, epoch)
        assert path.is_file()
        caplog.clear()
        with caplog.at_level(logging.INFO, "fairser"):
            resumed = train(method, Checkpoint(path, "same", every=0))
        assert f"{method}, fold 1, seed 0: resumed at epoch {epoch}\n" in caplog.text
        assert_same_run(resumed, expected)
        path.unlink()


OTHER_SAMPLER = {"gdro": "shuffle", "gadro": "shuffle", "pgdro": "shuffle"}
OTHER_SAMPLER |= {"rw": "balanced", "minmaxgap": "balanced"}


@pytest.mark.parametrize("method", OTHER_SAMPLER)
def test_a_resumed_training_draws_the_same_batches_with_the_other_sampler(
    method: str,
    train: Trainer,
    undisturbed: Callable[[str], TrainingResult],
    interrupted: Callable[..., None],
    path: Path,
) -> None:
    hyper = {"sampler": OTHER_SAMPLER[method]}
    if method == "gadro":
        hyper["adjust"] = "present"
    expected = train(method, **hyper)
    assert not expected.history.equals(undisturbed(method).history)
    interrupted(method, 4, **hyper)
    resumed = train(method, Checkpoint(path, "same", every=0), **hyper)
    assert_same_run(resumed, expected)


def test_some_best_epochs_lie_between_the_first_and_the_last(
    undisturbed: Callable[[str], TrainingResult],
) -> None:
    """Without this the test above would not see whether the best weights are kept."""
    best = [undisturbed(name).best_epoch for name in METHODS if name != "random"]
    assert any(epoch is not None and 1 < epoch < OPTIONS.epochs - 1 for epoch in best)


def test_a_training_may_be_interrupted_again_and_again(
    train: Trainer,
    undisturbed: Callable[[str], TrainingResult],
    interrupted: Callable[..., None],
    path: Path,
) -> None:
    for _ in range(5):
        interrupted("disent", 2)  # an epoch further each time
    resumed = train("disent", Checkpoint(path, "same", every=0))
    assert_same_run(resumed, undisturbed("disent"))


def test_without_an_epoch_there_is_nothing_to_resume(
    train: Trainer, interrupted: Callable[..., None], path: Path
) -> None:
    interrupted("erm", 1)
    assert not path.exists()


def test_a_complete_training_is_not_trained_further(
    train: Trainer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the job was ended between the training and its files."""
    first = train("lff", Checkpoint(path, "same", every=0))
    monkeypatch.setattr(LfF, "loss", None)
    assert_same_run(train("lff", Checkpoint(path, "same", every=0)), first)


def test_states_are_written_now_and_then(train: Trainer, path: Path) -> None:
    train("erm", Checkpoint(path, "same", every=3600))
    assert not path.exists()
    train("erm", Checkpoint(None, every=0))
    train("random", Checkpoint(path, every=0))  # trains nothing
    assert not path.exists()
    checkpoint = Checkpoint(path, every=0)
    assert checkpoint.due() and not Checkpoint(path, every=3600).due()
    checkpoint.every = 3600
    checkpoint.saved -= 3601
    assert checkpoint.due()
    checkpoint.save({})
    assert not checkpoint.due()


def test_the_state_of_another_training_is_ignored(
    train: Trainer,
    undisturbed: Callable[[str], TrainingResult],
    interrupted: Callable[..., None],
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    interrupted("erm", 5, "other")
    with caplog.at_level(logging.INFO, "fairser"):
        run = train("erm", Checkpoint(path, "same", every=3600))
    assert f"{path} is of another training" in caplog.text
    assert "resumed at" not in caplog.text
    assert_same_run(run, undisturbed("erm"))


def list_of_numbers(path: Path) -> None:
    torch.save([1, 2], path)


def without_fingerprint(path: Path) -> None:
    state = torch.load(path)
    del state["fingerprint"]
    torch.save(state, path)


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "text": lambda path: path.write_text("epoch 3", encoding="utf-8"),
    "list": list_of_numbers,
    "without fingerprint": without_fingerprint,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_state_is_ignored(
    damage: Callable[[Path], Any],
    train: Trainer,
    undisturbed: Callable[[str], TrainingResult],
    interrupted: Callable[..., None],
    path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    interrupted("erm", 5)
    damage(path)
    with caplog.at_level(logging.INFO, "fairser"):
        run = train("erm", Checkpoint(path, "same", every=0))
    assert f"{path} is " in caplog.text and ": not resumed" in caplog.text
    assert_same_run(run, undisturbed("erm"))
    state = Checkpoint(path, "same").load()  # replaced by one that is whole
    assert state is not None and state["progress"][0]["epoch"] == OPTIONS.epochs


class Malicious:
    """Touches a file where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_code_in_a_state_is_not_run(
    kind: str, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trace = tmp_path / "trace"
    state = {"fingerprint": "same", "best": Malicious(trace)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(state, protocol=2))
    else:
        torch.save(state, path)
    with caplog.at_level(logging.INFO, "fairser"):
        assert Checkpoint(path, "same").load() is None
    assert not trace.exists()
    assert "not readable" in caplog.text
    if kind == "pickle":
        pickle.loads(path.read_bytes())  # noqa: S301  the file would do it
    else:
        torch.load(path, weights_only=False)
    assert trace.exists()


def test_a_state_comes_back_as_it_was(path: Path) -> None:
    state = {"a": torch.arange(3.0), "b": {"c": [1, 2.5, "x", None], "d": (float("inf"), 1)}}
    Checkpoint(path, "same").save(state)
    assert [file.name for file in path.parent.iterdir()] == [NAME]
    found = Checkpoint(path, "same").load()
    assert found is not None and torch.equal(found.pop("a"), state["a"])
    assert found == {"b": state["b"]}


def test_a_state_is_forgotten_at_the_end(path: Path) -> None:
    checkpoint = Checkpoint(path, "same")
    checkpoint.save({})
    checkpoint.remove()
    assert not path.exists()
    checkpoint.remove()  # there need not be one
    Checkpoint().remove()
    assert (checkpoint.load(), Checkpoint().load()) == (None, None)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.parquet", tmp_path / "b.safetensors"]
    for path in paths:
        path.write_bytes(b"content")
    return paths


def touch(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000))


def append(path: Path) -> None:
    """More bytes, and the old time."""
    stat = path.stat()
    path.write_bytes(path.read_bytes() + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_checkpoint_is_valid_for_the_same_settings_and_files(files: list[Path]) -> None:
    folder = files[0].parent
    first = make_checkpoint(folder, map(str, files), [{"a": 1, "b": [2.5, None]}, "code"], 7)
    assert (first.path, first.every) == (folder / "checkpoint.pt", 7)
    files[0].read_bytes()
    again = make_checkpoint(folder, map(str, files), [{"b": [2.5, None], "a": 1}, "code"])
    assert (again.fingerprint, again.every) == (first.fingerprint, EVERY)


@pytest.mark.parametrize(
    "settings", [[{"a": 2}, "code"], [{"a": 1}, "other"], [{"a": 1, "b": 1}, "code"]]
)
def test_a_checkpoint_of_other_settings_is_not(files: list[Path], settings: Any) -> None:
    first, other = (
        make_checkpoint(files[0].parent, map(str, files), given, 0)
        for given in ([{"a": 1}, "code"], settings)
    )
    assert first.fingerprint != other.fingerprint


@pytest.mark.parametrize("change", [touch, append])
@pytest.mark.parametrize("number", [0, 1])
def test_a_checkpoint_of_other_files_is_not(
    files: list[Path], number: int, change: Callable[[Path], None]
) -> None:
    first = make_checkpoint(files[0].parent, map(str, files), [], 0)
    change(files[number])
    other = make_checkpoint(files[0].parent, map(str, files), [], 0)
    fewer = make_checkpoint(files[0].parent, map(str, files[:1]), [], 0)
    assert len({first.fingerprint, other.fingerprint, fewer.fingerprint}) == 3
