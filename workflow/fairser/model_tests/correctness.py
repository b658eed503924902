"""Does the model work? Tests on the audio as it is, against thresholds that are published.

Recall and precision of each class with their means; the share of each class; and, by speaker, the
shares and the ranking of speakers by them. A clip without an answer has no class, so it lowers the
recall of its own. For dimensions: :mod:`fairser.model_tests.dimensions`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fairser.evaluation.metrics import Floats, Labels, divide, rates, uar
from fairser.evaluation.resampling import draw
from fairser.model_tests.base import CLEAN
from fairser.model_tests.material import Material
from fairser.model_tests.outcomes import Subject, TestResult, outcome, untestable
from fairser.model_tests.problems import Problem
from fairser.model_tests.sums import uap
from fairser.model_tests.thresholds import CORRECTNESS

FAMILY = "correctness"
OF_A_CLASS = 8  # clips of each class that a speaker needs
FEWEST_RANKED = 5  # speakers: fewer have too few orders
UNLABELLED = "no clip has a label"


def subject(test: str, output: str | None = None) -> Subject:
    """What a test of correctness is about."""
    return Subject(FAMILY, test, output=output)


def answered(material: Material) -> TestResult:
    """Whether the model gave an answer for every clip."""
    everyone = np.ones(material.clips.height, bool)
    there = ~np.isnan(material.values(CLEAN)).any(axis=1)
    values = np.stack([np.ones_like(there), there], axis=1)[:, None].astype(np.float64)
    table = material.table(values, None, everyone)
    drawn = material.draw(table, lambda sums: divide(sums[:, 0, 0, 1], sums[:, 0, 0, 0]), FAMILY)
    measured = material.measured(drawn, everyone)
    note = material.unanswered(CLEAN, everyone)
    return outcome(subject("answered"), measured, CORRECTNESS["answered"], "", note)


def class_tests(material: Material, problem: Problem) -> list[TestResult]:
    """The tests of the classes of a corpus."""
    chosen = problem.labelled
    if not chosen.any():
        names = ("uar", "uap", "recall", "precision", "share", *SPEAKERS)
        return [untestable(subject(name), UNLABELLED) for name in names]
    table = material.table(problem.cells, None, chosen)
    note = material.unanswered(CLEAN, chosen)

    def of(sums: Floats) -> Floats:
        counts = sums[:, 0]
        found = rates(counts)
        shares = divide(counts[..., 2] - counts[..., 1], counts[..., 0])
        whole = np.stack([uar(counts), uap(counts)], axis=1)
        return np.concatenate([whole, found["tpr"], found["precision"], shares], axis=1)

    drawn = material.draw(table, of, FAMILY)
    none = "no class is predicted"
    results = []
    for column, test in enumerate(("uar", "uap")):
        measured = material.measured(drawn[:, column], chosen)
        results.append(outcome(subject(test), measured, CORRECTNESS[test], none, note))
    why = {
        "recall": "no clip of this class",
        "precision": "this class is never predicted",
        "share": none,
    }
    column = 2
    for test, missing in why.items():
        for name in problem.classes:
            measured = material.measured(drawn[:, column], chosen, signed=test == "share")
            about = subject(test, name)
            results.append(outcome(about, measured, CORRECTNESS[test], missing, note))
            column += 1
    return results + speaker_tests(material, problem)


SPEAKERS = ("speaker_share_error", "speaker_rank")


def speaker_tests(material: Material, problem: Problem) -> list[TestResult]:
    """Shares of the classes by speaker, for speakers with enough clips of each class."""
    if not material.units.speakers:
        return [untestable(subject(name), "no speaker is known") for name in SPEAKERS]
    counts = material.table(problem.cells, None, problem.labelled)[:, 0]
    there = problem.truth.any(axis=0)  # classes that the corpus has
    enough = material.units.known & (counts[:, there, 1] >= OF_A_CLASS).all(axis=1)
    clips = problem.labelled & enough[material.units.index]
    what = f"with {OF_A_CLASS} clips of each class"
    shares = [divide(counts[enough, :, place], counts[enough, :, 0]) for place in (1, 2)]
    results = []
    for c, name in enumerate(problem.classes):
        numbers = BySpeaker(shares[0][:, c], shares[1][:, c], clips, what)
        results += speaker_results(material, numbers, name, SPEAKERS)
    return results


@dataclass(frozen=True)
class BySpeaker:
    """A number of each of S speakers, true and predicted."""

    true: Floats
    predicted: Floats
    clips: Labels  # behind them [N]
    what: str  # which speakers these are


def speaker_results(
    material: Material, numbers: BySpeaker, output: str, tests: tuple[str, str]
) -> list[TestResult]:
    """Mean absolute error and rank correlation of a number of each speaker.

    Args:
        material: of the tests.
        numbers: of the speakers.
        output: class or dimension.
        tests: names of the two tests.
    """
    true, predicted, clips, what = numbers.true, numbers.predicted, numbers.clips, numbers.what
    error, rank = (subject(test, output) for test in tests)
    if not len(true):
        return [untestable(about, f"no speaker {what}") for about in (error, rank)]
    indices = np.concatenate([*_drawn(material, len(true))])
    distances = np.abs(predicted - true)[indices].mean(axis=1)
    results = [
        outcome(error, material.measured(distances, clips), CORRECTNESS[tests[0]], "no number")
    ]
    if len(true) < FEWEST_RANKED:
        few = f"{len(true)} speakers {what}; a ranking needs {FEWEST_RANKED}"
        return [*results, untestable(rank, few, material.measured(distances, clips))]
    measured = material.measured(spearman(true[indices], predicted[indices]), clips, signed=True)
    equal = "all speakers have the same number, so they have no order"
    return [*results, outcome(rank, measured, CORRECTNESS[tests[1]], equal)]


def _drawn(material: Material, speakers: int) -> Iterator[NDArray[np.int64]]:
    """Speakers as they are, then as drawn in each resample [1 + R, S]."""
    everyone = np.arange(speakers)
    yield everyone[None]
    resamples = material.options.resamples
    if resamples:
        generator = material.generator("speakers")
        for times in draw(generator, np.zeros(speakers, np.int64), resamples):
            yield np.repeat(np.tile(everyone, len(times)), times.ravel()).reshape(times.shape)


def spearman(true: Floats, predicted: Floats) -> Floats:
    """Rank correlation [...] over the last axis, with mean ranks of ties; NaN of constants."""
    x, y = (rankdata(values, axis=-1) for values in (true, predicted))
    x, y = (ranks - ranks.mean(axis=-1, keepdims=True) for ranks in (x, y))
    return divide((x * y).sum(axis=-1), np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1)))
