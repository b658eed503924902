"""Metrics of the probabilities themselves: AUROC and expected calibration error by class.

Decisions do not tell them, so they do not follow from the counts of ``counts.parquet``. When
speakers are drawn they follow from sums over clips that add up as counts do (:func:`score_sums`):
the calibration error exactly, the AUROC with probabilities rounded to :data:`EDGES`, which changes
it by up to 0.0015 over 1,500 clips and 0.01 over 80. As measured both are exact.
"""

import numpy as np
from numpy.typing import NDArray

from fairser.corpora.clips import SINGLE
from fairser.evaluation.metrics import Floats, Labels, decide, divide

TOLERANCE = 1e-3  # of the sum of a clip's probabilities
BINS = 10  # of the calibration error, of equal width
# Bins of the AUROC: ends at steps of 1/8 in the logit, as probabilities of rare classes lie near 0.
EDGES: Floats = 1 / (1 + np.exp(-np.arange(-8, 8 + 0.125 / 2, 0.125)))
WIDTH = BINS + 2 * (len(EDGES) + 1)  # numbers of score_sums by class


def are_shares(values: Floats) -> bool:
    """Whether the values [N, C] of every clip sum to 1, to within :data:`TOLERANCE`."""
    return bool((np.abs(values.sum(axis=1) - 1) <= TOLERANCE).all())


def excess(labels: Floats, values: Floats, task: str) -> Floats:
    """Probability less what a calibrated one is on average [N, C]; NaN where it is undefined.

    With several labels per clip that is the label value, the share of raters that a class has: the
    probabilities of a clip sum to 1 as these do, so they can't be those of the decisions. With one
    label it is 1 for the class of the clip and 0 for the others.

    Args:
        labels: label values [N, C].
        values: probabilities [N, C]; all is NaN if they are none (:func:`are_shares`).
        task: of the labels.
    """
    if not are_shares(values):
        return np.full(values.shape, np.nan)
    return values - (decide(labels, task) if task == SINGLE else labels)


def auroc(truth: Labels, values: Floats) -> Floats:
    """Area under the ROC curve of each class [C] over N clips, ties counted by half.

    It is the share of pairs of a positive and a negative clip in which the positive one has the
    larger value; NaN without a positive or without a negative clip.

    Args:
        truth: decisions of the labels [N, C].
        values: probabilities or other scores [N, C].
    """
    wins = np.zeros(truth.shape[1])
    for c, (true, value) in enumerate(zip(truth.T, values.T, strict=True)):
        negative = np.sort(value[~true])
        positive = np.sort(value[true])  # in order they are found faster
        below = (np.searchsorted(negative, positive, side=side) for side in ("left", "right"))
        wins[c] = sum(found.sum() for found in below) / 2
    positives = truth.sum(axis=0)
    return divide(wins, positives * (len(truth) - positives))


def calibration_error(excess: Floats, values: Floats) -> Floats:
    """Expected calibration error of each class [C] over N clips (Guo et al. 2017, equation 5).

    The bins are [0, 0.1), [0.1, 0.2) and so on to [0.9, 1]. Each counts with its share of the clips
    and the absolute difference between its mean probability and its mean label.

    Args:
        excess: probability less label [N, C] (:func:`excess`).
        values: probabilities [N, C].
    """
    sums = np.zeros((values.shape[1], BINS))
    np.add.at(sums, (np.arange(values.shape[1]), _tenth(values)), excess)
    return divide(np.abs(sums).sum(axis=1), len(values))


def score_sums(
    truth: Labels, excess: Floats, values: Floats, place: NDArray[np.int64], places: int
) -> Floats:
    """Sums over the clips of each place [places, WIDTH], for :func:`binned`.

    They are ``excess`` in the bins of the calibration error; then, for each bin of the AUROC, its
    positive clips and the negative clips below it, those in it by half.

    Args:
        truth: decisions of the labels [N], of any classes.
        excess: probability less label [N]; NaN where the values are no probabilities.
        values: probabilities or other scores [N].
        place: where each belongs [N], from 0, such as its speaker, group and class.
        places: their number.
    """
    sums = np.zeros((places, WIDTH))
    np.add.at(sums, (place, _tenth(values)), excess)
    half = np.where(truth, 0, len(EDGES) + 1)
    np.add.at(sums, (place, BINS + half + np.searchsorted(EDGES, values, side="right")), 1)
    negative = sums[:, -len(EDGES) - 1 :]
    negative[:] = negative.cumsum(axis=1) - negative / 2
    return sums


def binned(sums: Floats, counts: Floats) -> dict[str, Floats]:
    """``auroc`` and ``ece`` of each class [...], of sums [..., WIDTH] and counts [..., 4]."""
    clips, positives = counts[..., 0], counts[..., 1]
    end = BINS + len(EDGES) + 1
    wins = np.einsum("...b,...b->...", sums[..., BINS:end], sums[..., end:])
    return {
        "auroc": divide(wins, positives * (clips - positives)),
        "ece": divide(np.abs(sums[..., :BINS]).sum(axis=-1), clips),
    }


def _tenth(values: Floats) -> NDArray[np.int64]:
    """Bins of the calibration error [N, C]."""
    return np.searchsorted(np.arange(1, BINS) / BINS, values, side="right")
