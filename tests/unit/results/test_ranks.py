"""Ranks over folds: Friedman's test, Nemenyi's critical difference, and why there may be none."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from fairser.results.ranks import BLOCKS, critical_difference, critical_value, ranking

NAN = float("nan")
# Demšar 2006, table 5a, for a level of .05.
PUBLISHED = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102}
PUBLISHED |= {10: 3.164}


@pytest.mark.parametrize(("rows", "q"), PUBLISHED.items())
def test_critical_values_are_the_published_ones(rows: int, q: float) -> None:
    assert critical_value(rows) == pytest.approx(q, abs=0.001)


def test_the_critical_difference_of_the_paper() -> None:
    """Demšar 2006, section 3.2.2: four classifiers on fourteen data sets have 1.25."""
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)


def test_ranks_by_hand() -> None:
    values = np.array([[0.3, 0.1, 0.2], [0.3, 0.2, 0.2]])
    assert ranking(values, higher=False).ranks == [3, 1.25, 1.75]  # equal ones share 1 and 2
    assert ranking(values, higher=True).ranks == [1, 2.75, 2.25]


@pytest.mark.parametrize("higher", [False, True])
def test_the_p_value_is_that_of_scipy(higher: bool) -> None:
    values = np.random.default_rng(1).normal(np.arange(4), 2, (6, 4))
    found = ranking(values, higher)
    assert found.p == pytest.approx(friedmanchisquare(*values.T).pvalue)
    assert (found.blocks, found.reason()) == (6, None)
    assert found.difference == pytest.approx(PUBLISHED[4] * np.sqrt(4 * 5 / (6 * 6)), abs=0.001)


def test_the_difficulty_of_a_block_does_not_count() -> None:
    values = np.random.default_rng(2).normal(0, 1, (5, 3))
    harder = values + np.arange(5)[:, None] * 100
    assert ranking(values, True) == ranking(harder, True)


def test_a_row_without_the_number_has_no_rank_and_takes_no_block() -> None:
    values = np.arange(18.0).reshape(6, 3)
    with_empty = np.column_stack([values, np.full(6, NAN)])
    found = ranking(with_empty, True)
    assert found.ranks[:3] == ranking(values, True).ranks
    assert np.isnan(found.ranks[3]) and found.blocks == 6
    with_empty[0, 0] = NAN
    assert ranking(with_empty, True).blocks == 5


@pytest.mark.parametrize(
    ("shape", "blocks", "said"),
    [((4, 3), 4, "there are 4 folds"), ((6, 2), 6, "2 rows have ranks"), ((0, 3), 0, "0 rows")],
)
def test_too_few_blocks_or_rows(shape: tuple[int, int], blocks: int, said: str) -> None:
    found = ranking(np.random.default_rng(3).normal(size=shape), True)
    assert np.isnan([found.p, found.difference]).all()
    assert found.blocks == blocks
    assert said in (found.reason() or "")


def test_nothing_but_ties() -> None:
    found = ranking(np.ones((BLOCKS, 4)), True)
    assert (found.ranks, found.p) == ([2.5] * 4, 1.0)


def test_seeds_are_no_blocks() -> None:
    """Ten seeds with what is peculiar to their fold look like fifty blocks that agree.

    With folds as blocks both tests are wrong in at most 5 % of the cases, with seeds in most.
    """
    draw = np.random.default_rng(4)
    wrong = np.zeros((2, 2))
    for _ in range(200):
        folds = draw.normal(0, 1, (5, 1, 8))  # of 8 methods without a true difference
        runs = folds + draw.normal(0, 0.3, (5, 10, 8))
        for i, values in enumerate((runs.mean(axis=1), runs.reshape(50, 8))):
            found = ranking(values, True)
            apart = max(found.ranks) - min(found.ranks) > found.difference
            wrong[i] += [found.p < 0.05, apart]
    assert (wrong[0] / 200 < 0.08).all()
    assert (wrong[1] / 200 > 0.8).all()
