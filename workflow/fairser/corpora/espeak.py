"""Recordings for the demo corpora, spoken by eSpeak NG and repeatable to the sample.

The engine comes with the package ``espeakng-loader``, which is loaded for the demo corpora only.
eSpeak NG is licensed under GPL-3; nothing of it, neither code nor voices, is in this repository.

eSpeak draws random numbers (breath, roughness) and carries echo and phase over from one sentence
to the next. Its sound is therefore the same only for the same sentences in the same order, spoken
by a fresh process with a set seed: :func:`speak` starts one. It is a plain subprocess, since
``multiprocessing`` would run the calling script a second time in the child.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import soundfile as sf

from fairser.core.errors import InputError

ENGINE_RATE = 22050  # samples a second, the only rate of eSpeak
RATE = 16000  # samples a second, of the recordings
UP, DOWN = 320, 441  # RATE / ENGINE_RATE
NOISE = -57  # dB relative to full scale, of the room
SEED = 1
SIZE = 4  # bytes of the number of bytes of a sound

# From espeak-ng/speak_lib.h: where the sound goes, kinds of position, text, parameter and option.
_OUTPUT_SYNCHRONOUS, _POSITION_CHARACTER, _CHARS_UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_DONT_EXIT = 0x8000

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Prosody(NamedTuple):
    """How a recording sounds, or how an emotion differs from neutral speech (rate: a factor)."""

    rate: float  # words a minute, 80 to 450
    pitch: float  # clipped to 0 to 99; at 50 the voice speaks at its own pitch
    pitch_range: float  # clipped to 0 (monotone) to 99; 50 is the voice's own
    level: float  # dB relative to full scale
    tilt: float  # above 0 is bright and tense, below 0 dull (see `record`)

    def express(self, emotion: "Prosody", strength: float, noise: Iterable[float]) -> "Prosody":
        """This neutral speech with an emotion of a strength (1: full) and noise for each value."""
        tempo, *rest = noise
        rate = self.rate * emotion.rate**strength * np.exp(tempo)
        others = zip(self[1:], emotion[1:], rest, strict=True)
        return Prosody(rate, *(own + strength * more + random for own, more, random in others))


class Recording(NamedTuple):
    """An audio file to make."""

    file: str  # relative to the audio folder
    text: str
    voice: str  # such as "en-us+f3"
    prosody: Prosody


def write_recordings(folder: Path, recordings: Sequence[Recording], *seed: int) -> None:
    """Speak recordings and write them as wav files; the noise of each has a seed of its own."""
    for number, (one, samples) in enumerate(zip(recordings, speak(recordings), strict=True)):
        rng = np.random.default_rng([*seed, number])
        path = folder / one.file
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, record(samples, *one.prosody[3:], rng), RATE, "PCM_16")


def record(samples: np.ndarray, level: float, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """A recording of speech in a quiet room, with 0.1 s around it: [samples] at ``RATE``.

    Args:
        samples: int16 [samples] at ``ENGINE_RATE``.
        level: root mean square in dB relative to full scale.
        tilt: c of the filter x[n] - c x[n-1], about -1 to 1; above 0 it raises the treble.
        rng: draws the noise of the room, ``NOISE`` dB relative to full scale.
    """
    from scipy.signal import resample_poly

    speech = resample_poly(samples / 32768, UP, DOWN, window=_low_pass())
    speech = np.append(speech[0], speech[1:] - tilt * speech[:-1])
    gain = 10 ** (level / 20) / np.sqrt(np.mean(speech**2))
    speech *= min(gain, 0.95 / np.abs(speech).max())  # rather softer than clipped
    speech = np.pad(speech, RATE // 10)
    return speech + rng.normal(0, 10 ** (NOISE / 20), len(speech))


@cache
def _low_pass() -> np.ndarray:
    """The filter that ``resample_poly`` would make anew for each recording."""
    from scipy.signal import firwin

    return firwin(20 * DOWN + 1, 1 / DOWN, window=("kaiser", 5.0))


def speak(recordings: Sequence[Recording]) -> Iterator[np.ndarray]:
    """The sound of each recording's text: int16 arrays [samples], mono, at ``ENGINE_RATE``.

    They come while the engine speaks the next ones.
    """
    if find_spec("espeakng_loader") is None:
        raise InputError(
            "The demo corpus is spoken by eSpeak NG, but the package espeakng-loader is missing: "
            "install it with `pip install espeakng-loader`."
        )
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    texts = json.dumps([(one.text, one.voice, *one.prosody[:3]) for one in recordings])
    command = [sys.executable, "-m", "fairser.corpora.espeak"]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as engine:
        given, spoken = cast(BinaryIO, engine.stdin), cast(BinaryIO, engine.stdout)
        given.write(texts.encode())
        given.close()
        for _ in recordings:
            if not (size := spoken.read(SIZE)):
                break  # it failed
            yield np.frombuffer(spoken.read(int.from_bytes(size, "little")), np.int16)
    if engine.returncode:
        raise subprocess.CalledProcessError(engine.returncode, command)


def main() -> None:
    """Speak what standard input lists (JSON); write each sound and, first, its number of bytes."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
    if rate != ENGINE_RATE:
        raise RuntimeError(f"eSpeak NG did not start from {data!r}: it answered {rate}.")
    # After the start, not before: espeak_Initialize seeds with the time of day.
    library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
    pieces: list[np.ndarray] = []

    def receive(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    def call(name: str, *arguments: Any) -> None:
        status = getattr(library, f"espeak_{name}")(*arguments)
        if status != 0:
            raise RuntimeError(f"espeak_{name}{arguments} failed with status {status}.")

    callback = _Callback(receive)  # kept in a variable, or it would be freed while in use
    library.espeak_SetSynthCallback(callback)
    for text, voice, rate, pitch, pitch_range in json.load(sys.stdin):
        pieces.clear()
        call("SetVoiceByName", voice.encode())
        call("SetParameter", _RATE, round(rate), 0)
        call("SetParameter", _PITCH, int(np.clip(pitch, 0, 99)), 0)
        call("SetParameter", _RANGE, int(np.clip(pitch_range, 0, 99)), 0)
        flags = (0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        call("Synth", text.encode(), ctypes.c_size_t(len(text.encode()) + 1), *flags)
        sound = np.concatenate(pieces).tobytes()
        sys.stdout.buffer.write(len(sound).to_bytes(SIZE, "little") + sound)


if __name__ == "__main__":
    main()
