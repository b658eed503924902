"""Performance and fairness of predictions, of clips with several labels or with one each.

Everything follows from four counts for each class c and group g of clips: their number n,
positives P, predicted positives Q and true positives T. Rates: TPR = T / P, PPR = Q / n,
FPR = (Q - T) / (n - P), precision = T / Q. A rate without a denominator does not exist (null), it
is not 0.

A gap of a rate compares the groups within a class and is summarised over the classes by the root
mean square (Interspeech 2025, section 4.3, equations 4 and 5),
with r_cg the rate of group g and r_c the rate over all groups.

Metrics declared here or in a file of the user's own are of two kinds. One of ``performance`` is a
function of the counts [..., C, 4] of all clips and gives values [...]. One of the kind ``gap``
compares groups: a function of their rates [..., G, C], NaN where a group has none, and of the rates
over all groups [..., C]; it gives values [..., C] and is a variant of every gap.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairser.config.extensions import extension, extensions
from fairser.core.errors import InputError
from fairser.corpora.clips import SINGLE

METRICS = {
    "f1": {
        "title": "Macro F1",
        "description": "Mean over the classes of their F1.",
        "order": 1,
    },
    "acc": {
        "title": "Hamming accuracy",
        "description": "The share of right decisions over clips and classes.",
        "order": 2,
        "task": "multi_label",
    },
    "uar": {
        "title": "UAR",
        "description": "Unweighted average recall: mean over the classes of their recall.",
        "order": 0,
        "task": "single_label",
    },
    "accuracy": {
        "title": "Accuracy",
        "description": "The share of clips whose class is predicted.",
        "order": 2,
        "task": "single_label",
    },
    "pairwise": {
        "kind": "gap",
        "description": "Largest less smallest rate; for two groups their difference.",
        "order": 3,
    },
    "max_deviation": {
        "kind": "gap",
        "description": "Largest distance of a group's rate from the rate over all groups.",
        "order": 4,
    },
    "rms_deviation": {
        "kind": "gap",
        "description": "Root mean square of these distances over the groups.",
        "order": 5,
    },
    "sum_deviation": {
        "kind": "gap",
        "description": "Sum of these distances over the groups.",
        "order": 6,
    },
}

ANY = "any"  # a metric of every task
RATES = ("tpr", "ppr", "fpr")
COMPARED = (*RATES, "precision")  # rates with gaps in metrics.json
COUNTS = ("clips", "positives", "predicted", "hits")  # n, P, Q, T

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def positive(values: NDArray[Any], threshold: float | None = None) -> Labels:
    """Multi-label decisions [N, C]: value or probability [N, C] above 1 / C or a threshold."""
    # In the type of the values: a share of 1/6 in float32 is above the float64 of 1/6.
    return np.asarray(values) > (1 / values.shape[1] if threshold is None else threshold)


def decide(values: NDArray[Any], task: str) -> Labels:
    """Decisions [N, C] of values or probabilities [N, C].

    A clip has the class with the largest value, the first of equal ones (``single_label``), or
    all classes above 1 / C, which may be several or none (``multi_label``).
    """
    if task == SINGLE:
        return np.eye(values.shape[1], dtype=bool)[values.argmax(axis=1)]
    return positive(values)


def group_counts(truth: Labels, predicted: Labels, group: NDArray[np.int64], groups: int) -> Floats:
    """Counts [G, C, 4] of n, P, Q, T by group.

    Args:
        truth: decisions of the labels [N, C].
        predicted: decisions of the model [N, C].
        group: number of each clip's group [N], from 0; clips with a negative one are left out.
        groups: G, their number.
    """
    known = group >= 0
    counts = np.zeros((groups, truth.shape[1], len(COUNTS)))
    cells = np.stack([np.ones_like(truth), truth, predicted, truth & predicted], axis=2)
    np.add.at(counts, group[known], cells[known].astype(np.float64))
    return counts


def class_counts(truth: Labels, predicted: Labels) -> Floats:
    """Counts [C, 4] over all clips of decisions [N, C]."""
    return group_counts(truth, predicted, np.zeros(len(truth), dtype=np.int64), 1)[0]


def f1(counts: Floats) -> Floats:
    """Macro F1 [...] over the classes where it exists, of counts [..., C, 4] over all clips."""
    return class_mean(rate_of(counts, "f1"))


def acc(counts: Floats) -> Floats:
    """Hamming accuracy [...] of counts [..., C, 4] over all clips."""
    n, true, called, hits = np.moveaxis(counts, -1, 0)
    right = n - true - called + 2 * hits
    return divide(right.sum(axis=-1), n.sum(axis=-1))


def uar(counts: Floats) -> Floats:
    """Unweighted average recall [...] of counts [..., C, 4] over all clips."""
    return class_mean(rate_of(counts, "tpr"))


def accuracy(counts: Floats) -> Floats:
    """Share of clips whose one class is predicted [...], of counts [..., C, 4] over all clips."""
    return divide(counts[..., 3].sum(axis=-1), counts[..., 0, 0])


def pairwise(by_group: Floats, overall: Floats) -> Floats:
    """max_g r_cg - min_g r_cg, [..., C]."""
    largest = np.fmax.reduce(by_group, axis=-2, initial=-np.inf)
    return largest - np.fmin.reduce(by_group, axis=-2, initial=np.inf)


def max_deviation(by_group: Floats, overall: Floats) -> Floats:
    """max_g |r_cg - r_c|, [..., C]."""
    return _deviation(by_group, overall).max(axis=-2, initial=0.0)


def rms_deviation(by_group: Floats, overall: Floats) -> Floats:
    """Root mean square over g of r_cg - r_c, [..., C]."""
    groups = np.maximum((~np.isnan(by_group)).sum(axis=-2), 1)
    return np.sqrt((_deviation(by_group, overall) ** 2).sum(axis=-2) / groups)


def sum_deviation(by_group: Floats, overall: Floats) -> Floats:
    """Sum over g of |r_cg - r_c|, [..., C]."""
    return _deviation(by_group, overall).sum(axis=-2)


def _deviation(by_group: Floats, overall: Floats) -> Floats:
    """|r_cg - r_c| [..., G, C], 0 for a group without the rate."""
    return np.where(np.isnan(by_group), 0.0, np.abs(by_group - overall[..., None, :]))


def metric_names(kind: str, task: str | None = None) -> list[str]:
    """Names of the metrics of a kind, ``performance`` or ``gap``, in order.

    Those of one task, or of all.
    """
    return [
        name
        for name, one in extensions("METRICS").items()
        if one["kind"] == kind and (task is None or one["task"] in (ANY, task))
    ]


def is_better_low(name: str) -> bool:
    """Whether a smaller value of a table's column is better: of a gap, and where declared."""
    known = extensions("METRICS")
    return name not in known or known[name]["better"] == "lower"


def functions(kind: str, task: str | None = None) -> dict[str, Callable[..., Floats]]:
    """The functions of :func:`metric_names`."""
    return {name: extension("METRICS", name).function(name) for name in metric_names(kind, task)}


def performance(counts: Floats, task: str) -> dict[str, Floats]:
    """Every metric of performance of a task [...], of counts [..., C, 4] over all clips."""
    found = {name: metric(counts) for name, metric in functions("performance", task).items()}
    return _of_shape(found, counts.shape[:-2])


# Numerator and denominator of each rate.
QUOTIENTS: dict[str, Callable[..., tuple[Floats, Floats]]] = {
    "tpr": lambda n, true, called, hits: (hits, true),
    "ppr": lambda n, true, called, hits: (called, n),
    "fpr": lambda n, true, called, hits: (called - hits, n - true),
    "precision": lambda n, true, called, hits: (hits, called),
    "f1": lambda n, true, called, hits: (2 * hits, true + called),
}


def rate_of(counts: Floats, name: str) -> Floats:
    """TPR, PPR, FPR, precision or F1 of counts [..., 4], NaN where it does not exist."""
    return divide(*QUOTIENTS[name](*np.moveaxis(counts, -1, 0)))


def rates(counts: Floats) -> dict[str, Floats]:
    """Every rate [...] of counts [..., 4] by name, as :func:`rate_of` gives it."""
    return {name: rate_of(counts, name) for name in QUOTIENTS}


def class_gaps(counts: Floats, rate: str) -> dict[str, Floats]:
    """Every variant of the gap of a rate by class [..., C], of counts [..., G, C, 4].

    The rate is one of :data:`COMPARED`. A gap is NaN where fewer than two groups have the rate.
    """
    by_group, overall = rate_of(counts, rate), rate_of(counts.sum(axis=-3), rate)
    enough = (~np.isnan(by_group)).sum(axis=-2) >= 2
    gaps = {name: gap(by_group, overall) for name, gap in functions("gap").items()}
    _of_shape(gaps, enough.shape)
    return {name: np.where(enough, values, np.nan) for name, values in gaps.items()}


def _of_shape(found: dict[str, Floats], shape: tuple[int, ...]) -> dict[str, Floats]:
    """The values of metrics, if they have the shape that metrics of their kind have.

    Raises:
        InputError: others would be stretched over resamples and classes without notice.
    """
    for name, values in found.items():
        if np.shape(values) != shape:
            raise InputError(
                f"{extension('METRICS', name).file}: the metric '{name}' gives values of the shape "
                f"{list(np.shape(values))}; it needs {list(shape)}."
            )
    return found


def class_mean(values: Floats, axis: int = -1) -> Floats:
    """Mean over the classes [..., C], or another axis, where the value exists; else NaN."""
    exists = ~np.isnan(values)
    return divide(np.where(exists, values, 0.0).sum(axis=axis), exists.sum(axis=axis))


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
    numbers = {name: index for index, name in enumerate(names)}
    index = np.array([-1 if name is None else numbers[name] for name in group], dtype=np.int64)
    counts = group_counts(truth, predicted, index, len(names))
    found = rates(counts)
    return {
        "groups": {name: int((index == g).sum()) for name, g in numbers.items()},
        "unknown": int((index < 0).sum()),
        "rates": {
            label: {name: _rate_row(counts, found, g, c) for name, g in numbers.items()}
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
            for rate in COMPARED
        },
    }


def _rate_row(
    counts: Floats, found: dict[str, Floats], group: int, label: int
) -> dict[str, float | int | None]:
    row = {name: int(count) for name, count in zip(COUNTS, counts[group, label], strict=True)}
    return row | {name: or_none(values[group, label]) for name, values in found.items()}


def divide(numerator: Any, denominator: Any) -> Floats:
    """A quotient, NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)
    empty = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=empty, where=denominator > 0)


def or_none(value: Any) -> float | None:
    """A number for JSON: None in place of NaN."""
    return None if np.isnan(value) else float(value)
