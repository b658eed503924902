"""MFCC statistics and pitch: the embedded stand-in for a speaker embedding.

20 mel-frequency cepstral coefficients (Kaldi's: 25 ms frames every 10 ms, no dither) as mean and
standard deviation over the frames of the clip, and the log of its median F0: 41 values.
"""

import numpy as np
import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before torchaudio
from fairser.audio.pitch import MIDDLE, median_pitch
from fairser.audio.waveforms import SAMPLE_RATE
from fairser.encoders.base import ClipEncoder, Settings

from torchaudio.compliance import kaldi  # isort: skip

ENCODER = {"title": "MFCC statistics", "sections": ["embedding"]}
COEFFICIENTS = 20
DIM = 2 * COEFFICIENTS + 1


def encode(waveform: torch.Tensor) -> np.ndarray:
    """Embedding of one waveform [sample] at 16 kHz, float32 [41].

    A clip without a voiced frame gets the log of 165 Hz, between men and women.
    """
    frames = kaldi.mfcc(
        waveform[None], num_ceps=COEFFICIENTS, sample_frequency=SAMPLE_RATE, dither=0.0
    )
    std, mean = torch.std_mean(frames, dim=0, correction=0)
    pitch = np.log(np.nan_to_num(median_pitch(waveform.numpy()), nan=MIDDLE))
    return np.concatenate([mean.numpy(), std.numpy(), [pitch]]).astype(np.float32)


def make(_settings: Settings) -> ClipEncoder:
    """The encoder; it needs no settings."""
    return ClipEncoder(encode, DIM)
