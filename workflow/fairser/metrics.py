"""Performance and fairness of multi-label predictions.

Everything follows from four counts for each class c and group g of clips: their number n,
positives P, predicted positives Q and true positives T. Rates: TPR = T / P, PPR = Q / n,
FPR = (Q - T) / (n - P). A rate without a denominator does not exist (null), it is never 0.

A gap of a rate compares the groups within a class and is summarised over the classes by the root
mean square (Interspeech 2025, section 4.3, equations 4 and 5):

- ``pairwise``: max_g r_cg - min_g r_cg, for two groups their difference;
- ``max_deviation``: max_g |r_cg - r_c|, with r_c the rate over all groups;
- ``rms_deviation``: root mean square over g of r_cg - r_c;
- ``sum_deviation``: sum over g of |r_cg - r_c|.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATES = ("tpr", "ppr", "fpr")
VARIANTS = ("pairwise", "max_deviation", "rms_deviation", "sum_deviation")

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def positive(values: NDArray[Any]) -> Labels:
    """Multi-label decisions [N, C]: value or probability [N, C] above 1 / C."""
    return np.asarray(values, dtype=np.float64) > 1 / values.shape[1]


def f1_by_class(truth: Labels, predicted: Labels) -> Floats:
    """F1 of each class [C]; NaN for a class that is neither true nor predicted anywhere."""
    hits = (truth & predicted).sum(axis=0)
    return _divide(2 * hits, truth.sum(axis=0) + predicted.sum(axis=0))


def performance(truth: Labels, predicted: Labels) -> dict[str, float | None]:
    """Macro F1 over the classes where it exists, and Hamming accuracy.

    Args:
        truth: decisions of the labels [N, C].
        predicted: decisions of the model [N, C].
    """
    return {
        "f1": _mean(f1_by_class(truth, predicted)),
        "acc": float((truth == predicted).mean()) if truth.size else None,
    }


def group_counts(truth: Labels, predicted: Labels, group: NDArray[np.int64]) -> Floats:
    """Counts [G, C, 4] of n, P, Q, T for groups numbered from 0; negative numbers are left out.

    Args:
        truth: decisions of the labels [N, C].
        predicted: decisions of the model [N, C].
        group: number of each clip's group [N].
    """
    known = group >= 0
    classes = truth.shape[1]
    counts = np.zeros((int(group.max(initial=-1)) + 1, classes, 4))
    cells = np.stack([np.ones_like(truth), truth, predicted, truth & predicted], axis=2)
    np.add.at(counts, group[known], cells[known].astype(np.float64))
    return counts


def rates(counts: Floats) -> dict[str, Floats]:
    """TPR, PPR, FPR and F1 of counts [..., 4], NaN where they do not exist."""
    n, true, called, hits = np.moveaxis(counts, -1, 0)
    return {
        "tpr": _divide(hits, true),
        "ppr": _divide(called, n),
        "fpr": _divide(called - hits, n - true),
        "f1": _divide(2 * hits, true + called),
    }


def class_gaps(counts: Floats, rate: str) -> dict[str, Floats]:
    """Every variant of a rate's gap by class [C]; NaN where fewer than two groups have the rate.

    Args:
        counts: counts [G, C, 4] of the groups.
        rate: one of :data:`RATES`.
    """
    by_group = rates(counts)[rate]
    overall = rates(counts.sum(axis=0))[rate]
    comparable = (~np.isnan(by_group)).sum(axis=0) >= 2
    gaps = {name: np.full(by_group.shape[1], np.nan) for name in VARIANTS}
    values = by_group[:, comparable]
    deviation = np.abs(values - overall[comparable])
    gaps["pairwise"][comparable] = np.nanmax(values, axis=0) - np.nanmin(values, axis=0)
    gaps["max_deviation"][comparable] = np.nanmax(deviation, axis=0)
    gaps["rms_deviation"][comparable] = np.sqrt(np.nanmean(deviation**2, axis=0))
    gaps["sum_deviation"][comparable] = np.nansum(deviation, axis=0)
    return gaps


def fairness(
    truth: Labels, predicted: Labels, group: Sequence[str | None], classes: Sequence[str]
) -> dict[str, Any]:
    """Rate table and gaps of one attribute, ready for JSON (what does not exist is None).

    Args:
        truth: decisions of the labels [N, C].
        predicted: decisions of the model [N, C].
        group: group of each clip [N]; clips with None are left out and counted.
        classes: names of the C classes.

    Returns:
        ``groups`` (clips in each), ``unknown`` (clips without a group), ``rates`` (by class and
        group: counts and rates), ``gaps`` (by rate and variant: ``rms`` over the classes,
        ``by_class``).
    """
    names = sorted({name for name in group if name is not None})
    number = {name: index for index, name in enumerate(names)}
    index = np.array([-1 if name is None else number[name] for name in group], dtype=np.int64)
    counts = group_counts(truth, predicted, index)
    gaps: dict[str, Any] = {}
    for rate in RATES:
        by_class = class_gaps(counts, rate) if names else {}
        gaps[rate] = {
            variant: {
                "rms": _rms(values),
                "by_class": dict(zip(classes, map(_or_none, values), strict=True)),
            }
            for variant, values in by_class.items()
        }
    return {
        "groups": {name: int((index == i).sum()) for name, i in number.items()},
        "unknown": int((index < 0).sum()),
        "rates": {
            label: {name: _rate_row(counts[g, c]) for name, g in number.items()}
            for c, label in enumerate(classes)
        },
        "gaps": gaps,
    }


def _rate_row(counts: Floats) -> dict[str, float | int | None]:
    names = ("clips", "positives", "predicted", "hits")
    row: dict[str, float | int | None] = {
        name: int(count) for name, count in zip(names, counts, strict=True)
    }
    return row | {name: _or_none(value) for name, value in rates(counts).items()}


def _divide(numerator: Any, denominator: Any) -> Floats:
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    empty = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def _mean(values: Floats) -> float | None:
    found = values[~np.isnan(values)]
    return float(found.mean()) if found.size else None


def _rms(values: Floats) -> float | None:
    mean = _mean(values**2)
    return None if mean is None else float(np.sqrt(mean))


def _or_none(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
