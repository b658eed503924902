"""Speech from eSpeak NG, repeatable to the sample.

The engine comes with the package ``espeakng-loader``, which is loaded for the demo corpus only.
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
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fairser.core.errors import InputError

RATE = 22050  # samples a second, the only rate of the engine
SEED = 1

# From espeak-ng/speak_lib.h: where the sound goes, kinds of position, text, parameter and option.
_OUTPUT_SYNCHRONOUS, _POSITION_CHARACTER, _CHARS_UTF8 = 2, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_DONT_EXIT = 0x8000

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Utterance:
    """One sentence and how eSpeak says it."""

    text: str
    voice: str  # such as "en-us+f3"
    rate: float  # words a minute, 80 to 450
    pitch: float  # clipped to 0 to 99; at 50 the voice speaks at its own pitch
    pitch_range: float  # clipped to 0 (monotone) to 99; 50 is the voice's own


def speak(utterances: Sequence[Utterance]) -> list[np.ndarray]:
    """The sound of each utterance: int16 arrays [samples], mono, at ``RATE``.

    Raises:
        InputError: the package ``espeakng-loader`` is not installed.
    """
    if find_spec("espeakng_loader") is None:
        raise InputError(
            "The demo corpus is spoken by eSpeak NG, but the package espeakng-loader is missing: "
            "install it with `pip install espeakng-loader`."
        )
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    spoken = subprocess.run(
        [sys.executable, "-m", "fairser.corpora.espeak"],
        input=json.dumps([asdict(utterance) for utterance in utterances]).encode(),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        check=True,
    ).stdout
    lengths, _, samples = spoken.partition(b"\n")
    ends = np.cumsum(json.loads(lengths))
    return np.split(np.frombuffer(samples, np.int16), ends[:-1])


def _say(utterances: Iterable[Utterance]) -> Iterator[np.ndarray]:
    """The sound of each utterance, made in this process, which may do this once."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(espeakng_loader.get_data_path()).encode()
    rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
    if rate != RATE:
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
    for utterance in utterances:
        pieces.clear()
        call("SetVoiceByName", utterance.voice.encode())
        call("SetParameter", _RATE, round(utterance.rate), 0)
        call("SetParameter", _PITCH, int(np.clip(utterance.pitch, 0, 99)), 0)
        call("SetParameter", _RANGE, int(np.clip(utterance.pitch_range, 0, 99)), 0)
        text = utterance.text.encode()
        flags = (0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        call("Synth", text, ctypes.c_size_t(len(text) + 1), *flags)
        yield np.concatenate(pieces)


def main() -> None:
    """Speak the utterances on standard input (JSON).

    Standard output gets a line with the number of samples of each (JSON), then all samples.
    """
    sounds = list(_say(Utterance(**one) for one in json.load(sys.stdin)))
    sys.stdout.buffer.write(json.dumps([len(sound) for sound in sounds]).encode() + b"\n")
    for sound in sounds:
        sys.stdout.buffer.write(sound.tobytes())


if __name__ == "__main__":
    main()
