"""Clips through an encoder: with all that extraction does, and without."""

import os
import shutil
from itertools import cycle
from pathlib import Path

import numpy as np
import polars as pl
import soundfile
import torch
from shared.measuring import seconds_of

from fairser.audio.reading import Audio
from fairser.encoders.base import Encoder
from fairser.extraction.extract import encode_missing
from fairser.extraction.partial import Partial, stamp_columns


def bare(encoder: Encoder, audio: Audio, plan: list[list[int]]) -> float:
    """Seconds of the model alone, on waveforms in memory."""
    waveforms = [
        waveform for numbers in plan for _, waveform in audio.read_batch(numbers).waveforms
    ]

    def work() -> None:
        for waveform in waveforms:
            encoder(waveform)
        synchronise()

    synchronise()
    return seconds_of(work)


def whole(encoder: Encoder, audio: Audio, folder: Path, batch_seconds: float, readers: int) -> None:
    """Planning, reading, model and writing."""
    shape = (len(audio.files), encoder.layers, encoder.dim)
    clips = pl.DataFrame({"clip": audio.files, "file": audio.files})
    clips = clips.with_columns(stamp_columns(audio.folder, audio.files))
    partial = Partial(folder / "part", "benchmark", clips, shape, np.dtype("float32"))
    faults = encode_missing(partial, encoder, audio, batch_seconds, readers)
    assert not faults, faults
    partial.finish(folder / "features.safetensors")


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def features(encoder: Encoder, audio: Audio) -> torch.Tensor:
    """Features [N, L, D] of clips, those of one length together."""
    batch = audio.read_batch(range(len(audio.files)))
    assert not batch.faults, batch.faults
    return torch.cat([encoder(waveforms) for _, waveforms in batch.waveforms])


def relative_errors(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Relative error [N, L] of each vector of features [N, L, D]."""
    return (found - true).norm(dim=-1) / true.norm(dim=-1)


def write_clips(folder: Path, count: int, seconds: float, different: int = 256) -> list[str]:
    """Write wavs of noise at 16 kHz; their names. Later ones repeat the first ``different``."""
    folder.mkdir()
    names = [f"{number:05d}.wav" for number in range(count)]
    random = np.random.default_rng(0)
    for name in names[:different]:
        soundfile.write(folder / name, random.normal(0, 0.1, round(16_000 * seconds)), 16_000)
    for name, source in zip(names[different:], cycle(names[:different]), strict=False):
        try:
            os.link(folder / source, folder / name)
        except OSError:  # the disk has no such names
            shutil.copyfile(folder / source, folder / name)
    return names
