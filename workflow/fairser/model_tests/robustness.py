"""Does the model survive a change of the audio, and does every group?

Under each condition: the share of clips with the same prediction as without it; with background
noise, the change of UAR or CCC; and both by group. Then the gap between the groups before and
after: a model can be fair in the studio and unfair on the phone. A clip without an answer does not
have the same prediction. One that has none without the condition, either, is left out of the share.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fairser.auditing.grouping import Attribute
from fairser.evaluation.metrics import Floats, Labels, divide, uar
from fairser.model_tests.base import CLEAN, DIMENSIONS, Condition
from fairser.model_tests.material import Groups, Material, said
from fairser.model_tests.outcomes import (
    AT_MOST,
    SIMULATED,
    Measured,
    Subject,
    TestResult,
    Threshold,
    outcome,
    untestable,
)
from fairser.model_tests.problems import Problem, problems
from fairser.model_tests.sums import SAME, ccc, moments, spread
from fairser.model_tests.thresholds import CHANGE, Simulation, same_prediction

FAMILY = "robustness"
NOISE = "background noise"
SHARE = "same_prediction"
LACKS = "a group has no clip of a class that another group has"


def robustness_tests(material: Material) -> list[TestResult]:
    """The tests of all conditions, in their order."""
    results = []
    limits: dict[Any, Threshold] = {}  # of gaps: those of an attribute are simulated once
    for condition in material.answers.conditions:
        if condition.name in material.answers.tables:
            for comparison in _comparisons(material, condition):
                results += _tests(material, comparison, limits)
            for name, why in material.unusable.items():
                about = Subject(FAMILY, f"{SHARE}_gap", condition.name, name)
                results.append(untestable(about, why))
        else:
            about = Subject(FAMILY, SHARE, condition.name)
            results.append(untestable(about, _why_none(material, condition.name)))
    return results


def _why_none(material: Material, condition: str) -> str:
    failures = material.answers.failures.filter(condition=condition)
    if not failures.height:
        return "the model was not run on this condition"
    return f"no answer for any clip (the first: {failures['message'][0]})"


@dataclass(frozen=True)
class Comparison:
    """One number before and after a change of the audio.

    Attributes:
        test: its name: ``same_prediction``, ``uar`` or ``ccc``.
        condition: the change.
        problem: before the change.
        cells: what sums add up [N, C, K].
        number: of sums [..., C, K], before and after [..., 2].
        among: the clips that it is of [N].
        truth: of a dimension [N]; else empty.
        note: what to know about it.
    """

    test: str
    condition: Condition
    problem: Problem
    cells: Floats
    number: Callable[[Floats], Floats]
    among: Labels
    truth: Floats
    note: str

    def subject(self, test: str, attribute: str | None = None, group: str | None = None) -> Subject:
        output = self.problem.dimension
        return Subject(FAMILY, test, self.condition.name, attribute, group, output)

    @property
    def judged(self) -> tuple[str, Threshold] | None:
        """Test and threshold of one group or of all; None: only gaps of this number are judged."""
        if self.test == SHARE:
            return SHARE, same_prediction(self.condition.group, self.condition.name)
        return (f"{self.test}_change", CHANGE) if self.condition.group == NOISE else None


def _comparisons(material: Material, condition: Condition) -> list[Comparison]:
    found = []
    values = [material.values(name) for name in (CLEAN, condition.name)]
    pairs = zip(*(problems(material, name) for name in (CLEAN, condition.name)), strict=True)
    for d, (before, after) in enumerate(pairs):
        both = before.answered & after.answered
        if material.corpus.task == DIMENSIONS:
            alike = np.abs(np.nan_to_num(values[0][:, d] - values[1][:, d])) < SAME
        else:
            alike = (before.predicted == after.predicted).all(axis=1)
        cells = np.stack([np.ones(len(both)), alike & both], axis=1)[:, None]
        there = before.answered
        note = material.unanswered(condition.name, there)
        empty = np.empty(0)
        found.append(Comparison(SHARE, condition, before, cells, _shares, there, empty, note))
        if not before.labelled.any():
            continue
        if before.dimension:
            truth = material.truth[:, d]
            parts = [moments(truth, v[:, d])[:, None] for v in values]
            chosen, test, number = before.labelled & both, "ccc", _cccs
            note = f"{note}; they are left out" if note else ""
        else:
            truth, parts = empty, [before.cells, after.cells]
            chosen, test, number = before.labelled, "uar", _uars
        cells = np.concatenate(parts, axis=2)
        found.append(Comparison(test, condition, before, cells, number, chosen, truth, note))
    return found


def _shares(sums: Floats) -> Floats:
    share = divide(sums[..., 0, 1], sums[..., 0, 0])
    return np.stack([np.ones_like(share), share], axis=-1)


def _uars(sums: Floats) -> Floats:
    return np.stack([uar(sums[..., :4]), uar(sums[..., 4:])], axis=-1)


def _cccs(sums: Floats) -> Floats:
    return np.stack([ccc(sums[..., 0, :7]), ccc(sums[..., 0, 7:])], axis=-1)


def _tests(
    material: Material, comparison: Comparison, limits: dict[Any, Threshold]
) -> list[TestResult]:
    """The number of all clips, of each group, and the gaps between the groups."""
    results = []
    judged = comparison.judged
    if judged:
        values = _draw(material, comparison, None)[:, 0]
        everyone = comparison.subject(judged[0])
        measured = _measured(material, comparison, values, comparison.among)
        results.append(outcome(everyone, measured, judged[1], "no clip", comparison.note))
    for attribute in material.attributes:
        groups = material.large_groups(attribute, comparison.among)
        about = comparison.subject(f"{comparison.test}_gap", attribute.name)
        if groups.number < 2:
            why = said("fewer than two groups are large enough", groups.note)
            results.append(untestable(about, why))
            continue
        values = _draw(material, comparison, groups.attribute)
        if judged:
            for g, group in enumerate(groups.attribute.groups):
                mine = comparison.among & (groups.attribute.index == g)
                one = comparison.subject(judged[0], attribute.name, group)
                measured = _measured(material, comparison, values[:, g], mine)
                results.append(outcome(one, measured, judged[1], "no clip", comparison.note))
        limit = _limit(material, comparison, groups, limits)
        results.append(_gap(material, comparison, groups, values, limit))
    return results


def _draw(material: Material, comparison: Comparison, groups: Attribute | None) -> Floats:
    """The number by group as measured and by resample, before and after [1 + R, G, 2]."""
    table = material.table(comparison.cells, groups, comparison.among)
    return material.draw(table, comparison.number, f"{FAMILY} {groups.name if groups else ''}")


def _measured(material: Material, comparison: Comparison, values: Floats, mine: Labels) -> Measured:
    """The number of one group or of all, of values before and after [1 + R, 2]."""
    if comparison.test == SHARE:
        return material.measured(values[:, 1], mine)
    found = material.measured(values[:, 1] - values[:, 0], mine, signed=True, limit=2.0)
    return replace(found, ends=(float(values[0, 0]), float(values[0, 1])))


def _gap(
    material: Material,
    comparison: Comparison,
    groups: Groups,
    values: Floats,
    limit: Threshold,
) -> TestResult:
    """The change of the gap between the groups, of values [1 + R, G, 2]."""
    gaps = spread(np.moveaxis(_of_all_classes(comparison, groups, values), 1, -1))
    clips = comparison.among & (groups.attribute.index >= 0)
    signed = comparison.test != SHARE
    found = material.measured(gaps[:, 1] - gaps[:, 0], clips, signed, limit=2.0 if signed else 1.0)
    smallest = min(material.people(groups.attribute.index == g) for g in range(groups.number))
    ends = (float(gaps[0, 0]), float(gaps[0, 1]))
    measured = replace(found, units=smallest, ends=ends)
    about = comparison.subject(f"{comparison.test}_gap", groups.attribute.name)
    return outcome(about, measured, limit, LACKS, said(comparison.note, groups.note))


def _of_all_classes(comparison: Comparison, groups: Groups, values: Floats) -> Floats:
    """The values, NaN for a UAR over fewer classes than another group has."""
    if comparison.test != "uar":
        return values
    index = groups.attribute.index
    has = np.stack([comparison.problem.truth[index == g].any(axis=0) for g in range(groups.number)])
    lacks = (has != has.any(axis=0)).any(axis=1)
    return np.where(lacks[:, None], np.nan, values)


def _limit(
    material: Material, comparison: Comparison, groups: Groups, limits: dict[Any, Threshold]
) -> Threshold:
    """The largest change of the gap by the random model, for the sizes of the groups."""
    if not material.options.repetitions:
        return Threshold(np.nan, AT_MOST, SIMULATED)
    attribute, problem = groups.attribute, comparison.problem
    clips = comparison.among & (attribute.index >= 0)
    name = f"{comparison.test} {attribute.name} {problem.dimension}"
    if (key := (name, clips.tobytes())) not in limits:
        simulation = Simulation(
            truth=problem.truth[clips],
            index=attribute.index[clips],
            groups=groups.number,
            chance=problem.chance,
            task=material.corpus.task,
            repetitions=material.options.repetitions,
            generator=material.generator(f"gap {name}"),
        )
        if comparison.test == SHARE:
            largest = simulation.largest_same_gap()
        elif comparison.test == "uar":
            largest = simulation.largest_uar_gap()
        else:
            largest = simulation.largest_gap(comparison.truth[clips], ccc)
        limits[key] = Threshold(largest, AT_MOST, SIMULATED)
    return limits[key]
