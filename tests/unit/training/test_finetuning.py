"""Adapters: they get their gradients, start from the frozen encoder, and are all that changes."""

import logging
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from torch import nn

from fairser.audio import waveforms as audio
from fairser.audio.reading import Audio
from fairser.config.extensions import extensions
from fairser.corpora.clips import ClipTable
from fairser.encoders.base import Settings, make_encoder
from fairser.extraction.inputs import StoreInputs
from fairser.methods.base import ADAPTERS
from fairser.methods.head import Head
from fairser.training.checkpoints import Checkpoint
from fairser.training.finetuning import AdaptedEncoder, AdapterOptions, FinetunedInputs
from fairser.training.fitting import ModelWeights, TrainOptions
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import CLASSES, assert_same_run, clip_table, feature_store
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_wav2vec2, write_wavlm

COUNT = 24
SPLITS = ["train", "train", "development", "test"] * (COUNT // 4)
KIND = np.random.default_rng(1).integers(3, size=COUNT)
TRAINING = TrainOptions(epochs=3, batch_size=4, learning_rate=5e-3)
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "out_proj"]
FEED_FORWARD = AdapterOptions().modules
FINETUNED = [name for name, one in extensions("METHOD").items() if one["finetune"]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "wavlm": write_wavlm(folder / "wavlm"),
        "wav2vec2": write_wav2vec2(folder / "wav2vec2"),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones with noise whose pitch tells the class, of three lengths."""
    folder = tmp_path_factory.mktemp("wavs")
    random = np.random.default_rng(2)
    for number, kind in enumerate(KIND):
        time = np.arange(3200 + 160 * (number % 3)) / 16000
        waveform = 0.3 * np.sin(2 * np.pi * [150, 500, 1500][kind] * time)
        waveform += random.normal(0, 0.05, len(time))
        soundfile.write(folder / f"c{number:03d}.wav", waveform, 16000)
    return folder


@pytest.fixture(scope="module")
def table() -> ClipTable:
    return clip_table(0.1 + 0.7 * np.eye(3)[KIND], SPLITS)


@pytest.fixture(scope="module")
def clips(folder: Path) -> Audio:
    return Audio(folder, [f"c{number:03d}.wav" for number in range(COUNT)], 10)


def encoder(path: Path, **more: Any) -> Any:
    return make_encoder("transformers", Settings(path, "cpu", **more))


def adapt(path: Path, clips: Audio, *modules: str, seed: int = 0) -> AdaptedEncoder:
    options = AdapterOptions(rank=2, modules=list(modules)) if modules else AdapterOptions(rank=2)
    return AdaptedEncoder(encoder(path), clips, options, seed)


def base_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all weights but those of adapters, under the names that they have without."""
    return {
        name.replace(".base_layer", ""): value.detach().clone()
        for name, value in model.state_dict().items()
        if "lora_" not in name
    }


@pytest.mark.parametrize(
    ("model", "modules"),
    [("wavlm", FEED_FORWARD), ("wav2vec2", FEED_FORWARD), ("wav2vec2", PROJECTIONS)],
)
def test_every_adapter_learns_and_nothing_else(
    model: str, modules: list[str], models: dict[str, Path], clips: Audio
) -> None:
    before = base_weights(encoder(models[model]).model)
    adapted = adapt(models[model], clips, *modules)
    layers = 2
    assert len(adapted.adapters) == 2 * layers * len(modules)  # A and B of each
    assert all(any(f".{m}.lora_" in name for m in modules) for name in adapted.adapters)
    start = {name: value.detach().clone() for name, value in adapted.adapters.items()}
    assert all(not value.any() for name, value in start.items() if "lora_B" in name)
    optimizer = torch.optim.Adam(adapted.adapters.values(), lr=1e-2)
    rows = torch.tensor([0, 1, 2, 3])
    for step in range(2):
        optimizer.zero_grad()
        adapted.batch(rows).square().sum().backward()
        optimizer.step()
        moved = {n for n, value in adapted.adapters.items() if not torch.equal(value, start[n])}
        # A learns from the second step on: until then B is 0, and no gradient passes it.
        assert moved == {name for name in start if step or "lora_B" in name}
    after = base_weights(adapted.encoder.model)
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize("modules", [*([name] for name in PROJECTIONS), PROJECTIONS])
def test_projections_of_wavlm_are_refused(
    modules: list[str], models: dict[str, Path], clips: Audio
) -> None:
    told = (f"'lora.modules' names {', '.join(sorted(modules))}, but", "intermediate_dense")
    assert_refused(told, adapt, models["wavlm"], clips, *modules)


def test_of_several_modules_only_those_without_gradient_are_named(
    models: dict[str, Path], clips: Audio
) -> None:
    assert_refused(
        ("names v_proj, but",),
        *(adapt, models["wavlm"], clips),
        *("intermediate_dense", "v_proj", "output_dense"),
    )


@pytest.mark.parametrize("name", ["query", "layer_norm", "conv", "dense", ""])
def test_layers_that_the_encoder_lacks_are_refused(
    name: str, models: dict[str, Path], clips: Audio
) -> None:
    known = "intermediate_dense, k_proj, out_proj, output_dense, projection, q_proj, v_proj"
    told = (f"'lora.modules' names '{name}'", known)
    assert_refused(told, adapt, models["wav2vec2"], clips, "output_dense", name)


@pytest.mark.parametrize("model", ["wavlm", "wav2vec2"])
def test_training_starts_from_the_features_of_the_frozen_encoder(
    model: str, models: dict[str, Path], clips: Audio
) -> None:
    """Clip by clip: neither the others of a batch nor their order matter."""
    frozen = encoder(models[model], mean=0.01, std=0.2)
    wanted = [7, 0, 5, 3, 2, 7, 1]
    waveforms = [audio.read(clips.folder / clips.files[number]) for number in wanted]
    assert len({len(waveform) for waveform in waveforms}) == 3
    expected = torch.cat([frozen(waveform[None]) for waveform in waveforms])
    adapted = AdaptedEncoder(frozen, clips, AdapterOptions(), 0)
    assert adapted.shape == (COUNT, 3, 32)
    found = adapted.batch(torch.tensor(wanted))
    assert found.requires_grad and found.dtype == torch.float32
    torch.testing.assert_close(found.detach(), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(adapted.batch(torch.tensor(wanted)), found, rtol=0, atol=0)


def test_the_seed_decides_where_adapters_start(models: dict[str, Path], clips: Audio) -> None:
    starts = []
    for seed in 1, 1, 2:
        frozen = encoder(models["wavlm"])
        torch.manual_seed(len(starts))  # the state outside has no say, and is left alone
        state = torch.get_rng_state()
        adapted = AdaptedEncoder(frozen, clips, AdapterOptions(), seed)
        assert torch.equal(torch.get_rng_state(), state)
        starts.append({n: v for n, v in adapted.adapters.items() if "lora_A" in n})
    assert all(torch.equal(value, starts[1][name]) for name, value in starts[0].items())
    assert all(not torch.equal(value, starts[2][name]) for name, value in starts[0].items())


def test_adapters_of_an_encoder_in_16_bits_learn_in_32(
    models: dict[str, Path], clips: Audio
) -> None:
    """In 16 bits the small steps of Adam would be lost."""
    adapted = AdaptedEncoder(
        encoder(models["wavlm"], precision="bfloat16"), clips, AdapterOptions(), 0
    )
    assert {value.dtype for value in adapted.adapters.values()} == {torch.float32}
    assert {p.dtype for p in adapted.encoder.model.parameters() if not p.requires_grad} == {
        torch.bfloat16
    }
    assert adapted.batch(torch.tensor([0, 1])).dtype == torch.float32


def test_a_clip_that_cannot_be_used_ends_the_training(models: dict[str, Path]) -> None:
    adapted = adapt(models["wavlm"], Audio(Path("nowhere"), ["gone.wav"], 10))
    assert_refused(("nowhere/gone.wav: no such",), adapted.batch, torch.tensor([0]))


class Trainer:
    """Trains a method and the adapters of a fresh encoder on the same fold."""

    def __init__(self, model: Path, folder: Path, table: ClipTable) -> None:
        self.model, self.folder, self.table = model, folder, table
        share = np.random.default_rng(3).random(COUNT)
        self.grouping = table.frame.select("clip", "split").with_columns(
            pl.Series("group", np.where(share > 0.5, "female", "male")),
            pl.Series("p_female", share),
            pl.Series("p_male", 1 - share),
        )

    def inputs(self) -> FinetunedInputs:
        files = dict(self.table.frame.select("clip", "file").iter_rows())
        return FinetunedInputs(encoder(self.model), self.folder, files, 10, AdapterOptions(rank=2))

    def __call__(
        self, method: str, checkpoint: Checkpoint | None = None, **more: Any
    ) -> TrainingResult:
        grouping = self.grouping if method == "pgdro" else None
        if method not in ("erm", "pgdro"):
            grouping = self.grouping.select("clip", "split", "group")
        options = replace(TRAINING, **more)
        job = TrainingJob(method, self.table, self.inputs(), options, 0, grouping)
        return train_and_predict(job, checkpoint)


@pytest.fixture
def train(models: dict[str, Path], folder: Path, table: ClipTable) -> Trainer:
    return Trainer(models["wavlm"], folder, table)


@pytest.mark.parametrize("method", [n for n, m in extensions("METHOD").items() if m["finetune"]])
def test_methods_train_head_and_adapters(method: str, train: Trainer, clips: Audio) -> None:
    run = train(method)
    losses = run.history["train_loss"].to_list()
    assert losses[-1] < 0.9 * losses[0]
    assert np.isfinite(run.predictions.select(CLASSES).to_numpy()).all()
    adapted = adapt(train.model, clips)
    names = {f"{ADAPTERS}{name}" for name in adapted.adapters}
    assert set(run.tensors) == names | set(Head(3, 32, 3).state_dict())
    for name, value in adapted.adapters.items():
        assert not torch.equal(run.tensors[f"{ADAPTERS}{name}"], value), name


@pytest.mark.parametrize("method", ["erm", "gdro"])
def test_predictions_follow_from_the_stored_tensors(
    method: str, train: Trainer, clips: Audio
) -> None:
    run = train(method)
    adapted, head = adapt(train.model, clips, seed=9), Head(3, 32, 3)
    weights = ModelWeights(head, adapted.adapters)
    weights.load(run.tensors)
    assert all(torch.equal(value, run.tensors[name]) for name, value in weights.copy().items())
    rows = torch.tensor([n for n, split in enumerate(SPLITS) if split != "train"])
    with torch.no_grad():
        shares = head(adapted, rows).softmax(dim=1)
    np.testing.assert_allclose(run.predictions.select(CLASSES).to_numpy(), shares, atol=1e-5)


def test_the_best_epoch_of_adapters_is_kept(train: Trainer) -> None:
    """With a step size at which the last epochs are not the best ones."""
    run = train("erm", epochs=6, learning_rate=3e-2)
    best = run.best_epoch
    assert best is not None and best < 6
    assert best == int(run.history["development_loss"].arg_min() or 0) + 1
    shorter = train("erm", epochs=best, learning_rate=3e-2)
    assert shorter.best_epoch == best
    assert all(torch.equal(value, shorter.tensors[name]) for name, value in run.tensors.items())


@pytest.mark.parametrize("method", ["erm", "gdro"])
def test_a_resumed_training_of_adapters_comes_to_the_same(
    method: str,
    train: Trainer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls = count(1)

    def due(_: Checkpoint) -> bool:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return True

    path = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoint, "due", due)
        train(method, Checkpoint(path, "same", every=0))
    with caplog.at_level(logging.INFO, "fairser"):
        resumed = train(method, Checkpoint(path, "same", every=0))
    assert "resumed at epoch 3" in caplog.text
    assert_same_run(resumed, train(method))
    state = Checkpoint(path, "same").load()
    assert state is not None
    assert state["weights"].keys() == resumed.tensors.keys()  # the base model is not in it


def test_without_a_step_of_the_adapters_it_is_training_on_pooled_features(
    train: Trainer, clips: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head alone learns the same from frames as from a store."""
    frozen = encoder(train.model)
    array = torch.cat([frozen(clips.read(number)[None]) for number in range(COUNT)]).numpy()
    store = feature_store(tmp_path, array, train.table.frame["clip"])
    inputs = StoreInputs(store, False)
    pooled = train_and_predict(TrainingJob("erm", train.table, inputs, TRAINING))
    monkeypatch.setattr(AdaptedEncoder, "batch", torch.no_grad()(AdaptedEncoder.batch))
    frames = train("erm")
    for name, value in pooled.tensors.items():
        torch.testing.assert_close(frames.tensors[name], value, rtol=1e-3, atol=1e-4)
    for column in "train_loss", "development_loss":
        np.testing.assert_allclose(frames.history[column], pooled.history[column], rtol=1e-4)
