"""What all conditions share: the sound that they change, levels, and the seed of each clip."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairser.core.errors import InputError

Waveform = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """A clip that a condition changes.

    Attributes:
        waveform: float32 [N].
        rate: in Hz.
        voices: ``voices(random, count)`` gives waveforms of clips of other speakers.
        noise: ``noise(random)`` gives a waveform of the user's noise.
        room: ``room(random)`` gives a room response of the user's.
    """

    waveform: Waveform
    rate: int
    voices: Callable[[np.random.Generator, int], list[Waveform]] | None = None
    noise: Callable[[np.random.Generator], Waveform] | None = None
    room: Callable[[np.random.Generator], Waveform] | None = None

    def samples(self, ms: float) -> int:
        """Samples of a time in ms."""
        return round(ms * self.rate / 1000)


def generator(clip: str, condition: str) -> np.random.Generator:
    """Random numbers of a clip and a condition, whatever was drawn for others before."""
    digest = hashlib.sha256(f"{condition}\n{clip}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def power(waveform: NDArray[np.floating]) -> float:
    """Mean square of a waveform."""
    return float(np.mean(np.square(waveform, dtype=np.float64))) if len(waveform) else 0.0


def mix(
    sound: Sound, noise: NDArray[np.floating], snr_db: float, at: int | None = None
) -> Waveform:
    """The sound with a noise at a signal-to-noise ratio.

    Powers are means over the whole clip and over the whole noise. A mix that goes beyond full scale
    is scaled down as a whole, so that nothing is clipped.

    Args:
        sound: of N samples.
        noise: of as many samples, or shorter and starting ``at`` a sample.
        snr_db: in dB; infinity adds nothing.
        at: first sample of the noise.

    Raises:
        InputError: the clip or the noise is silent, so that the ratio means nothing.
    """
    levels = power(sound.waveform), power(noise)
    if not min(levels):
        what = "The clip" if not levels[0] else "The noise"
        raise InputError(f"{what} is silent, so there is no signal-to-noise ratio.")
    factor = (levels[0] / levels[1]) ** 0.5 * 10 ** (-snr_db / 20)
    mixed = sound.waveform.astype(np.float64)
    start = at or 0
    mixed[start : start + len(noise)] += factor * noise
    return within_scale(mixed, sound.waveform)


def with_white_noise(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """The sound with Gaussian white noise at a signal-to-noise ratio in dB."""
    return mix(sound, random.standard_normal(len(sound.waveform), dtype=np.float32), snr_db)


def within_scale(changed: NDArray[np.floating], before: Waveform) -> Waveform:
    """The changed waveform, scaled down as a whole if it goes beyond full scale (or the clip)."""
    most, allowed = np.abs(changed).max(initial=0.0), max(1.0, np.abs(before).max(initial=0.0))
    scaled = changed * (allowed / most) if most > allowed else changed
    return scaled.astype(np.float32)


def same_level(changed: NDArray[np.floating], before: Waveform) -> Waveform:
    """The changed waveform at the power of the clip before, within full scale."""
    level = power(changed)
    factor = (power(before) / level) ** 0.5 if level else 1.0
    return within_scale(changed * factor, before)


def excerpt(waveform: NDArray[np.floating], random: np.random.Generator, length: int) -> Waveform:
    """A part of a waveform from a random sample on; it starts again where it is too short."""
    if not len(waveform):
        raise InputError("The noise has no samples.")
    start = int(random.integers(len(waveform)))
    return np.take(waveform, np.arange(start, start + length), mode="wrap").astype(np.float32)
