"""Waveforms at 16 kHz, mono, of audio files of any format, rate and number of channels."""

from functools import cache
from pathlib import Path

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before torchaudio
from fairser.audio.soundfiles import read_samples

from torchaudio.transforms import Resample  # isort: skip

SAMPLE_RATE = 16_000


def read(path: str | Path, seconds: float | None = None) -> torch.Tensor:
    """The waveform of an audio file, float32 [sample], at 16 kHz, mean of the channels.

    Reads the first ``seconds`` only, and raises as :func:`fairser.audio.soundfiles.read_samples`.
    """
    samples, rate = read_samples(path, seconds)
    waveform = torch.from_numpy(samples).mean(dim=1)
    return waveform if rate == SAMPLE_RATE else _resampler(rate)(waveform)


@cache
def _resampler(rate: int) -> Resample:
    return Resample(rate, SAMPLE_RATE)  # its filter costs more to make than to use
