"""Other ways to record the same speech: a phone, another microphone, a room, a spectral tilt.

Filters and codecs are those of scipy and soundfile, rooms those of pyroomacoustics. The library
audiomentations has most of this, but needs librosa and numba.
"""

from functools import lru_cache
from io import BytesIO

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

from fairser.core.errors import InputError
from fairser.model_tests.conditions.sounds import Sound, Waveform, same_level, within_scale

PHONE = 8000  # Hz, rate of a phone line
BAND = (300.0, 3400.0)  # Hz
TAPS = 513  # of a linear-phase filter; its response is symmetric, so that nothing is delayed
MIDDLE = 1000.0  # Hz, which a tilt leaves as it is
# Gains in dB at frequencies in Hz, in the manner of published curves of such microphones: small
# ones lack bass, and have a resonance or a loss at the top.
MICROPHONES = {
    "laptop": ((50, -24), (120, -12), (300, -3), (1000, 0), (3000, 4), (5000, 7), (8000, -2)),
    "headset": ((50, -15), (100, -6), (250, 0), (1000, 0), (2500, 5), (4000, 3), (8000, -12)),
    "lapel": ((50, -6), (120, 0), (700, 3), (1500, 0), (3500, -4), (6000, -6), (8000, -10)),
}
# Size in m, RT60 in s, place of the speaker, and distance to the microphone in samples of 16 kHz.
ROOMS = (
    ((3.1, 2.4, 2.4), 0.2, (1.1, 0.9, 1.5), 24),
    ((4.2, 3.3, 2.5), 0.3, (1.4, 1.2, 1.6), 40),
    ((5.3, 4.1, 2.6), 0.4, (1.9, 1.3, 1.2), 56),
    ((6.4, 4.8, 2.8), 0.5, (2.2, 1.7, 1.6), 72),
    ((7.2, 5.6, 3.0), 0.6, (2.6, 2.1, 1.2), 96),
    ((9.1, 6.7, 3.4), 0.7, (3.3, 2.4, 1.6), 120),
)
DIRECTION = np.array([0.8, 0.6, 0.0])  # from the speaker to the microphone
SOUND = 343.0  # m/s


def phone_mu_law(sound: Sound, random: np.random.Generator, codec: str) -> Waveform:
    """A phone line with mu-law (ITU-T G.711): 300 to 3400 Hz, 8 kHz."""
    return _phone(sound, codec)


def phone_gsm(sound: Sound, random: np.random.Generator, codec: str) -> Waveform:
    """A mobile phone with the full-rate codec (GSM 06.10): 300 to 3400 Hz, 8 kHz."""
    return _phone(sound, codec)


def other_microphone(
    sound: Sound, random: np.random.Generator, microphone: str, scale: float
) -> Waveform:
    """The response of a microphone, its gains in dB times ``scale``, at the level of the clip."""
    frequencies, gains = np.array(MICROPHONES[microphone], float).T
    return _equalised(sound, frequencies, scale * gains)


def simulated_room(sound: Sound, random: np.random.Generator, room: int) -> Waveform:
    """The speech in a room (image method), at the level of the clip.

    The direct sound is not delayed, and the reverberation ends with the clip.
    """
    size, rt60, place, distance = ROOMS[room]
    return _reverberated(sound, room_response(sound.rate, size, rt60, place, distance))


def own_room(sound: Sound, random: np.random.Generator) -> Waveform:
    """The speech with one of the user's room responses, from its largest sample on."""
    if sound.room is None:
        raise InputError("There is no folder with room responses; name one by --rooms.")
    response = sound.room(random)
    return _reverberated(sound, response[int(np.abs(response).argmax()) :])


def tilt_up(sound: Sound, random: np.random.Generator, db_per_octave: float) -> Waveform:
    """More treble and less bass, at the level of the clip."""
    return _tilted(sound, db_per_octave)


def tilt_down(sound: Sound, random: np.random.Generator, db_per_octave: float) -> Waveform:
    """More bass and less treble, at the level of the clip."""
    return _tilted(sound, db_per_octave)


def _phone(sound: Sound, codec: str) -> Waveform:
    common = int(np.gcd(sound.rate, PHONE))
    up, down = PHONE // common, sound.rate // common
    narrow = signal.resample_poly(sound.waveform.astype(np.float64), up, down)
    band = signal.butter(4, BAND, "bandpass", fs=PHONE, output="sos")
    narrow = signal.sosfilt(band, narrow)
    # The codec would clip what is beyond full scale.
    scale = max(1.0, float(np.abs(narrow).max(initial=0.0)))
    coded = _coded(narrow / scale, codec) * scale
    heard = signal.resample_poly(coded, down, up)[: len(sound.waveform)]
    lost = len(sound.waveform) - len(heard)
    return within_scale(np.pad(heard, (0, lost)), sound.waveform)


def _coded(waveform: NDArray[np.float64], codec: str) -> NDArray[np.float64]:
    """What remains of a waveform at 8 kHz after coding; as long as it."""
    file = BytesIO()
    # The last block of a codec of blocks is only written when it is full.
    padded = np.pad(waveform, (0, 640))
    soundfile.write(file, padded, PHONE, format="WAV", subtype=codec)
    file.seek(0)
    decoded, _ = soundfile.read(file)
    return np.asarray(decoded[: len(waveform)], np.float64)


def _tilted(sound: Sound, db_per_octave: float) -> Waveform:
    frequencies = np.geomspace(31.25, sound.rate / 2, 33)
    return _equalised(sound, frequencies, db_per_octave * np.log2(frequencies / MIDDLE))


def _equalised(
    sound: Sound, frequencies: NDArray[np.float64], gains: NDArray[np.float64]
) -> Waveform:
    """The sound with gains in dB at frequencies in Hz, between which they follow the octaves."""
    grid = np.linspace(0, sound.rate / 2, 257)
    at = np.interp(np.log2(np.maximum(grid, 1)), np.log2(frequencies), gains)
    taps = signal.firwin2(TAPS, grid, 10 ** (at / 20), fs=sound.rate)
    return same_level(signal.oaconvolve(sound.waveform, taps, "same"), sound.waveform)


def _reverberated(sound: Sound, response: NDArray[np.floating]) -> Waveform:
    heard = signal.oaconvolve(sound.waveform, response)[: len(sound.waveform)]
    return same_level(heard, sound.waveform)


@lru_cache(maxsize=len(ROOMS))
def room_response(
    rate: int,
    size: tuple[float, float, float],
    rt60: float,
    place: tuple[float, float, float],
    distance: int,
) -> NDArray[np.float64]:
    """Room response from the direct sound on; an ``rt60`` of 0 leaves the direct sound alone."""
    import pyroomacoustics

    # With more threads, the order of the sums and so the last digits would depend on the machine.
    pyroomacoustics.constants.set("num_threads", 1)
    absorption, order = pyroomacoustics.inverse_sabine(rt60, size) if rt60 else (1.0, 0)
    material = pyroomacoustics.Material(absorption)
    room = pyroomacoustics.ShoeBox(size, fs=rate, materials=material, max_order=order)
    room.add_source(np.array(place))
    # A whole number of samples, so that the direct sound is one sample.
    room.add_microphone(np.array(place) + DIRECTION * distance * SOUND / 16_000)
    room.compute_rir()
    response = np.asarray(room.rir[0][0], np.float64)
    return response[int(np.abs(response).argmax()) :]
