"""Numbers of tests, as functions of sums over clips.

Sums add up over the clips of a speaker or a group, so one function serves the measured clips, their
resamples and the simulations. Counts [..., C, 4] are those of :mod:`fairser.evaluation.metrics`.
"""

from itertools import pairwise

import numpy as np

from fairser.evaluation.metrics import Floats, class_mean, divide, rate_of, rates, uar
from fairser.model_tests.base import DIMENSIONS, SINGLE

# Sums of a dimension with truth x and prediction y, both less MIDDLE so that few digits are lost.
MOMENTS = ("clips", "x", "y", "xx", "yy", "xy", "distance")
MIDDLE = 0.5
EDGES = (0.25, 0.5, 0.75)  # of the bins of a dimension
SAME = 0.05  # predictions of a dimension that differ by less are the same


def uap(counts: Floats) -> Floats:
    """Unweighted average precision [...]: mean over the classes that are predicted."""
    return class_mean(rate_of(counts, "precision"))


def differences(counts: Floats) -> dict[str, Floats]:
    """Each group less all of them, of counts [..., G, C, 4].

    Returns:
        ``uar_difference`` [..., G]; ``recall_difference``, ``precision_difference`` and
        ``share_difference`` [..., G, C].
    """
    whole = counts.sum(axis=-3)
    mine, all_of_them = rates(counts), rates(whole)
    found = {"uar_difference": uar(counts) - uar(whole)[..., None]}
    names = {"recall": "tpr", "precision": "precision", "share": "ppr"}
    for name, rate in names.items():
        found[f"{name}_difference"] = mine[rate] - all_of_them[rate][..., None, :]
    return found


def spread(by_group: Floats) -> Floats:
    """Largest less smallest value of the groups [..., G]; NaN where one has none."""
    return by_group.max(axis=-1) - by_group.min(axis=-1)


def moments(truth: Floats, predicted: Floats) -> Floats:
    """Sums of :data:`MOMENTS` of each clip [N, 7]; all are 0 where one of the two is NaN."""
    known = ~(np.isnan(truth) | np.isnan(predicted))
    x, y = (np.where(known, values - MIDDLE, 0.0) for values in (truth, predicted))
    return np.stack([known, x, y, x * x, y * y, x * y, np.abs(x - y)], axis=1).astype(np.float64)


def ccc(sums: Floats) -> Floats:
    """Concordance correlation coefficient [...] of moments [..., 7].

    2 s_xy / (s_xx + s_yy + (m_x - m_y)^2), with variances over n (Lin 1989, doi:10.2307/2532051).
    """
    mean_x, mean_y, xx, yy, xy = _central(sums)
    return divide(2 * xy, xx + yy + (mean_x - mean_y) ** 2)


def pearson(sums: Floats) -> Floats:
    """Correlation [...] of moments [..., 7]; NaN where truth or predictions are constant."""
    _, _, xx, yy, xy = _central(sums)
    constant = (xx < 1e-12) | (yy < 1e-12)
    return divide(xy, np.where(constant, 0.0, np.sqrt(np.maximum(xx * yy, 0.0))))


def mean_absolute_error(sums: Floats) -> Floats:
    """Mean absolute error [...] of moments [..., 7]."""
    return divide(sums[..., 6], sums[..., 0])


def mean_prediction(sums: Floats) -> Floats:
    """Mean of the predictions [...] of moments [..., 7]."""
    return divide(sums[..., 2], sums[..., 0]) + MIDDLE


def _central(sums: Floats) -> tuple[Floats, ...]:
    n, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    mean_x, mean_y = divide(x, n), divide(y, n)
    return (
        *(mean_x, mean_y),
        *(divide(xx, n) - mean_x**2, divide(yy, n) - mean_y**2, divide(xy, n) - mean_x * mean_y),
    )


def bins(values: Floats) -> Floats:
    """One-hot bins [N, 4] of values [N] at :data:`EDGES`; an edge belongs to the upper bin.

    A NaN has no bin. Values below 0 or above 1 are in the first or the last one.
    """
    place = np.searchsorted(EDGES, values, side="right")
    return np.eye(len(EDGES) + 1)[place] * ~np.isnan(values)[:, None]


def bin_names(dimension: str) -> tuple[str, ...]:
    """Such as ``arousal, 0.25 to 0.5``."""
    ends = (0.0, *EDGES, 1.0)
    return tuple(f"{dimension}, {a:g} to {b:g}" for a, b in pairwise(ends))


def is_single(task: str) -> bool:
    """Whether a clip has one class: of the corpus, or a bin of a dimension."""
    return task in (SINGLE, DIMENSIONS)
