"""The cells of the grid: which exist, and where they lie."""

from collections import Counter

import pytest

from fairser.config.configuration import resolve
from fairser.config.grid import Cell, cells, configurations
from fairser.core.errors import InputError


def test_the_papers_grid_has_33_configurations_of_five_folds() -> None:
    config = resolve({})
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


def test_a_grid_without_cells_says_what_its_methods_use() -> None:
    config = resolve({"grid": {"methods": ["rw", "pgdro"], "sources": ["none"]}})
    with pytest.raises(InputError, match=r"rw uses annotated, pseudo, kmeans; pgdro uses pseudo"):
        configurations(config)
