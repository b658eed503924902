"""The decisions that tests compare: about the classes of a corpus, or the bins of a dimension."""

from dataclasses import dataclass

import numpy as np

from fairser.corpora.clips import SINGLE
from fairser.evaluation.metrics import Floats, Labels, decide
from fairser.model_tests.base import DIMENSIONS
from fairser.model_tests.material import Material
from fairser.model_tests.reference import class_chances
from fairser.model_tests.sums import bin_names, bins


@dataclass(frozen=True)
class Problem:
    """Classes to decide between: those of the corpus, or the bins of one dimension.

    Attributes:
        dimension: whose bins these are, if they are.
        classes: their names [C].
        task: whether a clip has one of them or several.
        truth: the classes of each clip [N, C]; of clips without labels all are False.
        labelled: whether the truth of a clip is known [N].
        predicted: the classes that the model gives each clip [N, C]; none without an answer.
        answered: whether the model gave an answer [N].
        chance: probability of each class by the random model [C].
    """

    dimension: str | None
    classes: tuple[str, ...]
    task: str
    truth: Labels
    labelled: Labels
    predicted: Labels
    answered: Labels
    chance: Floats

    @property
    def cells(self) -> Floats:
        """What counts add up: clips, positives, predicted, hits [N, C, 4]."""
        ones = np.ones_like(self.truth)
        parts = [ones, self.truth, self.predicted, self.truth & self.predicted]
        return np.stack(parts, axis=2).astype(np.float64)


def problems(material: Material, condition: str) -> list[Problem]:
    """One problem for the classes of a corpus, or one for each dimension."""
    values, corpus = material.values(condition), material.corpus
    if corpus.task == DIMENSIONS:
        return [
            _bins(dimension, material.truth[:, d], values[:, d])
            for d, dimension in enumerate(corpus.outputs)
        ]
    labelled, answered = (np.all(np.isfinite(v), axis=1) for v in (material.truth, values))
    truth, predicted = (decide(np.nan_to_num(v), corpus.task) for v in (material.truth, values))
    return [
        Problem(
            dimension=None,
            classes=corpus.outputs,
            task=corpus.task,
            truth=truth & labelled[:, None],
            labelled=labelled,
            predicted=predicted & answered[:, None],
            answered=answered,
            chance=class_chances(len(corpus.outputs), corpus.task),
        )
    ]


def _bins(dimension: str, truth: Floats, values: Floats) -> Problem:
    names = bin_names(dimension)
    known = [~np.isnan(v) for v in (truth, values)]
    true, predicted = (bins(v).astype(bool) for v in (truth, values))
    chance = class_chances(len(names), DIMENSIONS)
    return Problem(dimension, names, SINGLE, true, known[0], predicted, known[1], chance)
