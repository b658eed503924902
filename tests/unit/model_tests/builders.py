"""Corpora and models whose truth is known: what a model gets right, for whom and when."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from fairser.model_tests.base import CLEAN, DIMENSIONS, MULTI, SINGLE, Answers, Condition, Corpus
from fairser.model_tests.material import JudgeOptions
from fairser.model_tests.outcomes import TestResult

CLASSES = ("anger", "joy", "neutral", "sadness")
TONE = Condition("added_tone", "small changes", "tone of 6 kHz at 40 dB SNR")
NOISE = Condition("white_noise", "background noise", "white noise at 20 dB SNR")
PHONE = Condition("phone_gsm", "recording", "GSM at 8 kHz")
ROOM = Condition("room", "recording", "a room of 0.5 s")
CONDITIONS = (TONE, NOISE, PHONE, ROOM)
QUICK = JudgeOptions(resamples=200, repetitions=300)


def corpus(
    speakers: int = 24, clips: int = 40, task: str = SINGLE, labelled: bool = True, seed: int = 0
) -> Corpus:
    """Speakers of two genders and, independent of them, two ages; labels drawn uniformly.

    Every second speaker is a woman, every second pair old. Several labels: each with probability
    0.4. Dimensions are arousal and valence, Gaussian around 0.5.
    """
    random = np.random.default_rng(seed)
    person = np.repeat(np.arange(speakers), clips)
    n = len(person)
    outputs = ("arousal", "valence") if task == DIMENSIONS else CLASSES
    if task == SINGLE:
        values = np.eye(len(outputs))[random.integers(len(outputs), size=n)]
    elif task == MULTI:
        chosen = random.random((n, len(outputs))) < 0.4
        chosen[~chosen.any(axis=1), 0] = True
        values = chosen / chosen.sum(axis=1, keepdims=True)
    else:
        values = np.clip(random.normal(0.5, 1 / 6, (n, 2)), 0, 1)
    frame = {
        "clip": [f"c{number:05d}" for number in range(n)],
        "file": [f"c{number:05d}.wav" for number in range(n)],
        "speaker": [f"s{number:03d}" for number in person],
        "gender": np.where(person % 2 == 0, "female", "male").tolist(),
        "age": np.where(person // 2 % 2 == 0, "young", "old").tolist(),
    }
    found = {
        name: pl.Series(values[:, c] if labelled else [None] * n, dtype=pl.Float64)
        for c, name in enumerate(outputs)
    }
    return Corpus(pl.DataFrame(frame | found), outputs, ("gender", "age"), task)


def women(given: Corpus) -> np.ndarray:
    """Which clips [N] are of women."""
    return (given.clips["gender"] == "female").to_numpy()


def right(given: Corpus, share: float | np.ndarray = 0.8, seed: int = 1) -> np.ndarray:
    """Class that a model gives each clip [N]: its own with a probability, else any other one."""
    random = np.random.default_rng(seed)
    truth = given.clips.select(given.outputs).to_numpy().argmax(axis=1)
    other = (truth + random.integers(1, len(given.outputs), len(truth))) % len(given.outputs)
    return np.where(random.random(len(truth)) < share, truth, other)


def answered(
    given: Corpus, values: np.ndarray, changed: dict[str, np.ndarray] | None = None
) -> Answers:
    """Answers of a model to all of :data:`CONDITIONS`.

    Args:
        given: the corpus.
        values: without a change: class numbers [N], or values [N, C].
        changed: likewise by condition, where they differ.
    """
    by_condition = {CLEAN: values, **{c.name: values for c in CONDITIONS}, **(changed or {})}
    tables = {name: _table(given, found) for name, found in by_condition.items()}
    return Answers("made up", CONDITIONS, tables)


def _table(given: Corpus, values: np.ndarray) -> pl.DataFrame:
    if values.ndim == 1:
        values = np.eye(len(given.outputs))[values]
    columns = {name: values[:, c].astype(np.float64) for c, name in enumerate(given.outputs)}
    return pl.DataFrame({"clip": given.clips["clip"], **columns})


def by_id(results: Sequence[TestResult]) -> dict[str, TestResult]:
    found = {result.id: result for result in results}
    assert len(found) == len(results), "two tests with one name"
    return found


def failed(results: Sequence[TestResult], **fields: str | None) -> list[str]:
    """Names of the failed tests with these fields."""
    return [r.id for r in results if r.verdict == "failed" and _has(r, fields)]


def select(results: Sequence[TestResult], **fields: str | None) -> list[TestResult]:
    return [result for result in results if _has(result, fields)]


def _has(result: TestResult, fields: dict[str, str | None]) -> bool:
    return all(getattr(result, name) == value for name, value in fields.items())


Model = Callable[[Corpus], Answers]
