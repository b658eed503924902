"""Median pitch, and the weak gender probabilities that follow from it.

The embedded stand-in for the age-gender model: a logistic curve of the median F0 on a log scale.
Raised voices of men and low ones of women are taken for the other gender; on acted emotion about
one clip in four is.
"""

import numpy as np

from fairser.audio.waveforms import SAMPLE_RATE

FLOOR, CEILING = 60.0, 500.0  # Hz; range of the tracker
MIDDLE = 165.0  # Hz; between the usual ranges of men (85-155) and women (165-255)
STEEPNESS = 8.0  # per octave; at 130 Hz and 210 Hz the odds are about 15 to 1


def median_pitch(wave: np.ndarray) -> float:
    """Median F0 of the voiced frames in Hz, NaN where nothing is voiced.

    The autocorrelation method of Praat (Boersma 1993), every 10 ms.

    Args:
        wave: samples [sample] at 16 kHz.
    """
    import parselmouth

    sound = parselmouth.Sound(wave.astype(np.float64), SAMPLE_RATE)
    if sound.duration < 3 / FLOOR:  # the tracker's window
        return float("nan")
    track = sound.to_pitch_ac(time_step=0.01, pitch_floor=FLOOR, pitch_ceiling=CEILING)
    frequencies = track.selected_array["frequency"]
    voiced = frequencies[frequencies > 0]
    return float(np.median(voiced)) if voiced.size else float("nan")


def gender_probabilities(pitch: np.ndarray) -> np.ndarray:
    """p_female and p_male [N, 2] from median pitches [N] in Hz; even odds where it is NaN."""
    octaves = np.log2(np.asarray(pitch, dtype=np.float64) / MIDDLE)
    female = 1 / (1 + np.exp(-STEEPNESS * np.nan_to_num(octaves)))
    return np.stack([female, 1 - female], axis=1)
