"""Noise behind the speech. Coughs, sneezes and music are synthetic stand-ins, not recordings.

Noises are made once in a process and used from a random sample on; nothing has to be downloaded.
"""

from functools import lru_cache

import numpy as np
from scipy import signal

from fairser.core.errors import InputError
from fairser.model_tests.conditions.sounds import Sound, Waveform, excerpt, mix, with_white_noise

SECONDS = 60  # of music and of pink noise
# Shares of a cough's and a sneeze's bursts in seconds, and where their noise lies in Hz.
COUGH = ((0.05, 0.06, 0.20), (400.0, 3500.0))
SNEEZE = ((0.25, 0.04, 0.15), (1500.0, 7000.0))
CHORDS = (
    (220.0, 277.2, 329.6),
    (196.0, 246.9, 293.7),
    (174.6, 220.0, 261.6),
    (164.8, 207.7, 246.9),
)
BEAT = 0.5  # seconds of a chord


def babble(sound: Sound, random: np.random.Generator, snr_db: float, voices: int) -> Waveform:
    """Clips of other speakers at equal levels, all from a random sample on."""
    if sound.voices is None:
        raise InputError("Babble needs other clips of the corpus.")
    length = len(sound.waveform)
    others = [excerpt(voice, random, length) for voice in sound.voices(random, voices)]
    levels = [float(np.sqrt(np.mean(np.square(voice)))) for voice in others]
    heard = [voice / level for voice, level in zip(others, levels, strict=True) if level]
    if not heard:
        raise InputError("The other clips are silent, so there is no babble.")
    return mix(sound, np.sum(heard, axis=0), snr_db)


def coughing(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """One burst of noise shaped as a cough; its level is that of the burst itself."""
    return _event(sound, random, snr_db, COUGH)


def sneezing(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """One burst of noise shaped as a sneeze; its level is that of the burst itself."""
    return _event(sound, random, snr_db, SNEEZE)


def music(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """Chords of decaying tones with overtones and a beat."""
    return mix(sound, excerpt(_music(sound.rate), random, len(sound.waveform)), snr_db)


def environment(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """Pink noise: a power of 1 / f, as that of streets and fans."""
    return mix(sound, excerpt(_pink(sound.rate), random, len(sound.waveform)), snr_db)


def white_noise(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """Gaussian white noise."""
    return with_white_noise(sound, random, snr_db)


def own_noise(sound: Sound, random: np.random.Generator, snr_db: float) -> Waveform:
    """A part of one of the user's files."""
    if sound.noise is None:
        raise InputError("There is no folder with noise; name one by --noise.")
    return mix(sound, excerpt(sound.noise(random), random, len(sound.waveform)), snr_db)


def _event(
    sound: Sound,
    random: np.random.Generator,
    snr_db: float,
    shape: tuple[tuple[float, float, float], tuple[float, float]],
) -> Waveform:
    """The sound with a burst of noise at a random place.

    ``shape`` has the seconds in which the burst rises, is loud and fades, and its band in Hz.
    """
    (rise, loud, fade), (low, high) = shape
    parts = [round(seconds * sound.rate) for seconds in (rise, loud, fade)]
    envelope = np.concatenate(
        [np.linspace(0, 1, parts[0]) ** 3, np.ones(parts[1]), np.exp(-np.linspace(0, 4, parts[2]))]
    )
    band = signal.butter(2, (low, min(high, 0.49 * sound.rate)), "bandpass", fs=sound.rate)
    noise = signal.lfilter(*band, random.standard_normal(len(envelope))) * envelope
    noise = noise[: len(sound.waveform)]
    start = int(random.integers(len(sound.waveform) - len(noise) + 1))
    return mix(sound, noise, snr_db, start)


@lru_cache(maxsize=2)
def _pink(rate: int) -> Waveform:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(SECONDS * rate))
    frequency = np.fft.rfftfreq(SECONDS * rate, 1 / rate)
    # Below 20 Hz nobody hears anything, but most of the power would be there.
    spectrum *= np.where(frequency < 20, 0, 1 / np.sqrt(np.maximum(frequency, 1)))
    noise = np.fft.irfft(spectrum, SECONDS * rate)
    return (noise / np.abs(noise).max()).astype(np.float32)


@lru_cache(maxsize=2)
def _music(rate: int) -> Waveform:
    random = np.random.default_rng(1)
    time = np.arange(round(BEAT * rate)) / rate
    attack = np.minimum(time / 0.01, 1)
    beats = []
    for number in range(round(SECONDS / BEAT)):
        chord = CHORDS[number // 4 % len(CHORDS)]
        notes = [*chord, 2 * float(random.choice(chord)), chord[0] / 2]
        beat = np.zeros(len(time))
        for note in notes:
            for overtone in range(1, 6):
                decay = np.exp(-time * (2 + overtone))
                beat += np.sin(2 * np.pi * note * overtone * time) * decay / overtone
        beats.append(attack * beat)
    played = np.concatenate(beats)
    return (played / np.abs(played).max()).astype(np.float32)
