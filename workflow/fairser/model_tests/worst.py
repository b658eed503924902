"""The clips on which a model is most wrong, and those whose prediction changes most easily."""

from dataclasses import dataclass

import numpy as np

from fairser.core.text import number
from fairser.core.words import joined
from fairser.evaluation.metrics import Floats
from fairser.model_tests.base import CLEAN, DIMENSIONS, Answers, Corpus
from fairser.model_tests.material import JudgeOptions, Material
from fairser.model_tests.problems import problems
from fairser.model_tests.sums import SAME


@dataclass(frozen=True)
class WorstClip:
    """A clip and what the model said of it.

    Attributes:
        clip: its name.
        file: its file, relative to the audio folder.
        text: truth, prediction and how often a change of the audio changes it.
        error: sum over the outputs of the absolute difference from the truth; NaN without it.
    """

    clip: str
    file: str
    text: str
    error: float


def worst_clips(corpus: Corpus, answers: Answers, most: int) -> list[WorstClip]:
    """The clips with the largest error, then with the most changes; up to so many.

    Clips without an answer are left out: what went wrong is in the failures.
    """
    material = Material(corpus, answers, JudgeOptions(attributes=(), resamples=0, repetitions=0))
    values = material.values(CLEAN)
    error = np.abs(values - material.truth).sum(axis=1)
    changes = _changes(material)
    asked = sum(name in answers.tables for name in (c.name for c in answers.conditions))
    order = np.lexsort((-changes, -np.nan_to_num(error, nan=-1.0)))
    found: list[WorstClip] = []
    for n in order:
        row = corpus.clips.row(int(n), named=True)
        if np.isnan(values[n]).any() or len(found) == most:
            continue
        said = [f"predicted: {_said(corpus, values[n])}"]
        if not np.isnan(error[n]):
            said.insert(0, f"true: {_said(corpus, material.truth[n])}")
        said += [f"changed by {int(changes[n])} of {asked} conditions"] if asked else []
        text = "; ".join(said)
        found.append(WorstClip(row["clip"], row["file"], text, float(error[n])))
    return found


def _changes(material: Material) -> Floats:
    """How many conditions change the prediction of each clip [N]."""
    changes = np.zeros(material.clips.height)
    before = material.values(CLEAN)
    plain = problems(material, CLEAN)
    for condition in material.answers.conditions:
        if condition.name not in material.answers.tables:
            continue
        if material.corpus.task == DIMENSIONS:
            same = np.abs(before - material.values(condition.name)) < SAME
            changes += ~same.all(axis=1)
        else:
            other = problems(material, condition.name)
            changes += (plain[0].predicted != other[0].predicted).any(axis=1)
    return changes


def _said(corpus: Corpus, values: Floats) -> str:
    """Values of a clip in words, classes with the largest first."""
    order = range(len(values)) if corpus.task == DIMENSIONS else np.argsort(-values, kind="stable")
    pairs = [(corpus.outputs[c], float(values[c])) for c in order]
    kept = pairs if corpus.task == DIMENSIONS else [p for p in pairs if p[1] > 0][:2]
    return joined([f"{name} {number(value, 2)}" for name, value in kept]) or "no class"
