"""Changes that nobody should hear as another emotion."""

import numpy as np
from scipy import signal

from fairser.model_tests.conditions.sounds import (
    Sound,
    Waveform,
    mix,
    with_white_noise,
    within_scale,
)


def added_tone(sound: Sound, random: np.random.Generator, hz: float, snr_db: float) -> Waveform:
    """A sine of ``hz`` over the whole clip, of random phase."""
    time = np.arange(len(sound.waveform)) / sound.rate
    tone = np.sin(2 * np.pi * (hz * time + random.random()))
    return mix(sound, tone, snr_db)


def added_zeros(sound: Sound, random: np.random.Generator, ms: float, side: str) -> Waveform:
    """Zeros of ``ms`` at the ``start`` or the ``end``; the clip becomes longer."""
    zeros = np.zeros(sound.samples(ms), np.float32)
    parts = (zeros, sound.waveform) if side == "start" else (sound.waveform, zeros)
    return np.concatenate(parts)


def clipping(sound: Sound, random: np.random.Generator, share: float) -> Waveform:
    """The loudest samples, a ``share`` of all, cut to the level of the loudest other.

    A recording that is clipped already, in more samples, stays as it is.
    """
    size = np.abs(sound.waveform)
    kept = len(size) - round(share * len(size))
    level = np.partition(size, kept - 1)[kept - 1]
    return np.clip(sound.waveform, -level, level)


def cropping(sound: Sound, random: np.random.Generator, ms: float, side: str) -> Waveform:
    """The clip without its first or last ``ms``, of which at least half remains."""
    cut = min(sound.samples(ms), len(sound.waveform) // 2)
    return sound.waveform[cut:] if side == "start" else sound.waveform[: len(sound.waveform) - cut]


def gain(sound: Sound, random: np.random.Generator, db: float) -> Waveform:
    """The clip louder or softer by ``db``; softer where louder would go beyond full scale."""
    most = float(np.abs(sound.waveform).max(initial=0.0))
    factor = 10 ** (db / 20)
    return sound.waveform * np.float32(1 / factor if db > 0 and most * factor > 1 else factor)


def highpass(sound: Sound, random: np.random.Generator, hz: float) -> Waveform:
    """A Butterworth filter of first order, -3 dB at ``hz``; 0 leaves the clip as it is."""
    return _filtered(sound, hz, "highpass") if hz > 0 else sound.waveform


def lowpass(sound: Sound, random: np.random.Generator, hz: float) -> Waveform:
    """A Butterworth filter of first order, -3 dB at ``hz``; half the rate leaves the clip."""
    return _filtered(sound, hz, "lowpass") if hz < sound.rate / 2 else sound.waveform


def faint_white_noise(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """Gaussian white noise."""
    return with_white_noise(sound, random, snr_db)


def _filtered(sound: Sound, hz: float, kind: str) -> Waveform:
    b, a = signal.butter(1, hz, kind, fs=sound.rate)
    heard = signal.lfilter(b, a, sound.waveform.astype(np.float64))
    return within_scale(heard, sound.waveform)
