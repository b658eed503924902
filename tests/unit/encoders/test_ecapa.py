"""ECAPA-TDNN: against speechbrain's own pipeline, and files that must not be trusted."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from fairser.core.errors import InputError
from fairser.encoders.base import Settings
from fairser.encoders.ecapa import HYPERPARAMS, WEIGHTS, SpeakerEncoder, make, read_hyperparams
from unit.corpora.builders import assert_refused
from unit.encoders.tiny import write_ecapa

from speechbrain.inference.classifiers import EncoderClassifier  # isort: skip


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_ecapa(tmp_path / "ecapa")


def load(folder: Path | None, precision: str = "float32") -> SpeakerEncoder:
    return make(Settings(folder, "cpu", precision))


def refused(folder: Path, *told: str) -> None:
    assert_refused((str(folder), *told), load, folder)


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / HYPERPARAMS
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def noise(clips: int = 3, samples: int = 8000) -> torch.Tensor:
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.5, clips)[:, None]


def test_embeddings_are_those_of_speechbrain(folder: Path) -> None:
    theirs = EncoderClassifier.from_hparams(
        source=str(folder), overrides={"pretrained_path": str(folder)}
    )
    expected = theirs.encode_batch(noise())
    encoder = load(folder)
    found = encoder(noise())
    assert (encoder.layers, encoder.dim) == (1, 192)
    assert (found.shape, found.dtype) == ((3, 1, 192), torch.float32)
    assert expected.abs().mean() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert not found.is_inference()


def test_a_batch_of_equal_lengths_is_the_clips_one_by_one(folder: Path) -> None:
    encoder = load(folder)
    alone = torch.cat([encoder(waveform[None]) for waveform in noise(5)])
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-4, atol=1e-4)


def test_loudness_does_not_matter(folder: Path) -> None:
    encoder = load(folder)
    torch.testing.assert_close(encoder(noise()), encoder(2 * noise()), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("precision", "close"), [("bfloat16", 0.05), ("float16", 0.005)])
def test_lower_precisions(folder: Path, precision: str, close: float) -> None:
    exact, found = load(folder)(noise()), load(folder, precision)(noise())
    assert found.dtype == torch.float32
    assert not torch.equal(found, exact)
    assert (found - exact).abs().max() < close * exact.abs().max()


def test_the_shortest_clip(folder: Path) -> None:
    encoder = load(folder)
    assert encoder.shortest == 640
    assert encoder(noise(2, 640)).isfinite().all()
    with pytest.raises(InputError, match=r"639 samples .* too short .* needs 640"):
        encoder(noise(2, 639))


def test_silence_is_finite(folder: Path) -> None:
    assert load(folder)(torch.zeros(1, 8000)).isfinite().all()


def test_arguments_of_the_published_file(folder: Path) -> None:
    assert read_hyperparams(folder / HYPERPARAMS) == {
        "compute_features": {"n_mels": 80},
        "mean_var_norm": {"norm_type": "sentence", "std_norm": False},
        "embedding_model": {
            "input_size": 80,
            "channels": [16, 16, 16, 16, 48],
            "kernel_sizes": [5, 3, 3, 3, 1],
            "dilations": [1, 2, 3, 4, 1],
            "attention_channels": 8,
            "lin_neurons": 192,
        },
    }


def test_only_two_files_are_needed(folder: Path) -> None:
    expected = load(folder)(noise())
    for file in folder.iterdir():
        if file.name not in (HYPERPARAMS, WEIGHTS):
            file.unlink()
    assert torch.equal(load(folder)(noise()), expected)


def test_no_folder(tmp_path: Path) -> None:
    assert_refused(("folder of weights",), load, None)
    refused(tmp_path / "nowhere", "no such folder")
    refused(tmp_path, HYPERPARAMS, "not readable")


@pytest.mark.parametrize("key", ["compute_features", "mean_var_norm", "embedding_model"])
@pytest.mark.parametrize("value", ["!new:os.mkdir", "!new:torch.nn.Linear", "!name:os.mkdir", "7"])
def test_foreign_classes(folder: Path, key: str, value: str) -> None:
    text = (folder / HYPERPARAMS).read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"{key}: "))
    edit(folder, line, f"{key}: {value}\nformerly: !new:x.Y")
    refused(folder, HYPERPARAMS, f"'{key}'", "only !new:speechbrain.")


@pytest.mark.parametrize(
    "line",
    [
        "__set_seed: !apply:os.mkdir ['{}']",
        "x: !!python/object/apply:os.mkdir ['{}']",
        "x: !new:os.mkdir ['{}']",
        "x: !new:os.mkdir\n    path: '{}'",
        "x: !include:{}",
    ],
)
def test_other_tags_are_data(folder: Path, tmp_path: Path, line: str) -> None:
    expected = load(folder)(noise())
    trace = tmp_path / "executed"
    edit(folder, "n_mels: 80", f"n_mels: 80\n{line.format(trace)}")
    assert torch.equal(load(folder)(noise()), expected)
    assert not trace.exists()


def test_own_code_is_not_imported(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    (folder / "custom.py").write_text(f"import os\nos.mkdir({str(trace)!r})\n")
    load(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("input_size: !ref <n_mels>", "input_size: !ref <gone>", "'input_size'"),
        ("input_size: !ref <n_mels>", "input_size: !ref <n_mels> * 2", "'input_size'"),
        ("lin_neurons: 192", "activation: !name:torch.nn.LeakyReLU", "'activation'"),
        ("lin_neurons: 192", "channels: [!ref <n_mels>]", "'channels'"),
        ("lin_neurons: 192", "surprise: 1", "surprise"),
        ("dilations: [1, 2, 3, 4, 1]", "dilations: [1]", "can't be used"),
        ("norm_type: sentence", "norm_type: global", "norm_type: sentence"),
        ("n_mels: !ref <n_mels>", "sample_rate: 8000", "16000 Hz"),
        ("n_mels: 80", "n_mels: [", "not readable"),
    ],
)
def test_settings_that_cannot_be_used(folder: Path, old: str, new: str, told: str) -> None:
    edit(folder, old, new)
    refused(folder, HYPERPARAMS, told)


@pytest.mark.parametrize("content", ["", "7", "[1, 2]", "\0"])
def test_no_settings(folder: Path, content: str) -> None:
    (folder / HYPERPARAMS).write_text(content)
    refused(folder, HYPERPARAMS)


@pytest.mark.parametrize("size", [0, 5, 3000, -100])
def test_truncated_weights(folder: Path, size: int) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:size])
    refused(folder, WEIGHTS)


def test_missing_weights(folder: Path) -> None:
    weights = torch.load(folder / WEIGHTS, weights_only=True)
    name = "blocks.1.tdnn1.norm.norm.running_mean"
    value = weights.pop(name)
    torch.save(weights, folder / WEIGHTS)
    refused(folder, WEIGHTS, name)
    torch.save(weights | {name: value, "surprise": value}, folder / WEIGHTS)
    refused(folder, WEIGHTS, "surprise")
    torch.save(list(weights), folder / WEIGHTS)
    refused(folder, WEIGHTS)
    (folder / WEIGHTS).unlink()
    refused(folder, WEIGHTS)


def test_weights_of_another_shape(folder: Path) -> None:
    edit(folder, "attention_channels: 8", "attention_channels: 16")
    refused(folder, WEIGHTS, "size mismatch")


def test_pickles_are_not_executed(folder: Path, tmp_path: Path) -> None:
    path, trace = folder / WEIGHTS, tmp_path / "executed"
    torch.save(torch.load(path, weights_only=True) | {"evil": Evil(trace)}, path)
    refused(folder, WEIGHTS)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the trap works
    assert trace.exists()
