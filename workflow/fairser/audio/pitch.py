"""Median pitch, and weak gender probabilities from it: a logistic curve of the pitch in octaves.

They replace the age-gender model where none can be downloaded. About one clip in four of acted
emotion is assigned to the other gender.
"""

import numpy as np

from fairser.audio.waveforms import SAMPLE_RATE

FLOOR, CEILING = 60.0, 500.0  # Hz; range of the tracker
MIDDLE = 165.0  # Hz; between the usual ranges of men (85-155) and women (165-255)
STEEPNESS = 8.0  # per octave; at 130 Hz and 210 Hz the odds are about 15 to 1


def median_pitch(waveform: np.ndarray) -> float:
    """Median F0 in Hz of a waveform [sample] at 16 kHz, NaN if nothing is voiced.

    The autocorrelation method of Praat (Boersma 1993), every 10 ms.
    """
    voiced = _voiced(waveform, FLOOR)
    return float(np.median(voiced)) if voiced.size else float("nan")


def mean_pitch(waveform: np.ndarray, lowest: float, highest: float) -> float:
    """Mean F0 in Hz of the frames within a range, NaN if none is; tracked as the median is."""
    voiced = _voiced(waveform, min(lowest, FLOOR))
    inside = voiced[(voiced >= lowest) & (voiced <= highest)]
    return float(inside.mean()) if inside.size else float("nan")


def _voiced(waveform: np.ndarray, floor: float) -> np.ndarray:
    """F0 in Hz of the voiced frames."""
    import parselmouth

    sound = parselmouth.Sound(waveform.astype(np.float64), SAMPLE_RATE)
    if sound.duration < 3 / floor:  # the tracker's window
        return np.empty(0)
    track = sound.to_pitch_ac(time_step=0.01, pitch_floor=floor, pitch_ceiling=CEILING)
    frequencies = track.selected_array["frequency"]
    return np.asarray(frequencies[frequencies > 0])


def gender_probabilities(pitch: np.ndarray) -> np.ndarray:
    """p_female and p_male [N, 2] from median pitches [N] in Hz; even odds where it is NaN."""
    octaves = np.log2(np.asarray(pitch, dtype=np.float64) / MIDDLE)
    female = 1 / (1 + np.exp(-STEEPNESS * np.nan_to_num(octaves)))
    return np.stack([female, 1 - female], axis=1)
