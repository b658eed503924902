"""Encoders by their kind; those that need no model, in batches."""

from types import ModuleType

import numpy as np
import pytest
import torch

from fairser.audio.pitch import gender_probabilities, median_pitch
from fairser.encoders import f0, fbank, mfcc, pitch
from fairser.encoders.base import Settings, make_encoder
from unit.corpora.builders import sine


@pytest.fixture
def waveforms() -> torch.Tensor:
    """A low and a high tone with noise, and silence."""
    random = np.random.default_rng(0)
    tones = [sine(16000, 0.5, hertz) for hertz in (110.0, 210.0)]
    noisy = [tone + random.normal(0, 0.01, len(tone)) for tone in tones]
    return torch.from_numpy(np.stack([*noisy, np.zeros(8000)]).astype(np.float32))


@pytest.mark.parametrize(("module", "dim"), [(fbank, 320), (mfcc, 41), (pitch, 2), (f0, 1)])
def test_encoders_without_a_model(module: ModuleType, dim: int, waveforms: torch.Tensor) -> None:
    encoder = make_encoder(module.__name__.rsplit(".", 1)[-1], Settings())
    found = encoder(waveforms)
    assert (encoder.layers, encoder.dim) == (1, dim)
    assert (found.shape, found.dtype) == ((3, 1, dim), torch.float32)
    for row, waveform in zip(found, waveforms, strict=True):
        assert np.array_equal(row[0].numpy(), module.encode(waveform))
        assert torch.equal(encoder(waveform[None])[0], row)


def test_pitch_in_hertz_and_0_of_silence(waveforms: torch.Tensor) -> None:
    quiet = torch.zeros_like(waveforms[:1])
    found = make_encoder("f0", Settings())(torch.cat([waveforms, quiet]))[:, 0, 0].tolist()
    pitches = [median_pitch(waveform.numpy()) for waveform in waveforms]
    assert found == pytest.approx([*np.nan_to_num(pitches), 0.0], rel=1e-6)


def test_gender_probabilities_by_pitch(waveforms: torch.Tensor) -> None:
    found = make_encoder("pitch", Settings())(waveforms)[:, 0].numpy()
    pitches = np.array([median_pitch(waveform.numpy()) for waveform in waveforms])
    np.testing.assert_array_equal(found, gender_probabilities(pitches).astype(np.float32))
    assert found[0, 1] > 0.9 and found[1, 0] > 0.9
    assert found[2].tolist() == [0.5, 0.5]
