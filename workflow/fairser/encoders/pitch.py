"""Gender probabilities from the median pitch: the stand-in for the age-gender model."""

import numpy as np
import torch

from fairser.audio.pitch import gender_probabilities, median_pitch
from fairser.encoders.base import ClipEncoder, Settings

ENCODER = {"title": "median pitch", "sections": ["pseudo"]}
DIM = 2


def encode(waveform: torch.Tensor) -> np.ndarray:
    """p_female and p_male of one waveform [sample] at 16 kHz, float32 [2]."""
    pitch = np.array([median_pitch(waveform.numpy())])
    return gender_probabilities(pitch)[0].astype(np.float32)


def make(_settings: Settings) -> ClipEncoder:
    """The encoder; it needs no settings."""
    return ClipEncoder(encode, DIM)
