"""Groups of speakers by their pitch, from sounds whose pitch is known."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from fairser.audio.pitch import mean_pitch
from fairser.model_tests.pitch import pitch_groups

RATE = 16_000


def tone(hertz: float, seconds: float = 0.3) -> np.ndarray:
    """Harmonics of a pitch."""
    time = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hertz * n * time) / n for n in range(1, 6)).astype(np.float32) / 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for hertz in (100, 140, 150, 180, 200, 250, 420):
        soundfile.write(tmp_path / f"{hertz}.wav", tone(hertz), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE // 3), RATE)
    return tmp_path


def test_a_speaker_has_the_group_of_their_mean(folder: Path) -> None:
    clips = {
        "low": ["100.wav"] * 13 + ["180.wav"] * 13,  # 140 Hz on average
        "medium": ["180.wav"] * 26,
        "high": ["150.wav"] * 13 + ["250.wav"] * 13,
        "silent": ["silent.wav"] * 26,
        "few": ["100.wav"] * 25,
        "half": ["silent.wav"] * 20 + ["250.wav"] * 6,
        None: ["100.wav"] * 30,
    }
    files = [folder / name for names in clips.values() for name in names]
    speakers = [speaker for speaker, names in clips.items() for _ in names]
    found = dict(zip(speakers, pitch_groups(files, speakers), strict=True))
    expected = {"low": "low", "medium": "medium", "high": "high", "silent": None, "few": None}
    assert found == expected | {"half": "high", None: None}


def test_frames_outside_the_range_do_not_count() -> None:
    both = np.concatenate([tone(420, 1), tone(200, 0.5)])
    assert mean_pitch(both, 50, 350) == pytest.approx(200, rel=0.03)
    assert np.isnan(mean_pitch(tone(420, 1), 50, 350))
    assert mean_pitch(tone(55, 1), 50, 350) == pytest.approx(55, rel=0.02)
    assert np.isnan(mean_pitch(np.zeros(100, np.float32), 50, 350))
