"""Whisper and w2v-BERT 2.0 against transformers itself, clip by clip."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.encoders.spectrograms import WhisperStates
from fairser.encoders.speech import SpeechEncoder
from fairser.training.finetuning import AdapterOptions, add_adapters
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_w2v_bert, write_whisper

from transformers import AutoFeatureExtractor, AutoModel, WhisperModel  # isort: skip

FAMILIES: dict[str, Callable[..., Path]] = {"whisper": write_whisper, "w2v-bert": write_w2v_bert}
LAYERS, DIM = 3, 32


def noise(clips: int = 3, samples: int = 4100) -> torch.Tensor:
    """Waves of different loudness and offset."""
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.3, clips)[:, None] + 0.01


def load(folder: Path, precision: str = "float32", **more: float) -> Encoder:
    return make_encoder("transformers", Settings(folder, "cpu", precision, **more))


def refused(folder: Path, *told: str, **more: float) -> None:
    assert_refused(told, load, folder, **more)


def change_json(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture(params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return FAMILIES[request.param](tmp_path / "model")


def whisper_states(folder: Path, waveform: np.ndarray) -> torch.Tensor:
    """Hidden states [L, frame, D] of a whole window by the full model, decoder included."""
    processor = AutoFeatureExtractor.from_pretrained(folder)
    inputs = processor(waveform, sampling_rate=16000, return_tensors="pt")["input_features"]
    model = WhisperModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = model.encoder(inputs, output_hidden_states=True)
    return torch.cat([*output.hidden_states[:-1], output.last_hidden_state])


def w2v_bert_states(folder: Path, waveform: np.ndarray) -> torch.Tensor:
    """Hidden states [L, frame, D] of the frames that the processor does not mask."""
    processor = AutoFeatureExtractor.from_pretrained(folder)
    inputs = processor(waveform, sampling_rate=16000, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True)
    states = torch.cat([*output.hidden_states[:-1], output.last_hidden_state])
    return states[:, inputs["attention_mask"][0].bool()]


@pytest.mark.parametrize(("samples", "frames"), [(4100, 13), (6400, 20), (6401, 21), (32000, 100)])
def test_whisper_pools_the_frames_of_the_clip_and_no_others(
    tmp_path: Path, samples: int, frames: int
) -> None:
    folder, waveforms = write_whisper(tmp_path / "model"), noise(3, samples)
    whole = torch.stack([whisper_states(folder, waveform.numpy()) for waveform in waveforms])
    assert whole.shape == (3, LAYERS, 100, DIM)  # 2 s, 50 frames a second
    encoder = load(folder)
    found = encoder(waveforms)
    assert (encoder.layers, encoder.dim) == (LAYERS, DIM)
    assert (found.shape, found.dtype) == ((3, LAYERS, DIM), torch.float32)
    assert isinstance(encoder, WhisperStates)
    states = encoder.hidden_states(waveforms)
    assert states.shape == (3, LAYERS, frames, DIM)
    torch.testing.assert_close(states, whole[:, :, :frames], rtol=1e-4, atol=1e-4)
    expected = whole[:, :, :frames].mean(dim=2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    if frames < 100:
        assert (found - whole.mean(dim=2)).abs().max() > 0.05  # the silence counts there
    assert not found.requires_grad
    assert not found.is_inference()


@pytest.mark.parametrize(("samples", "frames"), [(560, 1), (4000, 11), (4100, 12)])
def test_w2v_bert_pools_the_frames_that_are_not_masked(
    tmp_path: Path, samples: int, frames: int
) -> None:
    folder, waveforms = write_w2v_bert(tmp_path / "model"), noise(3, samples)
    expected = torch.stack([w2v_bert_states(folder, waveform.numpy()) for waveform in waveforms])
    assert expected.shape == (3, LAYERS, frames, DIM)
    encoder = load(folder)
    assert isinstance(encoder, SpeechEncoder)
    assert (encoder.layers, encoder.dim) == (LAYERS, DIM)
    states = encoder.hidden_states(waveforms)
    torch.testing.assert_close(states, expected, rtol=1e-3, atol=1e-3)
    found = encoder(waveforms)
    assert (found.shape, found.dtype) == ((3, LAYERS, DIM), torch.float32)
    torch.testing.assert_close(found, expected.mean(dim=2), rtol=1e-3, atol=1e-3)


def test_a_batch_of_equal_lengths_is_the_clips_one_by_one(folder: Path) -> None:
    encoder = load(folder)
    alone = torch.cat([encoder(waveform[None]) for waveform in noise(5)])
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-5, atol=1e-5)
    assert torch.equal(encoder(noise(5)), encoder(noise(5)))


def test_windows_side_by_side_are_windows_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load(write_whisper(tmp_path / "model"))
    alone = encoder(noise(5))
    monkeypatch.setattr("fairser.encoders.spectrograms.WINDOWS", {"cpu": 2})  # as on a GPU
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-5, atol=1e-5)


def test_every_weight_is_the_one_in_the_file_and_the_decoder_is_not_loaded(folder: Path) -> None:
    stored = load_file(folder / "model.safetensors")
    model = load(folder).model  # type: ignore[attr-defined]
    names = {f"model.{name}" if f"model.{name}" in stored else name for name in model.state_dict()}
    assert names <= set(stored)
    assert not any("decoder" in name for name in names)
    for name, value in model.state_dict().items():
        assert torch.equal(value, stored.get(f"model.{name}", stored.get(name))), name
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_loudness_counts_for_whisper_and_not_for_w2v_bert(folder: Path) -> None:
    encoder = load(folder)
    change = (encoder(0.5 * noise()) - encoder(noise())).abs().max()
    assert change > 0.01 if isinstance(encoder, WhisperStates) else change < 0.01


def test_standardised_waveforms(tmp_path: Path) -> None:
    refused(write_whisper(tmp_path / "a"), "'encoder.waveforms'", "raw", std=0.3)
    folder = write_w2v_bert(tmp_path / "b")
    expected = load(folder)((noise() - 0.02) / 0.3)
    torch.testing.assert_close(load(folder, mean=0.02, std=0.3)(noise()), expected)


@pytest.mark.parametrize(("precision", "close"), [("bfloat16", 0.08), ("float16", 0.02)])
def test_lower_precisions(folder: Path, precision: str, close: float) -> None:
    exact, found = load(folder)(noise()), load(folder, precision)(noise())
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert (found - exact).abs().max() < close * exact.abs().max()


def test_silence_is_finite(folder: Path) -> None:
    assert load(folder)(torch.zeros(1, 4000)).isfinite().all()


def test_the_shortest_and_the_longest_clip(tmp_path: Path) -> None:
    for name, write in FAMILIES.items():
        encoder = load(write(tmp_path / name))
        shortest = {"whisper": 400, "w2v-bert": 560}[name]
        assert encoder(noise(2, shortest)).isfinite().all()
        assert_refused((f"needs {shortest}",), encoder, noise(2, shortest - 1))
    whisper = load(tmp_path / "whisper")
    assert_refused(("32001 samples", "takes 2 s", "'encoder.seconds'"), whisper, noise(1, 32001))


@pytest.mark.parametrize(
    ("name", "modules"),
    [("whisper", ["fc1", "fc2"]), ("w2v-bert", ["intermediate_dense", "output_dense"])],
)
def test_adapters_get_gradients(tmp_path: Path, name: str, modules: list[str]) -> None:
    encoder = load(FAMILIES[name](tmp_path / "model"))
    assert isinstance(encoder, SpeechEncoder)
    adapters = add_adapters(encoder.model, AdapterOptions(2, 4, modules))
    encoder.hidden_states(noise(2)).mean(dim=2).square().sum().backward()
    assert adapters
    assert all(parameter.grad is not None for parameter in adapters.values())


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    whisper, bert = write_whisper(tmp_path / "a"), write_w2v_bert(tmp_path / "b")
    extractor = "preprocessor_config.json"
    change_json(whisper / extractor, chunk_length=30)
    refused(whisper, extractor, "3000 x 80")
    change_json(whisper / extractor, chunk_length=2, feature_size=128)
    refused(whisper, extractor, "200 x 128")
    change_json(bert / extractor, num_mel_bins=40, feature_size=40)
    refused(bert, extractor, "80 values")
    change_json(bert / extractor, feature_extractor_type="Wav2Vec2FeatureExtractor")
    refused(bert, "Wav2Vec2FeatureExtractor", "SeamlessM4TFeatureExtractor")
    change_json(bert / "config.json", add_adapter=True)
    refused(bert, "add_adapter")


def test_missing_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "encoder.layers.1." in name)
    save_file({n: v for n, v in weights.items() if n != lost}, folder / "model.safetensors")
    refused(folder, "lacks weights", "encoder.layers.1.")
