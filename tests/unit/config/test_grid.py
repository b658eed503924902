"""The cells of the grid: which exist, and where they lie."""

import re
from collections import Counter

import pytest

from fairser.config.configuration import resolve
from fairser.config.folds import fill_folds
from fairser.config.grid import Cell, cells, configurations
from fairser.core.errors import InputError


def test_the_papers_grid_has_33_configurations_of_five_folds() -> None:
    config = resolve({})
    fill_folds(config)
    found = configurations(config)
    assert len(found) == len(set(found)) == 33
    assert Counter(c.method for c in found) == {
        **dict.fromkeys(("random", "erm", "lff", "disent", "pgdro"), 1),
        **dict.fromkeys(("rw", "ds", "gdro", "gadro"), 7),
    }
    assert {c.k for c in found if c.source == "kmeans"} == {2, 4, 8, 16, 32}
    assert {(c.source, c.k) for c in found if c.source in ("none", "pseudo", "annotated")} == {
        ("none", 1),
        ("pseudo", 2),
        ("annotated", 2),
    }
    assert len(cells(config)) == 165


def test_seeds_and_folds_multiply() -> None:
    grid = {"methods": ["erm", "gdro"], "sources": ["none", "kmeans"], "k": [3], "folds": [2, 4]}
    found = cells(resolve({"grid": grid | {"seeds": [0, 7]}}))
    assert found == [
        Cell(method, source, k, fold, seed)
        for method, source, k in (("erm", "none", 1), ("gdro", "kmeans", 3))
        for fold in (2, 4)
        for seed in (0, 7)
    ]
    assert found[-1].folder == "runs/gdro/kmeans/k3/fold4/seed7"


def test_crossed_annotations_have_as_many_groups_as_their_values() -> None:
    config = resolve({"sources": {"annotated": {"attributes": ["gender", "race"]}}})
    assert {c.k for c in configurations(config) if c.source == "annotated"} == {6}


@pytest.mark.parametrize(
    ("methods", "sources", "told"),
    [
        (["erm", "rw"], ["annotated"], ["erm, which can use none .* Add none to"]),
        (["random", "lff", "rw"], ["kmeans"], ["random, .* Add none to", "lff, .* Add none to"]),
        (
            ["erm", "thresholds"],
            ["none", "errors"],
            ["thresholds, .* Add annotated or pseudo or kmeans or pitch_bins to"],
        ),
        (["erm", "rw"], ["none"], ["rw, which .* Add annotated or pseudo or kmeans or "]),
        (["erm", "pgdro"], ["none", "kmeans"], ["pgdro, .*none, kmeans.* Add pseudo to"]),
    ],
)
def test_a_method_that_can_use_no_source(
    methods: list[str], sources: list[str], told: list[str]
) -> None:
    """It is named: without a word the grid would lack it, and the tables what it is compared to."""
    with pytest.raises(InputError) as caught:
        resolve({"grid": {"methods": methods, "sources": sources}})
    lines = [line for line in str(caught.value).splitlines() if "'grid.methods' names" in line]
    assert len(lines) == len(told)
    for line, pattern in zip(lines, told, strict=True):
        assert re.search(f"'grid.methods' names {pattern}", line)
