"""MFCC statistics and pitch: their shape and place, and clips with nothing to hear."""

import numpy as np
import pytest
import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before torchaudio
from fairser.encoders.mfcc import COEFFICIENTS, DIM, encode
from unit.corpora.builders import sine

from torchaudio.compliance import kaldi  # isort: skip


def noise(samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("samples", [400, 4000, 16000])
def test_means_and_deviations_of_the_coefficients(samples: int) -> None:
    found = encode(noise(samples))
    assert (found.shape, DIM, found.dtype) == ((41,), 41, np.float32)
    frames = kaldi.mfcc(noise(samples)[None], num_ceps=20, sample_frequency=16000, dither=0.0)
    values = frames.double().numpy()
    np.testing.assert_allclose(found[:COEFFICIENTS], values.mean(axis=0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found[COEFFICIENTS:-1], values.std(axis=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hertz", [100.0, 220.0])
def test_the_last_value_is_the_log_of_the_pitch(hertz: float) -> None:
    waveform = torch.from_numpy(sine(16000, 1, hertz))
    assert np.exp(encode(waveform)[-1]) == pytest.approx(hertz, rel=0.01)


@pytest.mark.parametrize("waveform", [torch.zeros(8000), noise(400)], ids=["silence", "one frame"])
def test_without_a_voiced_frame_the_pitch_is_in_the_middle(waveform: torch.Tensor) -> None:
    found = encode(waveform)
    assert np.isfinite(found).all()
    assert np.exp(found[-1]) == pytest.approx(165)
