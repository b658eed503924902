"""Recordings of eSpeak NG's speech for the demo corpora."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

from fairser.corpora import espeak
from fairser.corpora.espeak import Utterance

RATE = 16000  # samples a second
NOISE = -57  # dB relative to full scale, of the room


@dataclass(frozen=True)
class Prosody:
    """How an emotion at full intensity differs from neutral speech of the same speaker."""

    tempo: float  # factor of the rate
    pitch: float  # added to eSpeak's pitch, which runs from 0 to 99
    pitch_range: float  # likewise
    level: float  # dB
    tilt: float  # above 0 is bright and tense, below 0 dull (see `record`)


@dataclass(frozen=True)
class Recording:
    """An audio file to make of an utterance."""

    file: str  # relative to the audio folder
    utterance: Utterance
    level: float  # dB relative to full scale
    tilt: float  # see `record`


def write_recordings(folder: Path, recordings: Sequence[Recording], *seed: int) -> None:
    """Speak recordings and write them as wav files; the noise of each has a seed of its own."""
    spoken = espeak.speak([one.utterance for one in recordings])
    for number, (one, samples) in enumerate(zip(recordings, spoken, strict=True)):
        rng = np.random.default_rng([*seed, number])
        path = folder / one.file
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, record(samples, one.level, one.tilt, rng), RATE, "PCM_16")


def record(samples: np.ndarray, level: float, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """A recording of speech at 16 kHz, in a quiet room, with 0.1 s before and after it.

    Args:
        samples: int16 [samples] at eSpeak's rate.
        level: root mean square in dB relative to full scale.
        tilt: c of the filter x[n] - c x[n-1], about -1 to 1; above 0 it raises the treble.
        rng: draws the noise of the room, ``NOISE`` dB relative to full scale.

    Returns:
        float64 [samples], within -1 and 1.
    """
    speech = resample_poly(samples / 32768, 320, 441)  # 16000 / 22050
    speech = np.append(speech[0], speech[1:] - tilt * speech[:-1])
    gain = 10 ** (level / 20) / np.sqrt(np.mean(speech**2))
    speech *= min(gain, 0.95 / np.abs(speech).max())  # rather softer than clipped
    speech = np.pad(speech, RATE // 10)
    return speech + rng.normal(0, 10 ** (NOISE / 20), len(speech))
