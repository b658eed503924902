"""Does the model work for every group? Each group of an attribute against all groups.

With labels, the test set is balanced first: every group has the same number of clips of each label
(or set of labels, or twentieth of a dimension), up to 1,000 in all, so that a difference is not one
of the labels. UAR, recall and precision of the group are compared with those of all clips of this
set. Without labels, the share of each class that is predicted is compared. Thresholds come from
:mod:`fairser.model_tests.thresholds`.
"""

from itertools import product

import numpy as np
from scipy.special import ndtr

from fairser.auditing.grouping import Attribute
from fairser.core.words import joined
from fairser.evaluation.metrics import Floats, Labels
from fairser.evaluation.resampling import FEWEST
from fairser.model_tests.balancing import balanced, strata
from fairser.model_tests.base import CLEAN, DIMENSIONS
from fairser.model_tests.material import FEWEST_CLIPS, Groups, Material, said
from fairser.model_tests.outcomes import Subject, TestResult, outcome, untestable
from fairser.model_tests.problems import Problem, problems
from fairser.model_tests.sums import MIDDLE, ccc, differences, mean_prediction, moments
from fairser.model_tests.thresholds import GroupSizes, Simulation, of_groups

FAMILY = "fairness"
# Share of the clips of a group that the outer bins of the random model have; bins with fewer clips
# among all groups are not tested (arXiv 2312.06270).
IN_BIN = float(ndtr((0.25 - 0.5) * 6))


def fairness_tests(material: Material) -> list[TestResult]:
    """All fairness tests of all attributes."""
    single = material.corpus.task != DIMENSIONS
    test = "uar_difference" if single else "ccc_difference"
    results = [
        untestable(Subject(FAMILY, test, attribute=name), why)
        for name, why in material.unusable.items()
    ]
    for attribute, (d, problem) in product(
        material.attributes, enumerate(problems(material, CLEAN))
    ):
        if problem.labelled.any():
            results += _labelled(material, attribute, problem, d)
        if not problem.labelled.all():
            results += _unlabelled(material, attribute, problem, d)
    return results


def _start(
    material: Material, groups: Groups, test: str, dimension: str | None
) -> tuple[list[TestResult], str]:
    """Results of the groups that are too small, and why the others can't be compared, if so."""
    name = groups.attribute.name
    results = [
        untestable(Subject(FAMILY, test, None, name, group, dimension), f"too small: {why}")
        for group, why in groups.small.items()
    ]
    if groups.number >= 2:
        return results, ""
    large = joined(groups.attribute.groups) or "no group"
    return results, f"only {large} is large enough; a comparison needs two groups"


def _labelled(
    material: Material, attribute: Attribute, problem: Problem, d: int
) -> list[TestResult]:
    groups = material.large_groups(attribute, problem.labelled)
    test = "ccc_difference" if problem.dimension else "uar_difference"
    results, why = _start(material, groups, test, problem.dimension)
    about = Subject(FAMILY, test, None, attribute.name, None, problem.dimension)
    if why:
        return [*results, untestable(about, why)]
    generator = material.generator(f"balanced {attribute.name}")
    chosen = balanced(strata(material, problem, d), groups.attribute.index, generator)
    matched = material.large_groups(groups.attribute, chosen)
    if matched.small:
        why = (
            f"the groups share too few labels: a balanced test set has {int(chosen.sum()):,} "
            f"clips, and each group needs {FEWEST_CLIPS} of {FEWEST} {material.units.name}"
        )
        return [*results, untestable(about, why)]
    results += _differences(material, groups.attribute, problem, chosen)
    if problem.dimension:
        results += _values(material, groups.attribute, problem.dimension, d, chosen)
    return results


def _simulation(
    material: Material, attribute: Attribute, problem: Problem, chosen: Labels
) -> Simulation:
    return Simulation(
        truth=problem.truth[chosen],
        index=attribute.index[chosen],
        groups=len(attribute.groups),
        chance=problem.chance,
        task=material.corpus.task,
        repetitions=material.options.repetitions,
        generator=material.generator(f"simulation {attribute.name} {problem.dimension}"),
    )


def _differences(
    material: Material, attribute: Attribute, problem: Problem, chosen: Labels
) -> list[TestResult]:
    """UAR, recall and precision of each group less those of all clips of a balanced set."""
    tests = ["recall_difference", "precision_difference"]
    tests = tests if problem.dimension else ["uar_difference", *tests]
    simulation = _simulation(material, attribute, problem, chosen)
    drawn = _draw_differences(material, attribute, problem, chosen)
    largest = _largest(simulation)
    groups = GroupSizes(attribute.name, simulation.sizes, len(problem.classes), simulation.task)
    among = problem.truth[chosen].sum(axis=0)
    few = IN_BIN * simulation.sizes.min() if problem.dimension else 1
    note = material.unanswered(CLEAN, chosen)
    results = []
    for test, (g, group) in product(tests, enumerate(attribute.groups)):
        mine = chosen & (attribute.index == g)
        for c, output in enumerate((None,) if test == "uar_difference" else problem.classes):
            about = Subject(FAMILY, test, None, attribute.name, group, output)
            values = drawn[test][:, g] if output is None else drawn[test][:, g, c]
            measured = material.measured(values, mine, signed=True)
            if output is not None and among[c] < few:
                why = f"{int(among[c])} clips of all groups have this label"
                results.append(untestable(about, f"too few: {why}", measured))
                continue
            limit = largest[test] if output is None else largest[test][c]
            threshold = of_groups(test, groups, float(limit))
            missing = "this class is never predicted for the group, so it has no precision"
            results.append(outcome(about, measured, threshold, missing, note))
    return results


def _draw_differences(
    material: Material, attribute: Attribute, problem: Problem, chosen: Labels
) -> dict[str, Floats]:
    """:func:`differences` as measured and by resample, [1 + R, G] or [1 + R, G, C]."""
    table = material.table(problem.cells, attribute, chosen)

    def of(counts: Floats) -> Floats:
        found = differences(counts)
        whole = found.pop("uar_difference")[..., None, None]
        shape = (*whole.shape[:2], 1, len(problem.classes))
        parts = [np.broadcast_to(whole, shape), *(v[:, :, None] for v in found.values())]
        return np.concatenate(parts, axis=2)

    drawn = material.draw(table, of, f"{FAMILY} {attribute.name}")
    names = ("recall_difference", "precision_difference", "share_difference")
    found = {name: drawn[:, :, place] for place, name in enumerate(names, start=1)}
    return {"uar_difference": drawn[:, :, 0, 0], **found}


def _largest(simulation: Simulation) -> dict[str, Floats]:
    if simulation.repetitions:
        return simulation.largest_differences()
    classes = np.full(simulation.truth.shape[1], np.nan)
    by_group = np.full((simulation.groups, len(classes)), np.nan)
    names = ("recall_difference", "precision_difference")
    return {
        "uar_difference": np.array(np.nan),
        "share_difference": by_group,
        **dict.fromkeys(names, classes),
    }


def _values(
    material: Material, attribute: Attribute, dimension: str, d: int, chosen: Labels
) -> list[TestResult]:
    """CCC of each group less that of all clips, or without labels its mean prediction."""
    truth, values = material.truth[:, d], material.values(CLEAN)[:, d]
    labelled = not np.isnan(truth[chosen]).any()
    test, number = ("ccc_difference", ccc) if labelled else ("mean_difference", mean_prediction)
    truth = truth if labelled else np.full(len(truth), MIDDLE)
    answered = chosen & ~np.isnan(values)
    table = material.table(moments(truth, values)[:, None], attribute, answered)

    def of(sums: Floats) -> Floats:
        return number(sums[:, :, 0]) - number(sums[:, :, 0].sum(axis=1))[:, None]

    drawn = material.draw(table, of, f"{FAMILY} {attribute.name} {dimension}")
    index, sizes = attribute.index[chosen], np.bincount(attribute.index[chosen])
    generator = material.generator(f"simulation {attribute.name} {dimension} {test}")
    simulation = Simulation(
        *(np.zeros((len(index), 0), bool), index, len(sizes), np.empty(0), DIMENSIONS),
        *(material.options.repetitions, generator),
    )
    largest = simulation.largest_difference(truth[chosen], number)
    groups = GroupSizes(attribute.name, sizes, 4, DIMENSIONS)
    results = []
    note = material.unanswered(CLEAN, chosen)
    for g, group in enumerate(attribute.groups):
        mine = answered & (attribute.index == g)
        about = Subject(FAMILY, test, None, attribute.name, group, dimension)
        # Balanced groups have one size, so the largest value of any of them counts.
        limit = np.fmax.reduce(largest) if labelled else largest[g]
        threshold = of_groups(test, groups, float(limit))
        measured = material.measured(drawn[:, g], mine, signed=True, limit=2.0)
        left = f"{note}; they are left out" if note else ""
        results.append(outcome(about, measured, threshold, "constant values", left))
    return results


def _unlabelled(
    material: Material, attribute: Attribute, problem: Problem, d: int
) -> list[TestResult]:
    """Share of each predicted class, group less all, on clips without labels."""
    groups = material.large_groups(attribute, ~problem.labelled)
    results, why = _start(material, groups, "share_difference", problem.dimension)
    if why:
        about = Subject(FAMILY, "share_difference", None, attribute.name, None, problem.dimension)
        return [*results, untestable(about, why)]
    mine = groups.attribute
    chosen = ~problem.labelled & (mine.index >= 0)
    simulation = _simulation(material, mine, problem, chosen)
    drawn = _draw_differences(material, mine, problem, chosen)["share_difference"]
    largest = np.fmax.reduce(_largest(simulation)["share_difference"], axis=1)
    sizes = GroupSizes(mine.name, simulation.sizes, len(problem.classes), simulation.task)
    among = problem.predicted[chosen].sum(axis=0)
    few = IN_BIN * simulation.sizes.min() if problem.dimension else 0
    note = said("without labels", material.unanswered(CLEAN, chosen))
    for (g, group), (c, output) in product(enumerate(mine.groups), enumerate(problem.classes)):
        about = Subject(FAMILY, "share_difference", None, mine.name, group, output)
        measured = material.measured(drawn[:, g, c], chosen & (mine.index == g), signed=True)
        if among[c] < few:
            why = f"too few: {int(among[c])} predictions of all groups are in this bin"
            results.append(untestable(about, why, measured))
            continue
        threshold = of_groups("share_difference", sizes, float(largest[g]))
        results.append(outcome(about, measured, threshold, "no clip", note))
    if problem.dimension:
        results += _values(material, mine, problem.dimension, d, chosen)
    return results
