"""The verdict in words: which group, which class, how large, how sure.

A gap between extremes is above zero for a fair classifier too, so it is shown beside the gap that
chance alone gives. Single differences are named only if they are significant after Holm's
correction for all that were tested.
"""

from dataclasses import dataclass
from math import isnan
from typing import Any

import polars as pl

from fairser.auditing.estimates import smallest_detected
from fairser.auditing.grouping import Attribute
from fairser.auditing.tables import Audit
from fairser.auditing.wording import (
    CROSS,
    class_words,
    group_words,
    largest_first,
    metric_titles,
    p_words,
    people,
    percent,
    points,
)
from fairser.core.text import SIGNIFICANT, estimate, is_significant
from fairser.core.words import counted, joined
from fairser.corpora.clips import SINGLE
from fairser.evaluation.estimates import holm
from fairser.evaluation.resampling import FEWEST
from fairser.results.style import words

FEW = 10  # units: below it a group's intervals and p-values are rough

NO_SPEAKERS = (
    "WARNING: no file says in a column 'speaker' who speaks, so each clip is treated as if it had "
    "a speaker of its own. Clips of one speaker are alike, so all intervals are too narrow and all "
    "p-values too small. Name the column by --speaker, add it, or give attributes with the speaker "
    "of each clip in --groups."
)


@dataclass(frozen=True)
class Finding:
    """The sentences on one attribute, and whether its gap or a single difference is significant."""

    stands_out: bool
    sentences: list[str]


@dataclass(frozen=True)
class Verdict:
    """An audit in words: how much was audited and how well, a summary, and the findings."""

    warnings: list[str]
    headline: str
    summary: str
    attributes: dict[str, Finding]


def judge(audit: Audit) -> Verdict:
    """The verdict on an audit."""
    gaps = audit.gaps.filter(pl.col("class").is_null(), rate="tpr", variant="pairwise").to_dicts()
    corrected = holm([gap["p"] for gap in gaps])
    tested = sum(p == p for p in corrected)
    note = f", corrected for {tested} attributes" if tested > 1 else ""
    findings = {
        attribute.name: _finding(audit, attribute, gap | {"p": p}, note)
        for attribute, gap, p in zip(audit.attributes, gaps, corrected, strict=True)
    }
    warnings = [] if audit.units.speakers else [NO_SPEAKERS]
    return Verdict(warnings, _headline(audit), _summary(findings), findings)


def _headline(audit: Audit) -> str:
    row = audit.performance.row(0, named=True)
    task = audit.decisions.task
    labels = "one label per clip" if task == SINGLE else "several labels per clip"
    of = f" of {counted(row['speakers'], 'speaker')}" if audit.units.speakers else ""
    titles = metric_titles(task)
    scores = [f"{title} {estimate(row, name)}" for name, title in titles.items()]
    return (
        f"{counted(row['clips'], 'clip')}{of}, {len(audit.decisions.classes)} classes, {labels}: "
        f"{', '.join(scores)}. Brackets hold 95 % intervals."
    )


def _summary(findings: dict[str, Finding]) -> str:
    there = [words(name) for name, found in findings.items() if found.stands_out]
    none = [words(name) for name, found in findings.items() if not found.stands_out]
    if not there:
        return f"No statistically significant difference for {joined(none)}."
    rest = f"; none for {joined(none)}" if none else ""
    return f"Statistically significant differences for {joined(there)}{rest}."


def _finding(audit: Audit, attribute: Attribute, gap: dict[str, Any], corrected: str) -> Finding:
    mine = audit.differences.filter(attribute=attribute.name)
    found = mine.filter("stands_out")
    whole = is_significant(gap["p"])
    sentences = [_compared(audit, attribute), _gap(attribute, gap, corrected)]
    sentences += _significant(attribute.name, found)
    if not found.height:
        sentences.append(_nothing(audit, mine, whole))
    elif gap["p"] >= SIGNIFICANT:
        sentences.append("The gap over all classes is not larger than chance alone can explain.")
    return Finding(whole or found.height > 0, sentences)


def _compared(audit: Audit, attribute: Attribute) -> str:
    """The groups with their sizes, and which of them are small."""
    rows = audit.performance.filter(attribute=attribute.name).to_dicts()
    unit = audit.units.name
    named = []
    for row in rows:
        sizes = [counted(row[kind], kind[:-1]) for kind in dict.fromkeys((unit, "clips"))]
        named.append(f"{group_words(attribute.name, row['group'])} ({', '.join(sizes)})")
    rest = f"; group unknown: {counted(attribute.unknown, 'clip')}" if attribute.unknown else ""
    sentences = [f"Compared: {joined(named)}{rest}."]
    tiny = [people(attribute.name, row["group"]) for row in rows if row[unit] < FEWEST]
    rough = [people(attribute.name, r["group"]) for r in rows if FEWEST <= r[unit] < FEW]
    if tiny:
        leave = len(rows) > len(tiny) + 1
        way_out = f" (leave such groups out with --smallest {FEWEST})" if leave else ""
        sentences.append(
            f"Too small for intervals and tests, with fewer than {FEWEST} {unit}: "
            f"{joined(tiny)}{way_out}."
        )
    if rough:
        sentences.append(
            f"Small, with fewer than {FEW} {unit}, so intervals and p-values are rough: "
            f"{joined(rough)}."
        )
    return " ".join(sentences)


def _gap(attribute: Attribute, gap: dict[str, Any], corrected: str) -> str:
    """The gap in recall beside the one that chance gives."""
    if gap["gap"] is None:
        return "No class has clips of two of these groups, so no recall can be compared."
    names = [people(attribute.name, group) for group in attribute.groups]
    between = joined(names) if len(names) == 2 else f"the {len(names)} groups"
    ends = ""
    if gap["gap_low"] is not None:
        low, high = (points(gap[f"gap_{end}"]).split()[0] for end in ("low", "high"))
        ends = f" (95 % interval {low} to {high})"
    first = f"The gap in recall between {between} is {points(gap['gap'])}{ends}."
    # A crossing within a sentence is "gender and race".
    what = words(attribute.name).replace(CROSS, " and ")
    if gap["chance"] is None:
        return (
            f"{first} Chance alone gives some gap, too. How large it is can't be computed here, "
            f"because {what} changes within speakers."
        )
    tested = "" if isnan(gap["p"]) else f" ({p_words(gap['p'])}{corrected})"
    return (
        f"{first} If {what} made no difference, chance alone would give about "
        f"{points(gap['chance'])}{tested}."
    )


def _significant(attribute: str, found: pl.DataFrame) -> list[str]:
    """The largest significant differences in recall and false alarms, and what others there are."""
    recall, alarms = (largest_first(found.filter(rate=rate)) for rate in ("tpr", "fpr"))
    shares = found.filter(rate="ppr")
    sentences = []
    if recall.height:
        name = class_words(recall["class"][0])
        largest = _largest(attribute, recall, "recognised")
        sentences.append(
            f"Largest difference in one class: of the clips labelled {name}, {largest}."
        )
    if recall.height > 1:
        worse = recall["other"].unique()
        always = f", each time lower for {people(attribute, worse[0])}" if len(worse) == 1 else ""
        sentences.append(
            f"In all, {recall.height} differences in recall are significant "
            f"({_classes(recall)}){always}."
        )
    if alarms.height:
        name = class_words(alarms["class"][0])
        largest = _largest(attribute, alarms, f"predicted as {name}")
        many = alarms.height > 1
        more = f" (the largest of {alarms.height} that are significant)" if many else ""
        sentences.append(f"False alarms: of the clips not labelled {name}, {largest}{more}.")
    if shares.height:
        sentences.append(
            f"How often a class is predicted differs significantly for {_classes(shares)}."
        )
    return sentences


def _largest(attribute: str, found: pl.DataFrame, what: str) -> str:
    """Such as ``89 % are recognised for women and 26 % for men, a difference of 63 points``."""
    row = found.row(0, named=True)
    more, less = (people(attribute, row[name]) for name in ("group", "other"))
    difference = points(*(row[f"difference{end}"] for end in ("", "_low", "_high")))
    return (
        f"{percent(row['group_rate'])} are {what} for {more} and {percent(row['other_rate'])} for "
        f"{less}, a difference of {difference}, {p_words(row['p_holm'])}"
    )


def _classes(found: pl.DataFrame) -> str:
    return joined(list(map(class_words, found["class"].unique(maintain_order=True))))


def _nothing(audit: Audit, mine: pl.DataFrame, whole: bool) -> str:
    """What is said of an attribute without a significant difference."""
    tested = mine.filter(rate="tpr").drop_nulls("p")
    unit = audit.units.name
    if not tested.height:
        return (
            f"No difference could be tested: a test needs two groups with at least {FEWEST} {unit} "
            "each in the same class."
        )
    first = "No single difference is significant."
    if whole:
        first = "The gap is larger than chance alone explains, but no single one is significant."
    tests = int(audit.differences["p"].count())
    pairs = tested.group_by("group", "other").agg(pl.col("error").median(), pl.col("units").min())
    sizes = [smallest_detected(error, units, tests) for _, _, error, units in pairs.iter_rows()]
    if min(sizes) >= 1:
        return f"{first} With so few {unit}, no difference can be."
    low, high = points(min(sizes)), points(min(max(sizes), 1.0))
    size = low if low == high else f"{low.split()[0]} to {high}, depending on the groups,"
    return (
        f"{first} A difference in the recall of one class below about {size} would probably not "
        "be detected."
    )
