"""Log-mel statistics: the encoder that needs no model.

80 log-mel bands (Kaldi's filter bank: 25 ms frames every 10 ms, no dither) and their deltas, each
as mean and standard deviation over the frames of the clip: one layer of 320 values. Loudness and
pitch register stay in: nothing is normalised within a clip.
"""

import numpy as np
import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before torchaudio
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.encoders.base import ClipEncoder, Settings

from torchaudio.compliance import kaldi  # isort: skip
from torchaudio.functional import compute_deltas  # isort: skip

ENCODER = {"title": "log-mel statistics", "sections": ["encoder"]}
BANDS = 80
DIM = 4 * BANDS


def encode(waveform: torch.Tensor) -> np.ndarray:
    """Statistics of one waveform [sample] at 16 kHz, float32 [320].

    The order is mean of the bands, mean of their deltas, standard deviation of both (without
    Bessel's correction, so that a clip of one frame has 0).
    """
    bands = kaldi.fbank(
        waveform[None], num_mel_bins=BANDS, sample_frequency=SAMPLE_RATE, dither=0.0
    )
    frames = torch.cat([bands, compute_deltas(bands.T).T], dim=1)
    std, mean = torch.std_mean(frames, dim=0, correction=0)
    return torch.cat([mean, std]).numpy()


def make(_settings: Settings) -> ClipEncoder:
    """The encoder; it needs no settings."""
    return ClipEncoder(encode, DIM)
