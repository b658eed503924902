"""One batch of clips: read, change, ask, check. It runs in the process of the model."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from fairser.audio import waveforms
from fairser.audio.soundfiles import locate
from fairser.core.errors import InputError
from fairser.core.files import sha256_text
from fairser.inference.predicting import audio_files
from fairser.model_tests.adapters import Answer, Ask, ByClip, one_hot, open_model
from fairser.model_tests.base import CLEAN
from fairser.model_tests.conditions.catalogue import entry
from fairser.model_tests.conditions.perturbing import perturb
from fairser.model_tests.conditions.sounds import Sound, Waveform
from fairser.model_tests.models import PREDICTIONS, ModelSpec
from fairser.model_tests.reading import DIMENSION_NAMES

POOL = 64  # clips that babble is made of
SECONDS = 10  # of each
NOISE_SECONDS = 30  # of a file of noise
ROUNDING = 1e-6  # by which float32 may leave the range from 0 to 1

Failures = dict[str, str]
Rows = dict[str, list[float]]


@dataclass(frozen=True)
class Audio:
    """The audio of a corpus, and the folders of the user's own noise and room responses.

    ``clips`` has name, file and speaker (None where nobody knows) of all clips.
    """

    folder: str
    clips: list[tuple[str, str, str | None]]
    folders: dict[str, str | None] = field(default_factory=dict)


class Answerer:
    """A model with the audio that it is asked about.

    Raises:
        InputError: the model can't be loaded.
    """

    def __init__(self, spec: ModelSpec, audio: Audio) -> None:
        self.spec, self.audio = spec, audio
        self.ask = open_model(spec)
        self.clips = {clip: (file, speaker) for clip, file, speaker in audio.clips}
        self.pool = babble_pool(audio.clips)
        self.own = {
            name: sorted(audio_files([folder])) for name, folder in audio.folders.items() if folder
        }
        self.voice = lru_cache(maxsize=POOL)(self._voice)
        self.file = lru_cache(maxsize=16)(self._file)

    def answer(self, condition: str, clips: Sequence[str]) -> tuple[Rows, Failures]:
        """Values of the classes of the clips that could be predicted, and why others could not."""
        heard: dict[str, Waveform] = {}
        failures: Failures = {}
        for clip in clips:
            try:
                needed = self.spec.kind != PREDICTIONS
                heard[clip] = self.changed(condition, clip) if needed else np.empty(0, np.float32)
            except InputError as error:
                failures[clip] = str(error)
        rows, others = ask_each(self.ask, self.spec.classes, condition, heard)
        return rows, failures | others

    def changed(self, condition: str, clip: str) -> Waveform:
        """The waveform of a clip under a condition.

        Raises:
            InputError: the clip can't be read, or the condition means nothing for it.
        """
        file, speaker = self.clips[clip]
        waveform: Waveform = waveforms.read(locate(self.audio.folder, file)).numpy()
        if condition == CLEAN:
            return waveform
        sound = Sound(
            waveform,
            waveforms.SAMPLE_RATE,
            voices=lambda random, count: self.voices(random, count, clip, speaker),
            noise=(lambda random: self._drawn("noise", random)) if "noise" in self.own else None,
            room=(lambda random: self._drawn("rooms", random)) if "rooms" in self.own else None,
        )
        return perturb(entry(condition), clip, sound)

    def voices(
        self, random: np.random.Generator, count: int, clip: str, speaker: str | None
    ) -> list[Waveform]:
        """Clips of other speakers; where a speaker is unknown, of other clips.

        Raises:
            InputError: there is none.
        """
        others = [
            number
            for number in self.pool
            if self.audio.clips[number][0] != clip
            and (speaker is None or self.audio.clips[number][2] != speaker)
        ]
        found: list[Waveform] = []
        for number in random.permutation(others).tolist():
            voice = self.voice(number)
            if voice is not None:
                found.append(voice)
            if len(found) == count:
                return found
        if not found:
            raise InputError("Babble needs clips of other speakers, and the corpus has none.")
        return found

    def _voice(self, number: int) -> Waveform | None:
        try:
            path = locate(self.audio.folder, self.audio.clips[number][1])
            voice: Waveform = waveforms.read(path, SECONDS).numpy()
        except InputError:  # the clip itself says why
            return None
        return voice if voice.any() else None

    def _drawn(self, kind: str, random: np.random.Generator) -> Waveform:
        files = self.own[kind]
        return self.file(files[int(random.integers(len(files)))])

    def _file(self, path: str) -> Waveform:
        found: Waveform = waveforms.read(path, NOISE_SECONDS).numpy()
        return found


def babble_pool(clips: Sequence[tuple[str, str, str | None]]) -> list[int]:
    """Numbers of the clips that babble is made of, whatever their order: few of each speaker."""
    order = sorted(range(len(clips)), key=lambda number: sha256_text(clips[number][0]))
    of_speaker: dict[str | None, int] = {}
    ranks = []
    for place, number in enumerate(order):
        speaker = clips[number][2]
        of_speaker[speaker] = of_speaker.get(speaker, 0) + 1
        ranks.append((of_speaker[speaker] if speaker is not None else 1, place, number))
    return [number for *_, number in sorted(ranks)[:POOL]]


def ask_each(
    ask: Ask, classes: Sequence[str], condition: str, heard: dict[str, Waveform]
) -> tuple[Rows, Failures]:
    """Ask for all clips together and, if that fails, for each one alone."""
    clips = list(heard)
    if not clips:
        return {}, {}
    try:
        return checked(ask(condition, clips, list(heard.values())), clips, classes)
    except Exception as error:
        if len(clips) == 1:
            return {}, {clips[0]: _reason(error)}
    rows: Rows = {}
    failures: Failures = {}
    for clip, wave in heard.items():
        found, failed = ask_each(ask, classes, condition, {clip: wave})
        rows |= found
        failures |= failed
    return rows, failures


def checked(answer: Answer, clips: Sequence[str], classes: Sequence[str]) -> tuple[Rows, Failures]:
    """The rows of an answer, and what is wrong with those of other clips.

    Raises:
        InputError: it has not a row for each clip and a column for each class.
    """
    by_clip: dict[str, Any]
    if isinstance(answer, ByClip):
        by_clip = answer
    else:
        array = np.asarray(answer)
        if array.dtype.kind in "UO" and array.shape == (len(clips),):
            by_clip = {
                clip: one_hot(str(label), classes) for clip, label in zip(clips, array, strict=True)
            }
        elif array.shape != (len(clips), len(classes)) or array.dtype.kind not in "fiub":
            raise InputError(
                f"the model gives an array of shape {array.shape} and type {array.dtype} for "
                f"{len(clips)} clip(s); expected ({len(clips)}, {len(classes)}), a number for each "
                f"of {', '.join(classes)}"
            )
        else:
            by_clip = dict(zip(clips, array.astype(np.float64).tolist(), strict=True))
    rows: Rows = {}
    failures: Failures = {}
    for clip in clips:
        values = by_clip.get(clip, "the model gives no row for it")
        if isinstance(values, str):
            failures[clip] = values
        elif fault := _fault(values, classes):
            failures[clip] = fault
        else:
            rows[clip] = values
    return rows, failures


def _fault(values: Sequence[float], classes: Sequence[str]) -> str | None:
    """What is wrong with the values of a clip."""
    if len(values) != len(classes):
        return f"the model gives {len(values)} values for {len(classes)} classes"
    shares = not set(classes) <= set(DIMENSION_NAMES)
    for name, value in zip(classes, values, strict=True):
        if not np.isfinite(value):
            return f"the model gives {value} for '{name}'"
        if shares and not -ROUNDING <= value <= 1 + ROUNDING:
            return (
                f"the model gives {value:.6g} for '{name}', but must give a probability from 0 to "
                "1: apply softmax to logits, or sigmoid with several labels per clip"
            )
    return None


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
