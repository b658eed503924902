"""Test sets in which every group has the same labels."""

import numpy as np
from numpy.typing import NDArray

from fairser.corpora.clips import SINGLE
from fairser.evaluation.metrics import Labels
from fairser.model_tests.material import Material
from fairser.model_tests.problems import Problem

MOST = 1000  # clips of a group
STEPS = 20  # of a dimension, within which labels count as alike


def strata(material: Material, problem: Problem, d: int) -> NDArray[np.int64]:
    """Number of the label of each clip [N]; -1 without one. Clips with the same one match."""
    if problem.dimension:
        values = np.nan_to_num(material.truth[:, d])
        found = np.minimum(values * STEPS, STEPS - 1).astype(np.int64)
    elif problem.task == SINGLE:
        found = problem.truth.argmax(axis=1)
    else:
        found = np.unique(problem.truth, axis=0, return_inverse=True)[1].ravel()
    return np.where(problem.labelled, found, -1)


def balanced(
    labels: NDArray[np.int64],
    index: NDArray[np.int64],
    generator: np.random.Generator,
    most: int = MOST,
) -> Labels:
    """Clips [N] that give every group as many clips of each label as the one that has fewest.

    Args:
        labels: number of the label of each clip [N], -1 without one (:func:`strata`).
        index: number of its group [N], -1 without one.
        generator: draws the clips.
        most: clips of a group.
    """
    known = (labels >= 0) & (index >= 0)
    counts = np.zeros((index.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (index[known], labels[known]), 1)
    wanted = counts.min(axis=0)
    if wanted.sum() > most:
        wanted = generator.multivariate_hypergeometric(wanted, most)
    chosen = np.zeros(len(labels), bool)
    order = generator.permutation(len(labels))
    for g, label in np.argwhere(counts > 0):
        clips = order[(index[order] == g) & (labels[order] == label)]
        chosen[clips[: wanted[label]]] = True
    return chosen
