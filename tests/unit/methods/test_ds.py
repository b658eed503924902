"""DS: how many clips of each cell stay, and which."""

import pytest
import torch

from fairser.methods.ds import DS
from fairser.methods.group_labels import cell_counts
from unit.methods.builders import fold


def kept(classes: list[int], groups: list[int], seed: int = 0, count: int = 2) -> list[int]:
    data = fold(classes, groups, count=count)
    return DS(data, torch.Generator().manual_seed(seed)).rows.tolist()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([[5, 2], [3, 4]], [[2, 2], [3, 3]]),
        ([[5, 0, 3], [0, 4, 0]], [[3, 0, 3], [0, 4, 0]]),  # empty cells do not count
        ([[7], [2]], [[7], [2]]),  # one group
        ([[0, 0], [3, 1]], [[0, 0], [1, 1]]),  # a class without clips
    ],
)
def test_numbers_of_clips(cells: list[list[int]], expected: list[list[int]]) -> None:
    pairs = [(c, g) for c, row in enumerate(cells) for g, n in enumerate(row) for _ in range(n)]
    pairs += [(0, -1), (-1, 0), (1, -1)]  # unknown group, no majority class
    data = fold([c for c, _ in pairs], [g for _, g in pairs])
    method = DS(data, torch.Generator().manual_seed(0))
    assert cell_counts(data, method.rows).tolist() == expected
    assert len(method.rows) == len(set(method.rows.tolist())) == sum(map(sum, expected))


def test_only_train_clips_count_and_stay() -> None:
    data = fold([0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1], train=[0, 1, 2, 3])
    rows = DS(data, torch.Generator()).rows.tolist()
    assert len(rows) == 2 and rows[0] in {0, 1, 2} and rows[1] == 3


def test_the_generator_decides_which() -> None:
    classes, groups = [0] * 40, [0] * 30 + [1] * 10
    first = kept(classes, groups, seed=1)
    assert first == kept(classes, groups, seed=1) != kept(classes, groups, seed=2)
    assert first == sorted(first)
    drawn = {row for seed in range(30) for row in kept(classes, groups, seed) if row < 30}
    assert drawn == set(range(30))  # every clip of the larger group has its chance


def test_the_class_weights_follow_the_clips_that_stay() -> None:
    # Four clips of class 0 (3 and 1) and two of class 1 (1 and 1): two of each stay.
    method = DS(fold([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 0, 1]), torch.Generator())
    assert method.weights.tolist() == pytest.approx([1, 1])
