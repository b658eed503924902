"""Each group's performance, the worst of them and their distances.

A group has a number only if it has every class that another group has: its mean would be over fewer
classes. If one group has no number, there is no worst one and no distance, as it might be that one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.config.extensions import extensions
from fairser.core.errors import InputError
from fairser.core.words import joined, shortened
from fairser.corpora.people import is_somebody
from fairser.evaluation.metrics import (
    Floats,
    Labels,
    class_mean,
    group_counts,
    or_none,
    rate_of,
    rates,
)
from fairser.evaluation.scores import auroc, calibration_error

# Numbers of an attribute, and what they mean; `worst` of which number of the groups it is.
WORST = {
    "worst_group_f1": ("f1", "Smallest macro F1 of a group."),
    "worst_group_recall": ("uar", "Smallest mean recall of a group over the classes."),
    "worst_group_auroc": ("auroc", "Smallest AUROC of a group."),
    "worst_group_ece": ("ece", "Largest expected calibration error of a group."),
}
WORST_CELL = "worst_group_class_recall"
DISTANCES = {"auroc_gap": "auroc", "ece_gap": "ece"}
COMPARISONS = (*WORST, WORST_CELL, *DISTANCES)
SCORES = ("auroc", "ece")
SHOWN = 3  # lacking classes that a reason names


@dataclass(frozen=True)
class Decisions:
    """Clips of a split in the order of their names, and arrays [N, C] of them."""

    clips: pl.DataFrame  # their rows of the clip table
    truth: Labels  # decisions of the labels
    predicted: Labels  # decisions of the model
    values: Floats  # probabilities
    excess: Floats  # probability less label (fairser.evaluation.scores.excess)


ONE_GROUP = "fewer than two groups in test"
NOTHING = "no class has the clips that it needs"
NO_SHARES = "the saved values of a clip do not sum to 1, so they are no probabilities"


def group_values(counts: Floats, scores: dict[str, Floats]) -> dict[str, Floats]:
    """``f1``, ``uar``, ``auroc`` and ``ece`` of each group [..., G], means over the classes.

    Args:
        counts: [..., G, C, 4].
        scores: ``auroc`` and ``ece`` by group and class [..., G, C].
    """
    found = rates(counts)
    lacks = {"uar": _lacks(found["tpr"]), "auroc": _lacks(scores["auroc"])}
    lacks |= {"f1": lacks["uar"] | _lacks(found["f1"]), "ece": _lacks(scores["ece"])}
    by_class = {"f1": found["f1"], "uar": found["tpr"], **scores}
    return {n: np.where(lacks[n], np.nan, class_mean(by_class[n])) for n in by_class}


def compared(counts: Floats, values: dict[str, Floats]) -> dict[str, Floats]:
    """Each of :data:`COMPARISONS` [...], NaN where there is none.

    Args:
        counts: [..., G, C, 4].
        values: of :func:`group_values`.
    """
    recall = rate_of(counts, "tpr")
    if recall.shape[-2] < 2:
        return dict.fromkeys(COMPARISONS, np.full(recall.shape[:-2], np.nan))
    found = {
        name: values[key].max(axis=-1) if key == "ece" else values[key].min(axis=-1)
        for name, (key, _) in WORST.items()
    }
    smallest = np.fmin.reduce(np.fmin.reduce(recall, axis=-1), axis=-1)
    found[WORST_CELL] = np.where(np.isnan(values["uar"]).any(axis=-1), np.nan, smallest)
    return found | {name: np.ptp(values[key], axis=-1) for name, key in DISTANCES.items()}


def _lacks(by_class: Floats) -> Any:
    """Whether a group lacks a number of a class that another group has [..., G]."""
    absent = np.isnan(by_class)
    return (absent & ~absent.all(axis=-2, keepdims=True)).any(axis=-1)


def lacking(counts: Floats, groups: Sequence[str], classes: Sequence[str]) -> dict[str, str]:
    """Why a group has no number, by number: such as ``male has no positive clip of sad``.

    ``f1`` and ``uar`` need positive clips, ``auroc`` also others. Numbers that all groups have are
    left out.

    Args:
        counts: [G, C, 4] as measured.
        groups: names of the G groups.
        classes: names of the C classes.
    """
    positive, negative = counts[..., 1] > 0, counts[..., 0] > counts[..., 1]
    there = {"positive": positive, "other": negative}
    found = {
        kind: [
            f"{groups[g]} has no {kind} clip of {classes[c]}"
            for g, c in np.argwhere(~has & has.any(axis=0)).tolist()
        ]
        for kind, has in there.items()
    }
    one_sided = np.isnan(rate_of(counts, "f1"))
    found["f1"] = [
        f"{groups[g]} has no clip of {classes[c]} and none is predicted"
        for g, c in np.argwhere(one_sided & ~one_sided.all(axis=0) & ~positive.any(axis=0)).tolist()
    ]
    both = {
        "f1": found["positive"] + found["f1"],
        "uar": found["positive"],
        "auroc": found["positive"] + found["other"],
    }
    return {name: joined(shortened(why, SHOWN)) for name, why in both.items() if why}


def reasons(
    found: Mapping[str, Any], counts: Floats, groups: Sequence[str], classes: Sequence[str]
) -> dict[str, str]:
    """Why one of :data:`COMPARISONS` does not exist, by name; those that exist are left out.

    Args:
        found: the numbers, as measured; NaN where there is none.
        counts: [G, C, 4] as measured.
        groups: names of the G groups.
        classes: names of the C classes.
    """
    none = [name for name in COMPARISONS if np.isnan(found[name])]
    if len(groups) < 2:
        return dict.fromkeys(none, ONE_GROUP)
    keys = {name: key for name, (key, _) in WORST.items()} | {WORST_CELL: "uar"} | DISTANCES
    why = {"ece": NO_SHARES} | lacking(counts, groups, classes)
    return {name: why.get(keys[name], NOTHING) for name in none}


def score_record(decisions: Decisions, classes: Sequence[str]) -> dict[str, Any]:
    """``auroc`` and ``ece`` of all clips, each also ``_by_class``; ``no_ece`` says why not."""
    found: dict[str, Any] = {}
    everyone = np.ones(len(decisions.truth), bool)
    for name, by_class in _scores(decisions, everyone).items():
        found[name] = or_none(class_mean(by_class))
        found[f"{name}_by_class"] = dict(zip(classes, map(or_none, by_class), strict=True))
    return found | ({"no_ece": NO_SHARES} if np.isnan(decisions.excess).any() else {})


def group_record(decisions: Decisions, attribute: str, classes: Sequence[str]) -> dict[str, Any]:
    """The numbers of the groups of one attribute, ready for JSON (what does not exist is None).

    Args:
        decisions: of the N clips, which have a ``speaker`` and attributes; null is left out.
        attribute: one of them.
        classes: names of the C classes.

    Returns:
        ``by_group`` (``speakers``, ``f1``, ``uar``, ``auroc``, ``ece`` of each), ``compared``
        (:func:`compared`), ``worst`` (which group, or group and class, each is of) and ``missing``
        (why one is None).
    """
    clips = decisions.clips
    column, people = clips[attribute].to_list(), clips["speaker"].to_list()
    groups = sorted({name for name in column if name is not None})
    numbers = {name: g for g, name in enumerate(groups)}
    place = np.array([numbers.get(name, -1) for name in column], dtype=np.int64)
    counts = group_counts(decisions.truth, decisions.predicted, place, len(groups))
    parts = [_scores(decisions, place == g) for g in range(len(groups))]
    scores = {n: np.array([p[n] for p in parts]).reshape(-1, len(classes)) for n in SCORES}
    own = group_values(counts, scores)
    known = {pair for pair in zip(column, people, strict=True) if is_somebody(pair[1])}
    speakers = Counter(name for name, _ in known)
    found = compared(counts, own)
    worst: dict[str, dict[str, str]] = {}
    for name, (key, _) in WORST.items():
        if not np.isnan(found[name]):
            g = own[key].argmax() if key == "ece" else own[key].argmin()
            worst[name] = {"group": groups[int(g)]}
    if not np.isnan(found[WORST_CELL]):
        recall = rate_of(counts, "tpr")
        g, c = np.unravel_index(np.nanargmin(recall), recall.shape)
        worst[WORST_CELL] = {"group": groups[int(g)], "class": classes[int(c)]}
    return {
        "by_group": {
            group: {
                "speakers": speakers[group],
                **{name: or_none(values[g]) for name, values in own.items()},
            }
            for g, group in enumerate(groups)
        },
        "compared": {name: or_none(value) for name, value in found.items()},
        "worst": worst,
        "missing": reasons(found, counts, groups, classes),
    }


def _scores(decisions: Decisions, mine: Labels) -> dict[str, Floats]:
    """By class [C], of the clips at which ``mine`` [N] is true."""
    values = decisions.values[mine]
    return {
        "auroc": auroc(decisions.truth[mine], values),
        "ece": calibration_error(decisions.excess[mine], values),
    }


def check_names() -> None:
    """Refuse a metric of the user's own with the name of one of these.

    Raises:
        InputError: it would replace the number of this name.
    """
    for name in (*SCORES, *COMPARISONS):
        if name in extensions("METRICS"):
            file = extensions("METRICS")[name].file
            raise InputError(
                f"{file}: the metric '{name}' has the name of a number that every run has. Choose "
                "another name."
            )
