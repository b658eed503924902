"""What an audit shows a reader: the verdict as text, and tables of a few columns.

A table is the names of its columns, and its rows of text.
"""

import polars as pl

from fairser.auditing.figures import RATES
from fairser.auditing.tables import Audit
from fairser.auditing.verdict import Verdict
from fairser.auditing.wording import (
    class_words,
    group_words,
    largest_first,
    metric_titles,
    p_words,
    people,
)
from fairser.core.text import estimate, number
from fairser.results.style import words

Cells = tuple[list[str], list[list[str]]]

# In the order of metrics.COMPARED.
GAPS = ("recall", "share of clips predicted", "false alarms", "precision")
MOST_ROWS = 30
HOW = (
    "**Recall** is the share of the clips of a class that are recognised. **False alarms** are the "
    "share of the clips of other classes that are predicted as the class. **Precision** is the "
    "share of the clips predicted as a class that are of it. The **gap** in recall is "
    "the difference between the best and the worst group, class by class, and the root mean square "
    "of these over the classes. **Intervals** contain 95 % of the values that other speakers like "
    "these would give (bootstrap over {units}). The gap by **chance** is the mean of {resamples:,} "
    "audits with the groups shuffled among the {units}; its p-value is the share of these with a "
    "gap as large as the real one. p-values of single differences are corrected (Holm) for all "
    "{tested:,} differences that were tested. A significant difference shows where a classifier "
    "is uneven, not why: groups may also differ in what they said or how they were recorded. If "
    "nothing is significant, there may still be differences that are too small to detect."
)


def plain_text(verdict: Verdict, notes: list[str]) -> str:
    """The verdict for a terminal."""
    lines = [*verdict.warnings, verdict.headline, verdict.summary, ""]
    for name, finding in verdict.attributes.items():
        lines += [words(name).capitalize(), *(f"  {s}" for s in finding.sentences), ""]
    return "\n".join([*lines, *notes]).rstrip() + "\n"


def recall_table(audit: Audit, attribute: str) -> Cells:
    """Recall of each class, a column for each group."""
    mine = audit.rates.filter(attribute=attribute)
    groups = mine["group"].unique(maintain_order=True)
    cells = [
        [class_words(name), *(estimate(row, "tpr") for row in part.to_dicts())]
        for (name,), part in mine.group_by("class", maintain_order=True)
    ]
    return ["Recall of", *(group_words(attribute, group) for group in groups)], cells


def gap_table(audit: Audit, attribute: str) -> Cells:
    """The gaps over all classes in each rate."""
    mine = audit.gaps.filter(pl.col("class").is_null(), attribute=attribute, variant="pairwise")
    rows = [
        [name, estimate(row, "gap"), number(row["chance"]), number(row["p"])]
        for name, row in zip(GAPS, mine.to_dicts(), strict=True)
    ]
    return ["Gap in", "gap", "by chance", "p"], rows


def difference_table(audit: Audit) -> Cells:
    """The largest of the significant differences, at most :data:`MOST_ROWS`."""
    rows = []
    found = largest_first(audit.differences.filter("stands_out"))
    for row in found.head(MOST_ROWS).to_dicts():
        groups = [
            f"{people(row['attribute'], row[name])} ({number(row[f'{name}_rate'])})"
            for name in ("group", "other")
        ]
        difference = estimate(row, "difference")
        p = p_words(row["p_holm"]).removeprefix("p ").removeprefix("= ")
        rate = RATES.get(row["rate"], "Predicted")
        rows.append([rate, class_words(row["class"]), *groups, difference, p])
    return ["rate", "class", "higher for", "than for", "difference", "p"], rows


def performance_table(audit: Audit) -> Cells:
    """Sizes and metrics of all clips and of each group."""
    metrics = metric_titles(audit.decisions.task)
    units = list(dict.fromkeys((audit.units.name, "clips")))
    rows = []
    for row in audit.performance.to_dicts():
        name = group_words(row["attribute"], row["group"]) if row["attribute"] else row["group"]
        counts = [str(row[unit]) for unit in units]
        rows.append([name, *counts, *(estimate(row, metric) for metric in metrics)])
    return ["", *units, *metrics.values()], rows
