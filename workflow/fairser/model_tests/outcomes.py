"""The result of one test: its value, what it is compared with, and the verdict."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from fairser.evaluation.metrics import Floats
from fairser.evaluation.resampling import Support, interval

PASSED, FAILED, NOT_TESTABLE = "passed", "failed", "not_testable"
VERDICTS = (PASSED, FAILED, NOT_TESTABLE)
PUBLISHED, SIMULATED, CHOSEN = "published", "simulated", "chosen"
AT_LEAST, AT_MOST, WITHIN = "at_least", "at_most", "within"  # how a value meets its threshold
RULES = {AT_LEAST: "at least", AT_MOST: "at most", WITHIN: "within ±"}
ROUNDING = 1e-9  # 0.85 - 0.9 is a little below -0.05
UNSURE = "not sure: values within the interval would pass"
NO_THRESHOLD = "the random model gives no number to compare with"
TITLES = {
    "answered": "Clips with an answer",
    "uar": "UAR",
    "uap": "UAP",
    "recall": "Recall of a class",
    "precision": "Precision of a class",
    "share": "Share of a class, predicted less true",
    "speaker_share_error": "Share of a class by speaker, mean absolute error",
    "speaker_rank": "Ranking of the speakers, Spearman",
    "ccc": "CCC",
    "pearson": "Pearson correlation",
    "mean_absolute_error": "Mean absolute error",
    "distribution": "Jensen-Shannon distance of the distributions",
    "speaker_mean_error": "Mean of a speaker, mean absolute error",
    "uar_difference": "UAR, group less all",
    "recall_difference": "Recall of a class, group less all",
    "precision_difference": "Precision of a class, group less all",
    "ccc_difference": "CCC, group less all",
    "share_difference": "Predicted share of a class, group less all",
    "mean_difference": "Mean prediction, group less all",
    "same_prediction": "Same prediction as without the change",
    "uar_change": "UAR, change",
    "ccc_change": "CCC, change",
    "uar_gap": "Gap in UAR between the groups, change",
    "ccc_gap": "Gap in CCC between the groups, change",
    "same_prediction_gap": "Gap in same predictions between the groups",
}


@dataclass(frozen=True)
class Subject:
    """What a test is about. None: not of one condition, attribute, group or output."""

    family: str
    test: str  # one of TITLES
    condition: str | None = None
    attribute: str | None = None
    group: str | None = None
    output: str | None = None  # class or dimension, or a bin of a dimension

    @property
    def id(self) -> str:
        """The name of the test, the same for every model on the same corpus."""
        group = self.attribute and "=".join(filter(None, [self.attribute, self.group]))
        return "/".join(filter(None, [self.family, self.test, self.condition, group, self.output]))

    @property
    def title(self) -> str:
        return TITLES[self.test]


@dataclass(frozen=True)
class Threshold:
    """What a value is compared with.

    ``source`` is :data:`PUBLISHED` (arXiv 2312.06270), :data:`SIMULATED` for the sizes at hand, or
    :data:`CHOSEN` by this project. ``published`` is the published value of a simulated one.
    """

    value: float
    rule: str
    source: str = PUBLISHED
    published: float | None = None

    def is_met(self, value: float) -> bool:
        if self.rule == AT_LEAST:
            return value >= self.value - ROUNDING
        return (abs(value) if self.rule == WITHIN else value) <= self.value + ROUNDING

    def is_met_within(self, low: float, high: float) -> bool:
        """Whether a value of an interval meets it; False where the interval does not exist."""
        nearest = {AT_LEAST: high, AT_MOST: low, WITHIN: min(max(low, 0.0), high)}[self.rule]
        return not np.isnan(low) and self.is_met(nearest)


@dataclass(frozen=True)
class TestResult:
    """One test of a model. None: it does not exist.

    Attributes:
        id: of its :class:`Subject`, whose fields follow.
        title: what the value is, in words.
        value: as measured.
        low: of the interval of 95 % by a bootstrap over speakers; ``high`` is its other end.
        threshold: what the value is compared with, as ``rule`` says.
        threshold_source: ``published``, ``simulated`` or ``chosen``.
        published: the published threshold beside a simulated one.
        verdict: one of :data:`VERDICTS`.
        reason: why there is no verdict, or what to know about the value.
        random: value of the random model; ``constant`` that of the constant one.
        before: of a gap, without the change of the audio; ``after`` is that with it.
        clips: behind the value.
        speakers: behind the value; None where no speaker is known.
    """

    __test__ = False  # for pytest, which collects names that begin with Test

    id: str
    family: str
    test: str
    condition: str | None
    attribute: str | None
    group: str | None
    output: str | None
    title: str
    value: float | None
    low: float | None
    high: float | None
    threshold: float | None
    rule: str | None
    threshold_source: str | None
    published: float | None
    verdict: str
    reason: str
    random: float | None
    constant: float | None
    before: float | None
    after: float | None
    clips: int
    speakers: int | None


FIELDS = tuple(field.name for field in fields(TestResult))


@dataclass(frozen=True)
class Measured:
    """A number and what it rests on.

    Attributes:
        values: as measured, then by resample [1 + R]; NaN where it does not exist.
        units: speakers, or clips where no speaker is known, of the smallest group.
        clips: behind it.
        speakers: behind it; None where no speaker is known.
        signed: whether it can be negative.
        limit: its largest absolute value, also of the interval.
        ends: what its difference is of, before and after.
    """

    values: Floats
    units: int
    clips: int
    speakers: int | None
    signed: bool = False
    limit: float = 1.0
    ends: tuple[float, float] | None = None


def outcome(
    subject: Subject, measured: Measured, threshold: Threshold, missing: str, note: str = ""
) -> TestResult:
    """The result of a test.

    Args:
        subject: what it is about.
        measured: its number.
        threshold: NaN leaves it without a verdict.
        missing: why the number does not exist, if it does not.
        note: what to know about it, if it does.
    """
    value = float(measured.values[0])
    if np.isnan(value):
        return untestable(subject, missing, measured)
    support = Support(measured.units, measured.units - 1)
    ends = interval(value, measured.values[1:], support, measured.signed)
    low, high = np.clip(ends, -measured.limit, measured.limit)
    known = not np.isnan(threshold.value)
    verdict = (PASSED if threshold.is_met(value) else FAILED) if known else NOT_TESTABLE
    unsure = verdict == FAILED and threshold.is_met_within(low, high)
    why = UNSURE if unsure else "" if known else NO_THRESHOLD
    before, after = measured.ends or (None, None)
    return _result(
        subject,
        measured,
        value=value,
        low=_number(low),
        high=_number(high),
        threshold=_number(threshold.value),
        rule=threshold.rule,
        threshold_source=threshold.source,
        published=threshold.published,
        verdict=verdict,
        reason="; ".join(filter(None, [why, note])),
        before=_number(before),
        after=_number(after),
    )


def untestable(subject: Subject, reason: str, measured: Measured | None = None) -> TestResult:
    """The result of a test that can't be made."""
    return _result(subject, measured, verdict=NOT_TESTABLE, reason=reason)


def _result(subject: Subject, measured: Measured | None, **found: Any) -> TestResult:
    given = dict.fromkeys(FIELDS) | vars(subject) | {"id": subject.id, "title": subject.title}
    given["clips"] = measured.clips if measured else 0
    given["speakers"] = measured.speakers if measured else None
    return TestResult(**(given | found))  # type: ignore[arg-type]


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
