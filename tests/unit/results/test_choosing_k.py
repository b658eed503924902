"""The recommended number of clusters: by hand, and on corpora whose groups are known."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, zscore

from fairser.groups.cluster_stability import Draws, measure
from fairser.results import choosing_k
from fairser.results.choosing_k import choose, needed, readable, recommended, verdict
from unit.groups.test_cluster_stability import corpus

CLIPS, SPEAKERS = 30, 5


def number(
    k: int, stability: float, references: list[float], clips: int = 50, speakers: int = 10
) -> dict[str, Any]:
    sizes = {"smallest_clips": clips, "smallest_speakers": speakers}
    sizes |= {"largest": 0.5, "effective": k - 0.5, "silhouette": 0.2}
    return {"k": k, "stability": stability, "references": references, **sizes}


def fold(*numbers: dict[str, Any]) -> dict[str, Any]:
    return {"clips": 500, "speakers": 40, "numbers": list(numbers)}


def test_the_table_by_hand() -> None:
    folds = [
        fold(number(2, 0.8, [0.5, 0.7]), number(4, 0.7, [0.2, 0.4], clips=31, speakers=6)),
        fold(number(2, 0.6, [0.7, 0.9]), number(4, 0.9, [0.4, 0.2], clips=30, speakers=5)),
    ]
    table = choose(folds, CLIPS, SPEAKERS)
    two, four = table.to_dicts()
    assert two["stability"] == pytest.approx(0.7)
    assert two["stability_std"] == pytest.approx(np.std([0.8, 0.6], ddof=1))
    # The largest standardised reference is the mean of 0.7 and 0.9 at K = 2.
    assert (two["reference"], two["needed"]) == pytest.approx((0.7, 0.8))
    assert (two["large_enough"], two["stands_out"], two["recommended"]) == (True, False, False)
    assert four["corrected"] == pytest.approx((0.4 / 0.7 + 0.6 / 0.7) / 2)
    largest = zscore([0.7, 0.6, 0.8])[2]
    assert four["needed"] == pytest.approx(
        np.mean([0.8, 0.3, 0.3]) + largest * np.std([0.8, 0.3, 0.3])
    )
    assert (four["smallest_clips"], four["smallest_speakers"], four["folds"]) == (30, 5, 2)
    assert (four["large_enough"], four["stands_out"], four["recommended"]) == (True, True, True)
    assert verdict(table, CLIPS, SPEAKERS) == (
        "Recommended: K = 4, which has the best corrected stability. Left out: K = 2, no more "
        "stable than corpora without groups."
    )
    line = readable(table).row(1, named=True)
    assert (line["stability"], line["reference"]) == ("0.800 (0.141)", "0.300 [0.755]")
    assert line["recommended"] == "yes"


def test_without_groups_some_k_stands_out_once_in_21() -> None:
    """Whatever the scales of the numbers of clusters; comparing each K alone finds far more."""
    draw = np.random.default_rng(0)
    repetitions, passed, alone = 2000, 0, 0
    for _ in range(repetitions):
        common = draw.standard_normal(21)  # what makes a corpus stable at every K
        own = draw.gumbel(size=(5, 21))
        values = 0.5 + np.array([0.2, 0.1, 0.05, 0.02, 0.01])[:, None] * (common + own)
        passed += bool((values[:, 0] > needed(values)).any())
        alone += bool((values[:, 0] > values[:, 1:].max(axis=1)).any())
    assert binomtest(passed, repetitions, 1 / 21).pvalue > 0.01
    assert alone / repetitions > 0.1


def test_groups_that_are_there_are_found_at_any_k() -> None:
    draw = np.random.default_rng(0)
    for place in range(5):
        values = draw.normal(0.4, 0.05, (5, 21))
        values[place, 0] = 0.8
        numbers = [number(k, row[0], row[1:].tolist()) for k, row in enumerate(values, 2)]
        table = choose([fold(*numbers)] * 2, CLIPS, SPEAKERS)
        assert table.filter("stands_out")["k"].to_list() == [place + 2]


def candidate(k: int, corrected: float, spread: float = 0.0, **flags: bool) -> dict[str, Any]:
    row = {"k": k, "corrected": corrected, "corrected_std": spread, "folds": 4}
    return row | {"large_enough": True, "stands_out": True} | flags


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([candidate(2, 0.5), candidate(4, 0.6), candidate(8, 0.4)], 4),
        ([candidate(2, 0.6), candidate(4, 0.6)], 4),  # as stable: more groups
        ([candidate(2, 0.6, 0.2), candidate(4, 0.5), candidate(8, 0.49)], 4),  # error 0.1
        ([candidate(2, 0.5), candidate(4, 0.9, large_enough=False)], 2),
        ([candidate(2, 0.9, stands_out=False), candidate(4, 0.1)], 4),
        ([candidate(2, 0.9, stands_out=False), candidate(4, 0.9, large_enough=False)], None),
    ],
)
def test_the_rule(rows: list[dict[str, Any]], expected: int | None) -> None:
    assert recommended(rows) == expected
    assert recommended(rows[::-1]) == expected


def test_the_verdict_names_the_best_and_what_is_left_out() -> None:
    none = [0.2] * 20
    rest = [number(8, 0.9, none, clips=29), number(16, 0.9, none, speakers=4)]
    first = fold(number(2, 0.7, none), number(4, 0.62, none), *rest)
    second = fold(number(2, 0.6, none), number(4, 0.62, none), *rest)
    told = verdict(choose([first, second], CLIPS, SPEAKERS), CLIPS, SPEAKERS)
    assert told == (
        "Recommended: K = 4, the largest whose corrected stability is within one standard error of "
        "the best, that of K = 2. Left out: K = 8, 16, a group of fewer than 30 clips or 5 "
        "speakers."
    )


def test_one_fold_has_no_standard_error() -> None:
    table = choose([fold(number(2, 0.9, [0.5]), number(3, 0.89, [0.5]))], CLIPS, SPEAKERS)
    assert table["corrected_std"].null_count() == 2
    assert table.filter("recommended")["k"].to_list() == [2]


def test_references_that_are_always_stable_leave_nothing_to_correct() -> None:
    table = choose([fold(number(2, 1.0, [1.0, 1.0]))], CLIPS, SPEAKERS)
    assert table["corrected"].to_list() == [0.0]
    assert not table["stands_out"].any()


def test_a_group_without_clips_has_no_silhouette() -> None:
    lonely = number(2, 0.5, [0.1]) | {"silhouette": None}
    table = choose([fold(lonely)], CLIPS, SPEAKERS)
    assert table["silhouette"].to_list() == [None]
    assert readable(table)["silhouette"].to_list() == [""]


def measured(**options: Any) -> list[dict[str, Any]]:
    """One fold of a corpus, whose clusters are made."""
    draws = Draws(resamples=4, references=12, seed=0)
    return [measure(*corpus(**options), [2, 3, 4, 6], True, draws)]


def test_four_groups_far_apart_recommend_four() -> None:
    table = choose(measured(centres=4, seed=1), CLIPS, SPEAKERS)
    assert table.filter("recommended")["k"].to_list() == [4]
    four = table.filter(k=4).row(0, named=True)
    assert four["stability"] > 0.9
    assert table["silhouette"].arg_max() == table["k"].index_of(4)


def test_voices_without_groups_recommend_none() -> None:
    table = choose(measured(centres=1), CLIPS, SPEAKERS)
    assert table.filter("recommended").height == 0
    largest = table.filter("large_enough")["k"].max()
    told = verdict(table, CLIPS, SPEAKERS)
    assert told.startswith("No K is recommended. Left out: K = 2, ")
    assert f"{largest}, no more stable" in told


def test_groups_that_are_all_too_small() -> None:
    table = choose([fold(number(2, 0.9, [0.1], clips=29))], CLIPS, SPEAKERS)
    told = verdict(table, CLIPS, SPEAKERS)
    assert "30 clips" in told and "choose_k.k" in told


@pytest.mark.parametrize("clips", [CLIPS, 1000])
def test_the_figure_shows_every_k_and_the_recommended_one(clips: int) -> None:
    folds = [fold(number(k, 0.9 - k / 20, [0.1, 0.2], clips=60 - 2 * k)) for k in (2, 3, 4, 8)]
    table = choose([fold(*(one["numbers"][0] for one in folds))] * 2, clips, 5)
    made = choosing_k.figure(table, clips, 5)
    silhouette, stability, corrected, sizes = made.axes
    assert [label.get_text() for label in sizes.get_xticklabels()] == ["2", "3", "4", "8"]
    line = stability.containers[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), table["stability"])
    np.testing.assert_allclose(line.get_xdata(), np.log2([2, 3, 4, 8]))
    np.testing.assert_allclose(sizes.get_lines()[0].get_ydata(), table["smallest_clips"])
    marks = [
        [x for x in axes.get_lines() if x.get_linewidth() == 3]
        for axes in (silhouette, stability, corrected, sizes)
    ]
    chosen = table.filter("recommended")["k"].to_list()
    assert len(chosen) == (clips == CLIPS)
    assert [[2 ** x.get_xdata()[0] for x in found] for found in marks] == [chosen] * 4
    assert made.get_supxlabel().replace("\n", " ") == verdict(table, clips, 5)
