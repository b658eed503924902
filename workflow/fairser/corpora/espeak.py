"""Speech from eSpeak NG, repeatable to the sample.

The engine comes with the package ``espeakng-loader``, which is loaded for the demo corpus only.
eSpeak NG is licensed under GPL-3; nothing of it, neither code nor voices, is in this repository.

eSpeak draws random numbers (breath, roughness) and carries echo and phase over from one sentence
to the next. What it says is therefore the same only for the same sentences in the same order,
spoken by a fresh process that was seeded: :func:`speak` starts one. A plain subprocess, since
``multiprocessing`` would run the calling script a second time in the child.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
_PARAMETERS = {"rate": 1, "pitch": 3, "pitch_range": 4}
_DONT_EXIT = 0x8000

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Utterance:
    """One sentence and how eSpeak says it."""

    text: str
    voice: str  # such as "en-us+f3"
    rate: int  # words a minute, 80 to 450
    pitch: int  # 0 to 99; at 50 the voice speaks at its own pitch
    pitch_range: int  # 0 (monotone) to 99; 50 is the voice's own


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
    return list(_unpack(spoken))


def _unpack(stream: bytes) -> Iterator[np.ndarray]:
    """The arrays of a stream of: number of samples (int32), samples (int16), and so on."""
    start = 0
    while start < len(stream):
        count = int(np.frombuffer(stream, np.int32, 1, start)[0])
        yield np.frombuffer(stream, np.int16, count, start + 4)
        start += 4 + 2 * count


class _Engine:
    """eSpeak NG in this process; it can be started once."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        rate = self._library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if rate != RATE:
            raise RuntimeError(f"eSpeak NG did not start from {data!r}: it answered {rate}.")
        # After the start, not before: espeak_Initialize seeds with the time of day.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        self._pieces: list[np.ndarray] = []
        self._callback = _Callback(self._receive)  # kept, or it would be collected while in use
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # go on

    def say(self, utterance: Utterance) -> np.ndarray:
        """Sound of the utterance: int16 [samples]."""
        self._pieces.clear()
        self._call("SetVoiceByName", utterance.voice.encode())
        for name, number in _PARAMETERS.items():
            self._call("SetParameter", number, getattr(utterance, name), 0)
        text = utterance.text.encode()
        size = ctypes.c_size_t(len(text) + 1)
        flags = (0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
        self._call("Synth", text, size, *flags)
        return np.concatenate(self._pieces)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, f"espeak_{name}")(*arguments)
        if status != 0:
            raise RuntimeError(f"espeak_{name}{arguments} failed with status {status}.")


def main() -> None:
    """Speak the utterances on standard input (JSON) to standard output (see `_unpack`)."""
    engine = _Engine()
    for utterance in json.load(sys.stdin):
        samples = engine.say(Utterance(**utterance))
        sys.stdout.buffer.write(np.int32(len(samples)).tobytes() + samples.tobytes())


if __name__ == "__main__":
    main()
