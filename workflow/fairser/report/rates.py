"""Rates by class and group as rows of a page."""

from collections.abc import Mapping, Sequence
from typing import Any

from fairser.report.pages import Cell, Column, Row, number, text

RATES = {"tpr": "TPR", "ppr": "PPR", "fpr": "FPR", "f1": "F1"}
MEANING = {
    "tpr": "True positive rate: share of the clips with the emotion where it is predicted.",
    "ppr": "Predicted positive rate: share of all clips where it is predicted.",
    "fpr": "False positive rate: share of the clips without the emotion where it is predicted.",
    "f1": "F1 of the emotion.",
}
NO_RATE = "A rate without clips is empty, never 0."
Key = tuple[str, ...]  # such as attribute, class and group
Lines = Mapping[Key, Mapping[str, Any]]  # a run's counts and rates


def rate_columns() -> list[Column]:
    """Emotion, group, counts and rates."""
    return [
        Column("class", "Emotion", choice=True),
        Column("group", "Group", choice=True),
        Column("clips", "Clips", number=True, help="Test clips of the group, over all folds."),
        Column("positives", "With emotion", number=True, help="Those that are labelled with it."),
        *(Column(name, label, number=True, help=MEANING[name]) for name, label in RATES.items()),
    ]


def rate_rows(
    configurations: Sequence[tuple[Mapping[str, Cell], Sequence[int]]],
    lines: Sequence[Lines],
    keys: Sequence[str],
    folds: Sequence[int],
) -> list[Row]:
    """A row per configuration and key: rates are means over folds of means over seeds.

    Args:
        configurations: the first cells of each, and the numbers of its runs.
        lines: of each run.
        keys: what the keys of ``lines`` are called.
        folds: of each run.
    """
    rows = []
    for head, runs in configurations:
        for key in dict.fromkeys(key for i in runs for key in lines[i]):
            behind = [i for i in runs if key in lines[i]]
            found = [lines[i][key] for i in behind]
            at = [folds[i] for i in behind]
            cells = {**head, **{name: text(part) for name, part in zip(keys, key, strict=True)}}
            for name in ("clips", "positives"):
                cells[name] = number(round(sum(_by_fold(found, at, name))))
            for name in RATES:
                means = _by_fold(found, at, name)
                mean = sum(means) / len(means) if means else None
                cells[name] = number(mean, opens=True)
            values = {name: [line[name] for line in found] for name in RATES}
            rows.append(Row(cells, behind, values))
    return rows


def _by_fold(lines: Sequence[Mapping[str, Any]], folds: Sequence[int], name: str) -> list[float]:
    """Mean over the seeds of each fold, where the number exists."""
    found: dict[int, list[float]] = {}
    for line, fold in zip(lines, folds, strict=True):
        if line[name] is not None:
            found.setdefault(fold, []).append(line[name])
    return [sum(values) / len(values) for values in found.values()]
