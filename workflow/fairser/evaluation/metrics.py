"""Performance and fairness of multi-label predictions.

Everything follows from four counts for each class c and group g of clips: their number n,
positives P, predicted positives Q and true positives T. Rates: TPR = T / P, PPR = Q / n,
FPR = (Q - T) / (n - P). A rate whose denominator is 0 does not exist (null); it is not 0.

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
COUNTS = ("clips", "positives", "predicted", "hits")  # n, P, Q, T

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def positive(values: NDArray[Any], threshold: float | None = None) -> Labels:
    """Multi-label decisions [N, C]: value or probability [N, C] above 1 / C or a threshold."""
    # In the type of the values: a share of 1/6 in float32 is above the float64 of 1/6.
    return np.asarray(values) > (1 / values.shape[1] if threshold is None else threshold)


def group_counts(truth: Labels, predicted: Labels, group: NDArray[np.int64]) -> Floats:
    """Counts [G, C, 4] of n, P, Q, T by group.

    Args:
        truth: decisions of the labels [N, C].
        predicted: decisions of the model [N, C].
        group: number of each clip's group [N], from 0; clips with a negative one are left out.
    """
    known = group >= 0
    counts = np.zeros((int(group.max(initial=-1)) + 1, truth.shape[1], len(COUNTS)))
    cells = np.stack([np.ones_like(truth), truth, predicted, truth & predicted], axis=2)
    np.add.at(counts, group[known], cells[known].astype(np.float64))
    return counts


def class_counts(truth: Labels, predicted: Labels) -> Floats:
    """Counts [C, 4] over all clips of decisions [N, C]."""
    return group_counts(truth, predicted, np.zeros(len(truth), dtype=np.int64)).sum(axis=0)


def f1_by_class(truth: Labels, predicted: Labels) -> Floats:
    """F1 of each class [C]; NaN for a class that is neither true nor predicted anywhere."""
    return rates(class_counts(truth, predicted))["f1"]


def performance(truth: Labels, predicted: Labels) -> dict[str, float | None]:
    """Macro F1 over the classes where it exists, and Hamming accuracy, of decisions [N, C]."""
    f1, acc = counted_performance(class_counts(truth, predicted))
    return {"f1": or_none(f1), "acc": or_none(acc)}


def counted_performance(counts: Floats) -> tuple[Floats, Floats]:
    """Macro F1 and Hamming accuracy [...] of counts [..., C, 4] over all clips."""
    n, true, called, hits = np.moveaxis(counts, -1, 0)
    right = n - true - called + 2 * hits
    return class_mean(rates(counts)["f1"]), _divide(right.sum(axis=-1), n.sum(axis=-1))


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
    """Every variant of a rate's gap by class [..., C]; NaN where fewer than two groups have it.

    Args:
        counts: counts [..., G, C, 4] of the groups.
        rate: one of :data:`RATES`.
    """
    by_group = rates(counts)[rate]
    overall = rates(counts.sum(axis=-3))[rate]
    exists = ~np.isnan(by_group)
    groups = exists.sum(axis=-2)
    deviation = np.where(exists, np.abs(by_group - overall[..., None, :]), 0.0)
    largest = np.where(exists, by_group, -np.inf).max(axis=-2, initial=-np.inf)
    smallest = np.where(exists, by_group, np.inf).min(axis=-2, initial=np.inf)
    gaps = {
        "pairwise": largest - smallest,
        "max_deviation": deviation.max(axis=-2, initial=0.0),
        "rms_deviation": np.sqrt((deviation**2).sum(axis=-2) / np.maximum(groups, 1)),
        "sum_deviation": deviation.sum(axis=-2),
    }
    return {name: np.where(groups >= 2, values, np.nan) for name, values in gaps.items()}


def class_mean(values: Floats, axis: int = -1) -> Floats:
    """Mean over the classes [..., C], or another axis, where the value exists; else NaN."""
    exists = ~np.isnan(values)
    return _divide(np.where(exists, values, 0.0).sum(axis=axis), exists.sum(axis=axis))


def rms(values: Floats) -> Floats:
    """Root mean square over the classes [..., C] where the value exists."""
    return np.sqrt(class_mean(values**2))


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
    return {
        "groups": {name: int((index == g).sum()) for name, g in number.items()},
        "unknown": int((index < 0).sum()),
        "rates": {
            label: {name: _rate_row(counts[g, c]) for name, g in number.items()}
            for c, label in enumerate(classes)
        },
        "gaps": {
            rate: {
                variant: {
                    "rms": or_none(rms(values)),
                    "by_class": dict(zip(classes, map(or_none, values), strict=True)),
                }
                for variant, values in class_gaps(counts, rate).items()
            }
            for rate in RATES
        },
    }


def _rate_row(counts: Floats) -> dict[str, float | int | None]:
    row = {name: int(count) for name, count in zip(COUNTS, counts, strict=True)}
    return row | {name: or_none(value) for name, value in rates(counts).items()}


def _divide(numerator: Any, denominator: Any) -> Floats:
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    empty = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def or_none(value: Any) -> float | None:
    """A number for JSON: None in place of NaN."""
    return None if np.isnan(value) else float(value)
