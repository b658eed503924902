"""Log-mel statistics: the encoder that needs no model.

80 log-mel bands (Kaldi's filter bank: 25 ms frames every 10 ms, no dither) and their deltas, each
as mean and standard deviation over the frames of the clip: one layer of 320 values. Loudness and
pitch register stay in: nothing is normalised within a clip.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from fairser import audio
from fairser.errors import InputError
from fairser.jobs import progress

from torchaudio.compliance import kaldi  # isort: skip
from torchaudio.functional import compute_deltas  # isort: skip

BANDS = 80
DIM = 4 * BANDS
SHOWN = 20


def encode(wave: torch.Tensor) -> torch.Tensor:
    """Statistics of one wave [sample] at 16 kHz, float32 [320].

    The order is mean of the bands, mean of their deltas, standard deviation of both (without
    Bessel's correction, so that a clip of one frame has 0).
    """
    bands = kaldi.fbank(
        wave[None], num_mel_bins=BANDS, sample_frequency=audio.SAMPLE_RATE, dither=0.0
    )
    frames = torch.cat([bands, compute_deltas(bands.T).T], dim=1)
    std, mean = torch.std_mean(frames, dim=0, correction=0)
    return torch.cat([mean, std])


def encode_files(folder: str | Path, files: Iterable[str], seconds: float) -> np.ndarray:
    """Statistics of the first ``seconds`` of audio files, float32 [N, 1, 320].

    Raises:
        InputError: lists every file that can't be used, after all were tried.
    """
    names = list(files)
    array = np.zeros((len(names), 1, DIM), dtype=np.float32)
    faults = []
    for row, name in enumerate(progress(names, len(names), "clips")):
        try:
            array[row, 0] = encode(audio.read(audio.locate(folder, name), seconds)).numpy()
        except InputError as fault:
            faults.append(str(fault))
    if faults:
        shown = "\n  ".join(faults[:SHOWN])
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError(f"{len(faults)} of {len(names)} clips can't be used:\n  {shown}{more}")
    return array
