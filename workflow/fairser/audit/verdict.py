"""The verdict in words: which group, which emotion, how large, how sure.

A gap of extremes is above zero for a fair classifier too, so it is told beside the gap that chance
gives. Single differences are called such only after Holm's correction for all that were tested.
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from fairser.audit.estimates import FEWEST
from fairser.audit.grouping import Attribute
from fairser.audit.tables import Audit
from fairser.audit.wording import (
    attribute_title,
    attribute_words,
    class_words,
    counted,
    group_words,
    joined,
    number,
    p_words,
    people,
    percent,
    points,
    stand,
)
from fairser.evaluation.bootstrap import holm
from fairser.results.tables import SIGNIFICANT

FEW = 10  # units: below it a group's intervals and p-values are rough
POWER = 0.8  # with which the smallest difference would have been seen
METRICS = {"accuracy": "accuracy", "uar": "UAR", "f1": "macro F1", "acc": "Hamming accuracy"}

NO_SPEAKERS = (
    "WARNING: no file has a column 'speaker', so every clip counts as if a speaker of its own had "
    "spoken it. Clips of one speaker are alike: all intervals are too narrow and all p-values too "
    "small. Add the column, or give attributes with speakers by clip in --groups."
)


@dataclass(frozen=True)
class Finding:
    """What is said of one attribute.

    Attributes:
        attribute: its name.
        stands_out: whether the gap as a whole or a single difference is more than noise.
        sentences: the verdict.
    """

    attribute: str
    stands_out: bool
    sentences: list[str]


def headline(audit: Audit) -> str:
    """How much was audited, and how well the classifier does over all clips."""
    row = audit.performance.row(0, named=True)
    labels = "one label per clip" if audit.decisions.single else "several labels per clip"
    of = f" of {counted(row['speakers'], 'speaker')}" if audit.units.speakers else ""
    classes = number(len(audit.decisions.classes))
    scores = []
    for name, words in METRICS.items():
        # With one label per clip, Hamming accuracy says nothing that accuracy does not.
        if row.get(name) is not None and not (name == "acc" and audit.decisions.single):
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            ends = "" if low is None else f" [{low:.3f}, {high:.3f}]"
            scores.append(f"{words} {row[name]:.3f}{ends}")
    return f"{counted(row['clips'], 'clip')}{of}, {classes} classes, {labels}: {', '.join(scores)}."


def warnings(audit: Audit) -> list[str]:
    """What a reader must know before any number."""
    return [] if audit.units.speakers else [NO_SPEAKERS]


def summary(findings: list[Finding]) -> str:
    """One sentence for all attributes."""
    there = [attribute_title(f.attribute) for f in findings if f.stands_out]
    none = [attribute_title(f.attribute) for f in findings if not f.stands_out]
    if not there:
        return f"No difference stands out from noise for {joined(none)}."
    rest = f", none for {joined(none)}" if none else ""
    return f"Differences stand out from noise for {joined(there)}{rest}."


def findings(audit: Audit) -> list[Finding]:
    """The verdict on each attribute."""
    gaps = audit.gaps.filter(
        pl.col("class").is_null(), pl.col("rate") == "tpr", pl.col("variant") == "pairwise"
    ).to_dicts()
    raw = [float("nan") if gap["p"] is None else gap["p"] for gap in gaps]
    tested = sum(p == p for p in raw)
    corrected = f", corrected for {number(tested)} attributes" if tested > 1 else ""
    return [
        _finding(audit, attribute, gap, p, corrected)
        for attribute, gap, p in zip(audit.attributes, gaps, holm(raw), strict=True)
    ]


def _finding(
    audit: Audit, attribute: Attribute, gap: dict[str, Any], p: float, corrected: str
) -> Finding:
    mine = audit.differences.filter(pl.col("attribute") == attribute.name)
    found = mine.filter("stands_out")
    whole = p < SIGNIFICANT
    sentences = [_who(audit, attribute)]
    if gap["gap"] is None:
        sentences.append("No class has clips of two of these groups: there is no gap in recall.")
    else:
        sentences += _gap(attribute, gap, f"{p_words(p)}{corrected}")
    recalls = found.filter(pl.col("rate") == "tpr")
    sentences += _recalls(attribute, recalls)
    sentences += _others(attribute, found)
    if not found.height:
        sentences += _nothing(audit, mine, whole)
    elif p >= SIGNIFICANT:
        sentences.append("Over all classes together, the gap is no larger than chance gives.")
    return Finding(attribute.name, whole or found.height > 0, sentences)


def _who(audit: Audit, attribute: Attribute) -> str:
    rows = audit.performance.filter(pl.col("attribute") == attribute.name).to_dicts()
    told = []
    for row in rows:
        speakers = f"{counted(row['speakers'], 'speaker')}, " if audit.units.speakers else ""
        name = group_words(attribute.name, row["group"])
        told.append(f"{name} ({speakers}{counted(row['clips'], 'clip')})")
    unknown = f"; {attribute.unknown:,} clips of unknown group" if attribute.unknown else ""
    sentence = f"Compared: {joined(told)}{unknown}."
    few = {row["group"]: row[audit.units.name] for row in rows if row[audit.units.name] < FEW}
    tiny = [people(attribute.name, group) for group, n in few.items() if n < FEWEST]
    rough = [people(attribute.name, group) for group, n in few.items() if n >= FEWEST]
    if tiny:
        way_out = (
            f"; --smallest {FEWEST} leaves such groups out" if len(rows) > len(tiny) + 1 else ""
        )
        sentence += (
            f" Too few to say anything of others like them: {joined(tiny)} (fewer than {FEWEST} "
            f"{audit.units.name}{way_out})."
        )
    if rough:
        sentence += f" Small, so take what is said with care: {joined(rough)}."
    return sentence


def _gap(attribute: Attribute, gap: dict[str, Any], sure: str) -> list[str]:
    names = [people(attribute.name, group) for group in attribute.groups]
    between = joined(names) if len(names) == 2 else f"the {number(len(names))} groups"
    ends = ""
    if gap["gap_low"] is not None:
        low, high = (points(gap[f"gap_{end}"]).removesuffix(" points") for end in ("low", "high"))
        ends = f" (95 % interval {low} to {high})"
    first = f"The gap in recall between {between} is {points(gap['gap'])}{ends}."
    words = attribute_words(attribute.name)
    if gap["chance"] is None:
        return [
            first,
            "Even a fair classifier has some gap; how much chance gives cannot be told here, "
            f"since {words} changes within speakers.",
        ]
    return [
        f"{first} Were {words} of no account, {points(gap['chance'])} would be expected by chance "
        f"({sure})."
    ]


def _recalls(attribute: Attribute, found: pl.DataFrame) -> list[str]:
    """The largest difference in recall that stands out, and how many others do."""
    if not found.height:
        return []
    rows = found.sort(pl.col("difference").abs(), descending=True).to_dicts()
    first = rows[0]
    more, less = by_size(attribute.name, first)
    name = class_words(first["class"])
    sentences = [
        f"Largest in a single class: {name}, recognised in {percent(more[1])} of the clips of "
        f"{more[0]} and in {percent(less[1])} of those of {less[0]}: {_size(first)}."
    ]
    if len(rows) > 1:
        classes = list(dict.fromkeys(class_words(row["class"]) for row in rows))
        others = number(len(rows) - 1)
        sentences.append(
            f"{others.capitalize()} more {stand(len(rows) - 1)} out in recall "
            f"(of {joined(classes)})."
        )
        worse = {by_size(attribute.name, row)[1][0] for row in rows}
        if len(worse) == 1:
            sentences.append(f"In each of them {worse.pop()} are recognised less often.")
    return sentences


def _others(attribute: Attribute, found: pl.DataFrame) -> list[str]:
    """False alarms that stand out, and how many differences in predicted shares do."""
    sentences = []
    alarms = found.filter(pl.col("rate") == "fpr")
    if alarms.height:
        more_of = alarms.height - 1
        row = alarms.sort(pl.col("difference").abs(), descending=True).row(0, named=True)
        more, less = by_size(attribute.name, row)
        sentences.append(
            f"False alarms: {class_words(row['class'])} is predicted in {percent(more[1])} of the "
            f"clips of {more[0]} that do not have it and in {percent(less[1])} of those of "
            f"{less[0]}: {_size(row)}"
            + (f"; {number(more_of)} more {stand(more_of)} out." if more_of else ".")
        )
    shares = found.filter(pl.col("rate") == "ppr")
    if shares.height:
        classes = list(dict.fromkeys(class_words(name) for name in shares["class"]))
        sentences.append(f"How often a class is predicted at all differs for {joined(classes)}.")
    return sentences


def _nothing(audit: Audit, mine: pl.DataFrame, whole: bool) -> list[str]:
    tested = mine.filter(pl.col("rate") == "tpr").drop_nulls("p")
    if not tested.height:
        return [
            f"No difference could be tested: it takes two groups with {FEWEST} "
            f"{audit.units.name} each that have clips of the same class."
        ]
    sizes = smallest_seen(audit, tested)
    start = (
        "The gap as a whole is larger than chance gives, but no single difference is sure."
        if whole
        else "No single difference stands out from noise."
    )
    if min(sizes) >= 1:
        return [f"{start} With so few {audit.units.name}, none could."]
    low, high = points(min(sizes)), points(min(max(sizes), 1.0))
    size = low if low == high else f"{low.split()[0]} to {high}, depending on the groups,"
    return [
        f"{start} A difference in one class's recall below about {size} would mostly go unseen."
    ]


def smallest_seen(audit: Audit, tested: pl.DataFrame) -> list[float]:
    """The difference that Holm's first step would find with 80 % probability, by pair of groups.

    Args:
        audit: with all differences that were tested.
        tested: those in question; of a pair's standard errors the median counts.
    """
    from scipy.special import stdtrit

    level = 1 - SIGNIFICANT / 2 / int(audit.differences["p"].count())
    pairs = tested.group_by("group", "other").agg(pl.col("error").median(), pl.col("units").min())
    return [
        float(error * stdtrit(units - 1, [level, POWER]).sum())
        for error, units in pairs.select("error", "units").iter_rows()
    ]


def by_size(attribute: str, row: dict[str, Any]) -> tuple[tuple[str, float], tuple[str, float]]:
    """The two groups of a difference with their rates, the higher one first."""
    one = (people(attribute, row["group"]), row["group_rate"])
    other = (people(attribute, row["other"]), row["other_rate"])
    return (one, other) if one[1] >= other[1] else (other, one)


def unsigned(row: dict[str, Any]) -> tuple[float, float, float]:
    """A difference and its interval, the other way round where it is negative."""
    low, high = row["difference_low"], row["difference_high"]
    value = row["difference"]
    return (value, low, high) if value >= 0 else (-value, -high, -low)


def _size(row: dict[str, Any]) -> str:
    return f"{points(*unsigned(row))}, {p_words(row['p_holm'])}"
