"""Median pitch of a clip in Hz, for the group source pitch_bins; 0 where nothing is voiced."""

import numpy as np
import torch

from fairser.audio.pitch import median_pitch
from fairser.encoders.base import ClipEncoder, Settings

ENCODER = {"title": "median F0", "sections": ["pitch"], "standardise": False}
DIM = 1


def encode(waveform: torch.Tensor) -> np.ndarray:
    """Pitch of one waveform [sample] at 16 kHz, float32 [1]."""
    return np.nan_to_num(np.array([median_pitch(waveform.numpy())], dtype=np.float32))


def make(_settings: Settings) -> ClipEncoder:
    """The encoder; it needs no settings."""
    return ClipEncoder(encode, DIM)
