"""Encoding many audio files, one after the other."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from fairser import audio
from fairser.errors import InputError
from fairser.jobs import progress

SHOWN = 20  # faults listed in a message


def encode_files(
    encode: Callable[[torch.Tensor], np.ndarray],
    folder: str | Path,
    files: Iterable[str],
    seconds: float,
) -> np.ndarray:
    """Encode the first ``seconds`` of audio files: float32 [N, 1, D].

    Args:
        encode: from a wave [sample] at 16 kHz to a vector [D].
        folder: the corpus' audio folder.
        files: names relative to it.
        seconds: how much of a long file is used.

    Raises:
        InputError: lists every file that can't be used, after all were tried.
    """
    names = list(files)
    vectors, faults = [], []
    for name in progress(names, len(names), "clips"):
        try:
            vectors.append(encode(audio.read(audio.locate(folder, name), seconds)))
        except InputError as fault:
            faults.append(str(fault))
    if faults:
        shown = "\n  ".join(faults[:SHOWN])
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError(f"{len(faults)} of {len(names)} clips can't be used:\n  {shown}{more}")
    return np.stack(vectors).astype(np.float32)[:, None, :]
