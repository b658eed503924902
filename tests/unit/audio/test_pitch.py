"""Median pitch of sounds whose pitch is known, and the probabilities that follow."""

import numpy as np
import pytest

from fairser.audio.pitch import gender_probabilities, median_pitch
from fairser.audio.waveforms import SAMPLE_RATE
from unit.corpora.builders import sine

PITCHES = [100, 165, 220]


def pulses(hertz: float, seconds: float = 1.0) -> np.ndarray:
    """A train of glottal pulses: all harmonics up to 4 kHz, at the same height."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    waveform = sum(np.cos(2 * np.pi * hertz * n * time) for n in range(1, int(4000 // hertz)))
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)


@pytest.mark.parametrize("hertz", PITCHES)
def test_pitch_of_sines_and_pulses(hertz: float) -> None:
    for waveform in sine(SAMPLE_RATE, 1, hertz), pulses(hertz):
        assert median_pitch(waveform) == pytest.approx(hertz, rel=0.01)
        assert median_pitch(0.1 * waveform) == pytest.approx(hertz, rel=0.01)


def test_the_median_is_over_voiced_frames_alone() -> None:
    waveform = np.concatenate([pulses(100), np.zeros(3 * SAMPLE_RATE, np.float32), pulses(220, 2)])
    assert median_pitch(waveform) == pytest.approx(220, rel=0.01)


@pytest.mark.parametrize(
    "waveform",
    [
        np.zeros(SAMPLE_RATE, np.float32),
        sine(SAMPLE_RATE, 1, 3000)[:400],
        sine(SAMPLE_RATE, 0.049, 200),
        sine(SAMPLE_RATE, 1, 30),
    ],
    ids=["silence", "shortest clip", "below the tracker's window", "below the range"],
)
def test_no_pitch(waveform: np.ndarray) -> None:
    assert np.isnan(median_pitch(waveform))


def test_a_clip_just_long_enough_has_a_pitch() -> None:
    assert median_pitch(pulses(220, 0.06)) == pytest.approx(220, rel=0.02)


def test_probabilities() -> None:
    found = gender_probabilities(np.array([60, 130, 165, 210, 500, np.nan]))
    assert found.shape == (6, 2)
    female = found[:, 0].tolist()
    assert female[:5] == sorted(set(female[:5]))
    assert female[2] == female[5] == 0.5
    # 8 log2(130 / 165) = -2.752, 8 log2(210 / 165) = 2.783: odds of e^-2.752 and e^2.783.
    assert female[1] == pytest.approx(0.06, abs=0.001)
    assert female[3] == pytest.approx(0.9417, abs=0.001)
    assert found.sum(axis=1).tolist() == [1] * 6
    assert 0 < female[0] < 0.001 and 0.999 < female[4] < 1
