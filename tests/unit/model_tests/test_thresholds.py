"""Simulated thresholds: against a plain transcription, and against the published ones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairser.evaluation.metrics import group_counts
from fairser.model_tests.base import DIMENSIONS, MULTI, SINGLE
from fairser.model_tests.conditions.catalogue import CONDITIONS
from fairser.model_tests.outcomes import Threshold
from fairser.model_tests.reference import MEAN, class_chances, gaussian, same_chance
from fairser.model_tests.sums import SAME, bins, ccc, differences, mean_prediction, moments
from fairser.model_tests.thresholds import (
    ACCENT,
    CORRECTNESS,
    LANGUAGE,
    PITCH,
    SAME_PREDICTION,
    SEX,
    GroupSizes,
    PublishedGroups,
    Simulation,
    of_groups,
    same_prediction,
)

SPARSE = (0.05, 0.05, 0.3, 0.6)  # labels of the published simulation


def simulation(
    clips: list[int], shares: tuple[float, ...], task: str = SINGLE, repetitions: int = 1000
) -> Simulation:
    """Groups of so many clips each, with these shares of labels."""
    random = np.random.default_rng(0)
    index = np.repeat(np.arange(len(clips)), clips)
    if task == MULTI:
        truth = random.random((len(index), len(shares))) < np.array(shares)
    else:
        label = [np.repeat(np.arange(len(shares)), np.diff(_ends(n, shares))) for n in clips]
        truth = np.eye(len(shares), dtype=bool)[np.concatenate(label)]
    chance = class_chances(len(shares), task)
    return Simulation(truth, index, len(clips), chance, task, repetitions, random)


def _ends(clips: int, shares: tuple[float, ...]) -> np.ndarray:
    """Where the clips of each label end, in order of the labels: as in a balanced test set."""
    return np.round(np.cumsum([0.0, *shares]) * clips).astype(int)


@pytest.mark.parametrize("task", [SINGLE, MULTI])
def test_counts_are_those_of_predictions_drawn_clip_by_clip(task: str) -> None:
    made = simulation([60, 90], (0.2, 0.3, 0.5), task, 2000)
    random = np.random.default_rng(7)
    slow = []
    for _ in range(2000):
        if task == SINGLE:
            predicted = np.eye(3, dtype=bool)[random.integers(3, size=150)]
        else:
            predicted = random.random((150, 3)) < 0.5
        slow.append(group_counts(made.truth, predicted, made.index, 2))
    fast, slow_counts = made.counts(), np.array(slow)
    assert (fast[..., :2] == slow_counts[..., :2]).all()
    for of in (np.mean, np.std):
        for name, values in differences(fast).items():
            expected = of(differences(slow_counts)[name], axis=0)
            assert of(values, axis=0) == pytest.approx(expected, abs=0.01), name


def test_largest_differences_are_maxima_over_groups_and_repetitions() -> None:
    made = simulation([60, 90], (0.2, 0.3, 0.5))
    again = replace(made, generator=np.random.default_rng(5))
    found = replace(made, generator=np.random.default_rng(5)).largest_differences()
    drawn = {name: np.abs(values) for name, values in differences(again.counts()).items()}
    assert found["uar_difference"] == drawn["uar_difference"].max()
    assert found["recall_difference"].tolist() == [
        drawn["recall_difference"][..., c].max() for c in range(3)
    ]
    assert found["share_difference"].shape == (2, 3)
    # A smaller group differs more from all.
    assert (found["share_difference"][0] > found["share_difference"][1]).all()


@pytest.mark.parametrize("known", [SEX, PITCH])
def test_with_the_published_sizes_the_published_thresholds_come_out(known: PublishedGroups) -> None:
    """Published values are rounded up, to steps of 0.025."""
    found = simulation([known.clips] * known.groups, SPARSE).largest_differences()
    for name, value in known.values.items():
        assert value - 0.04 < found[name].max() <= value + 0.015, name
    truth = gaussian(np.random.default_rng(1), (known.clips * known.groups,))
    made = simulation([known.clips] * known.groups, (0.25,) * 4, repetitions=1000)
    largest = made.largest_difference(truth, ccc).max()
    assert known.bins["ccc_difference"] - 0.03 < largest <= known.bins["ccc_difference"] + 0.015
    in_bins = replace(made, truth=bins(truth).astype(bool), task=DIMENSIONS)
    in_bins = replace(in_bins, chance=class_chances(4, DIMENSIONS))
    found = in_bins.largest_differences()
    for name in ("recall_difference", "precision_difference"):
        assert known.bins[name] - 0.04 < found[name].max() <= known.bins[name] + 0.015, name


@pytest.mark.parametrize("known", [ACCENT, LANGUAGE])
def test_published_thresholds_without_labels(known: PublishedGroups) -> None:
    made = simulation([known.clips] * known.groups, (0.25,) * 4)
    share = made.largest_differences()["share_difference"].max()
    # Of languages they were raised for what differs between languages.
    assert known.values["share_difference"] / 2 < share < 1.4 * known.values["share_difference"]
    middle = np.full(known.clips * known.groups, MEAN)
    mean = made.largest_difference(middle, mean_prediction).max()
    assert known.bins["mean_difference"] / 2 < mean <= known.bins["mean_difference"] + 0.015


def test_which_threshold_is_used() -> None:
    sizes = np.array([1000, 1000])

    def threshold(*groups: Any, simulated: float = 0.16) -> Threshold:
        return of_groups("recall_difference", GroupSizes(*groups), simulated)

    published = threshold("gender", sizes, 4, SINGLE)
    assert (published.value, published.source, published.published) == (0.175, "published", None)
    for other in (
        threshold("gender", sizes, 7, SINGLE),
        threshold("gender", sizes - 1, 4, SINGLE),
    ):
        assert (other.value, other.source, other.published) == (0.16, "simulated", 0.175)
    age = threshold("age", sizes, 4, SINGLE)
    assert (age.value, age.source, age.published) == (0.16, "simulated", None)
    assert threshold("sex", sizes, 4, DIMENSIONS, simulated=0.2).value == 0.1


def test_the_page_of_the_documentation_has_every_threshold_and_condition() -> None:
    page = (Path(__file__).parents[3] / "docs" / "model_tests.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    for name, condition in CONDITIONS.items():
        assert f"| `{name}` | {condition['group']} | {condition['title']} |" in lines
        assert condition["group"] in SAME_PREDICTION
    for test, threshold in CORRECTNESS.items():
        mine = [line for line in lines if f"`{test}`" in line.split("|")[1]]
        assert threshold.source == "chosen" or any(f"{threshold.value:g}" in m for m in mine), test
    for known, name in ((SEX, "sex"), (PITCH, "pitch"), (ACCENT, "accent"), (LANGUAGE, "language")):
        for test, value in {*known.values.items(), *known.bins.items()}:
            mine = [line for line in lines if f"`{test}`" in line.split("|")[1]]
            shown = [f"{value:g} ({name})" in m or m.endswith(f" {value:g} |") for m in mine]
            assert any(shown), (test, name)


@pytest.mark.parametrize(
    ("group", "condition", "value"),
    [
        ("small changes", "gain", 0.95),
        ("background noise", "babble", 0.9),
        ("recording", "phone_gsm", 0.5),
        ("recording", "tilt_up", 0.8),
    ],
)
def test_shares_of_same_predictions(group: str, condition: str, value: float) -> None:
    assert same_prediction(group, condition).value == value


def test_the_random_model_of_dimensions() -> None:
    values = gaussian(np.random.default_rng(0), (200_000, 2))
    assert values.min() >= 0
    assert values.max() <= 1
    assert values.mean() == pytest.approx(0.5, abs=2e-3)
    shares = bins(values[:, 0]).mean(axis=0)
    assert class_chances(4, DIMENSIONS) == pytest.approx(shares, abs=4e-3)
    same = (np.abs(values[:, 0] - values[:, 1]) < SAME).mean()
    assert same_chance(4, DIMENSIONS) == pytest.approx(same, abs=4e-3)
    assert same_chance(4, SINGLE) == 0.25
    assert same_chance(4, MULTI) == 1 / 16


def test_moments_of_the_simulation_are_those_of_its_draws() -> None:
    made = simulation([30, 20], (0.5, 0.5), repetitions=3)
    truth = np.linspace(0, 1, 50)
    drawn = gaussian(np.random.default_rng(4), (3, 50))
    expected = [
        [moments(truth, values)[made.index == g].sum(axis=0) for g in (0, 1)] for values in drawn
    ]
    found = []
    again = replace(made, generator=np.random.default_rng(4))
    again.largest_difference(truth, lambda sums: found.append(sums) or ccc(sums))
    assert found[0] == pytest.approx(np.array(expected))


def test_gaps_of_the_random_model_shrink_with_the_groups() -> None:
    small, large = (simulation([n, n], (0.25,) * 4) for n in (40, 640))
    for of in (Simulation.largest_uar_gap, Simulation.largest_same_gap):
        assert of(small) == pytest.approx(4 * of(large), rel=0.35)  # as 1 / sqrt(n)
