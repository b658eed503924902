"""The random and the constant model: what a value is without any skill.

The random model is that of arXiv 2312.06270: a class drawn uniformly, or a value of a dimension
from a Gaussian with the mean 1/2 and the standard deviation 1/6, cut to 0 to 1. With several labels
per clip it draws every class with probability 1/2 (chosen here). The constant model says the same
of each clip: the most frequent class, the classes of more than half of the clips, or the mean.
"""

import numpy as np
import polars as pl

from fairser.evaluation.metrics import Floats, decide
from fairser.model_tests.base import CLEAN, DIMENSIONS, SINGLE, Answers, Corpus
from fairser.model_tests.sums import EDGES, SAME

MEAN, DEVIATION = 0.5, 1 / 6


def random_answers(corpus: Corpus, answers: Answers, seed: int) -> Answers:
    """Answers of the random model to the conditions that a model was asked."""
    generator = np.random.default_rng([seed, *b"random model"])
    shape = (corpus.clips.height, len(corpus.outputs))

    def draw() -> Floats:
        if corpus.task == DIMENSIONS:
            return gaussian(generator, shape)
        if corpus.task == SINGLE:
            return np.eye(shape[1])[generator.integers(shape[1], size=shape[0])]
        return generator.integers(2, size=shape).astype(np.float64)

    return _answers("random", corpus, answers, {name: draw() for name in answers.tables})


def constant_answers(corpus: Corpus, answers: Answers) -> Answers:
    """Answers of the constant model; without any label it predicts the first class, or 0.5."""
    truth = corpus.clips.select(corpus.outputs).cast(pl.Float64).drop_nulls().to_numpy()
    number = len(corpus.outputs)
    if not len(truth):
        row = np.full(number, MEAN) if corpus.task == DIMENSIONS else np.eye(number)[0]
    elif corpus.task == DIMENSIONS:
        row = truth.mean(axis=0)
    else:
        shares = decide(truth, corpus.task).mean(axis=0)
        most = np.eye(number)[shares.argmax()]
        row = most if corpus.task == SINGLE else np.maximum(most, shares > 1 / 2)
    values = np.tile(row, (corpus.clips.height, 1))
    return _answers("constant", corpus, answers, dict.fromkeys(answers.tables, values))


def _answers(name: str, corpus: Corpus, given: Answers, values: dict[str, Floats]) -> Answers:
    clips = corpus.clips.select("clip")
    columns = {
        condition: clips.with_columns(
            pl.Series(output, table[:, c]) for c, output in enumerate(corpus.outputs)
        )
        for condition, table in values.items()
    }
    columns.setdefault(CLEAN, next(iter(columns.values()), clips))
    return Answers(name, given.conditions, columns)


def gaussian(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Values of the random model of a dimension, of a shape."""
    values = generator.normal(MEAN, DEVIATION, shape)
    while (out := (values < 0) | (values > 1)).any():
        values[out] = generator.normal(MEAN, DEVIATION, int(out.sum()))
    return values


def class_chances(classes: int, task: str) -> Floats:
    """Probability of each class [C] by the random model."""
    if task == DIMENSIONS:
        return np.diff(_below(np.array([0.0, *EDGES, 1.0])))
    return np.full(classes, 1 / classes if task == SINGLE else 1 / 2)


def same_chance(classes: int, task: str) -> float:
    """Probability that the random model says the same of a clip twice."""
    if task == DIMENSIONS:
        x = (np.arange(20_000) + 0.5) / 20_000  # middles of small intervals of the first value
        weights = np.diff(_below(np.linspace(0, 1, len(x) + 1)))
        return float(weights @ (_below(x + SAME) - _below(x - SAME)))
    return 1 / classes if task == SINGLE else float(2.0**-classes)


def _below(values: Floats) -> Floats:
    """Probability that the Gaussian of the random model is below a value."""
    from scipy.special import ndtr

    low, high = ndtr((np.array([0.0, 1.0]) - MEAN) / DEVIATION)
    found = (ndtr((np.clip(values, 0, 1) - MEAN) / DEVIATION) - low) / (high - low)
    return np.asarray(found, dtype=np.float64)
