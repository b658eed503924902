"""Groups of speakers by their pitch, for corpora without demographic labels.

As in arXiv 2312.06270: the mean F0 of a speaker is that of the means of their clips, over frames of
50 to 350 Hz; speakers have more than 25 clips.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

ATTRIBUTE = "pitch"  # the name of its column, by which the published thresholds are found
FRAMES = (50.0, 350.0)  # Hz
LIMITS = {"low": 145.0, "medium": 190.0, "high": float("inf")}  # Hz; up to and including
MORE_THAN = 25  # clips of a speaker


def pitch_groups(files: Sequence[str | Path], speakers: Sequence[str | None]) -> list[str | None]:
    """``low``, ``medium`` or ``high`` for each clip, by the mean F0 of its speaker.

    None where no speaker is known, or one has too few clips or none that is voiced.

    Args:
        files: audio files [N].
        speakers: of each file [N].

    Raises:
        InputError: a file that can't be read.
    """
    counts = pl.Series("speaker", speakers, pl.String).drop_nulls().value_counts()
    enough = set(counts.filter(pl.col("count") > MORE_THAN)["speaker"])
    means: dict[str, list[float]] = {}
    for file, speaker in zip(files, speakers, strict=True):
        if speaker is not None and speaker in enough:
            means.setdefault(speaker, []).append(_mean(file))
    groups = {speaker: _group(np.array(values)) for speaker, values in means.items()}
    return [None if speaker is None else groups.get(speaker) for speaker in speakers]


def _mean(file: str | Path) -> float:
    from fairser.audio.pitch import mean_pitch
    from fairser.audio.waveforms import read

    return mean_pitch(read(file).numpy(), *FRAMES)


def _group(values: np.ndarray) -> str | None:
    voiced = values[~np.isnan(values)]
    if not voiced.size:
        return None
    return next(name for name, limit in LIMITS.items() if voiced.mean() <= limit)
