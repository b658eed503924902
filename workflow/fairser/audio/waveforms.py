"""Waveforms at 16 kHz, mono, of audio files of any format, rate and number of channels."""

from fractions import Fraction
from functools import lru_cache
from math import isqrt
from pathlib import Path

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before torchaudio
from fairser.audio.soundfiles import read_samples

from torchaudio.transforms import Resample  # isort: skip

SAMPLE_RATE = 16_000
KERNEL = 1_000_000  # values of a resampling filter: 4 MB


def read(path: str | Path, seconds: float | None = None) -> torch.Tensor:
    """The waveform of an audio file, float32 [sample], at 16 kHz, mean of the channels.

    Common rates are resampled exactly, others within about 0.05 % of their rate (:func:`ratio`).
    Reads the first ``seconds`` only, and raises as :func:`fairser.audio.soundfiles.read_samples`.
    """
    samples, rate = read_samples(path, seconds)
    waveform = torch.from_numpy(samples).mean(dim=1)
    return waveform if rate == SAMPLE_RATE else resampler(rate)(waveform)


def ratio(rate: int) -> Fraction:
    """A rate in Hz divided by 16 kHz, or the nearest fraction whose filter has a bounded size.

    The filter has about numerator times denominator values: 5.6 GB for 44,101 Hz. Common rates have
    small fractions. For others a fraction is at most about 0.05 % off, and so are pitch and length:
    a semitone is 6 %.
    """
    return Fraction(rate, SAMPLE_RATE).limit_denominator(isqrt(KERNEL * SAMPLE_RATE // rate))


@lru_cache(maxsize=16)
def resampler(rate: int) -> Resample:
    """From a rate in Hz to 16 kHz, kept: its filter costs more to make than to use."""
    return Resample(*ratio(rate).as_integer_ratio())
