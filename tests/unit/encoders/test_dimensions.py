"""Arousal, dominance and valence: against plain operations on the parts of the model."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fairser.core.errors import InputError
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.encoders.dimensions import DIMENSIONS
from unit.encoders.tiny import write_dimensions

from transformers import AutoModel, Wav2Vec2FeatureExtractor  # isort: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dimensions(tmp_path)


def load(folder: Path, kind: str = "dimensions", **more: float) -> Encoder:
    return make_encoder(kind, Settings(folder, "cpu", **more))  # type: ignore[arg-type]


def noise(clips: int = 4, samples: int = 4000) -> torch.Tensor:
    waveforms = torch.randn(clips, samples, generator=torch.Generator().manual_seed(0))
    return waveforms * torch.linspace(0.05, 0.5, clips)[:, None] + 0.1


def test_dimensions_and_hidden_states_by_hand(folder: Path) -> None:
    """The head is that of the model's card, on the mean of what the kind transformers gives."""
    weights = load_file(folder / "model.safetensors")
    processor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    trunk = AutoModel.from_pretrained(folder).eval()
    expected, last = [], []
    for waveform in noise():
        inputs = processor(waveform.numpy(), sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            pooled = trunk(inputs["input_values"]).last_hidden_state[0].mean(dim=0)
        dense, out = (
            (weights[f"classifier.{name}.weight"], weights[f"classifier.{name}.bias"])
            for name in ("dense", "out_proj")
        )
        hidden = torch.tanh(dense[0] @ pooled + dense[1])
        expected.append(out[0] @ hidden + out[1])
        last.append(pooled)
    encoder = load(folder)
    found = encoder(noise())
    assert (encoder.layers, encoder.dim) == (1, len(DIMENSIONS))
    assert (found.shape, found.dtype) == ((4, 1, 3), torch.float32)
    torch.testing.assert_close(found[:, 0], torch.stack(expected), rtol=1e-4, atol=1e-5)
    assert found[:, 0].std(dim=0).min() > 1e-3
    states = load(folder, "transformers")(noise())
    torch.testing.assert_close(states[:, -1], torch.stack(last), rtol=1e-4, atol=1e-4)


def test_a_batch_of_equal_lengths_is_the_clips_one_by_one(folder: Path) -> None:
    encoder = load(folder)
    alone = torch.cat([encoder(waveform[None]) for waveform in noise(5)])
    torch.testing.assert_close(encoder(noise(5)), alone, rtol=1e-5, atol=1e-6)


def test_the_corpus_does_not_matter_as_clips_are_normalised(folder: Path) -> None:
    other = load(folder, mean=0.1, std=0.2)
    torch.testing.assert_close(other(noise()), load(folder)(noise()), rtol=1e-4, atol=1e-4)


def test_the_shortest_clip(folder: Path) -> None:
    assert load(folder)(noise(2, 400)).isfinite().all()
    with pytest.raises(InputError, match="needs 400"):
        load(folder)(noise(2, 399))
