"""RW: its factors by hand, their sum, and what is left alone."""

import numpy as np
import pytest
import torch

from fairser.methods.rw import RW
from unit.methods.builders import CLASSES, CROSS_ENTROPIES, GROUPS, Known, fold


@pytest.mark.parametrize(
    ("normalise", "factors", "loss"),
    [
        (False, [2, 2, 1], 10 / 3),  # N_0 = 2 over cells of 1 and 1, N_1 = 1 over one of 1
        (True, [6 / 5, 6 / 5, 3 / 5], 2),  # over their mean, 5/3
    ],
)
def test_loss_by_hand(normalise: bool, factors: list[float], loss: float) -> None:
    data = fold(CLASSES, GROUPS)
    method = RW(data, torch.Generator(), normalise=normalise)
    assert method.factors.tolist() == pytest.approx(factors)
    found = method.loss(Known(data, CROSS_ENTROPIES), torch.arange(3), 0.0)
    assert found.item() == pytest.approx(loss)  # (2 * 1 + 2 * 2 + 1 * 4) / 3
    # A batch takes the mean over its own clips: 1 * 4 or 3/5 * 4.
    alone = method.loss(Known(data, CROSS_ENTROPIES), torch.tensor([2]), 0.0)
    assert alone.item() == pytest.approx(4 * factors[2])


def test_counts_are_those_of_train_and_unknown_clips_weigh_one() -> None:
    # Train: class 0 has 3 clips of group 0 and 1 of group 1. Rows 5 and 6 have no group or class;
    # 7 and 8 are not in train and do not count.
    data = fold(
        [0, 0, 0, 0, 1, 0, -1, 0, 1], [0, 0, 0, 1, 1, -1, 0, 1, 0], train=[0, 1, 2, 3, 4, 5, 6]
    )
    factors = RW(data, torch.Generator()).factors.tolist()
    assert factors[:7] == pytest.approx([4 / 3, 4 / 3, 4 / 3, 4, 1, 1, 1])


@pytest.mark.parametrize("seed", range(5))
def test_factors_sum_to_clips_times_groups_of_each_class(seed: int) -> None:
    generator = np.random.default_rng(seed)
    classes, groups = generator.integers(4, size=30), generator.integers(5, size=30)
    method = RW(fold(classes.tolist(), groups.tolist(), count=4), torch.Generator())
    expected = sum(
        (classes == c).sum() * len(np.unique(groups[classes == c])) for c in np.unique(classes)
    )
    assert method.factors.sum().item() == pytest.approx(expected)
    assert any(len(np.unique(groups[classes == c])) < 5 for c in range(4))  # an empty cell


def test_normalised_factors_have_mean_one_over_train() -> None:
    data = fold([0, 0, 0, 1, 1, 0], [0, 0, 1, 1, -1, 1], train=[0, 1, 2, 3, 4])
    method = RW(data, torch.Generator(), normalise=True)
    assert method.factors[:5].mean().item() == pytest.approx(1)
    assert method.factors[:6].mean().item() != pytest.approx(1)


def test_without_groups_is_a_bug_and_no_silent_erm() -> None:
    with pytest.raises(ValueError, match="group source"):
        RW(fold(CLASSES), torch.Generator())
