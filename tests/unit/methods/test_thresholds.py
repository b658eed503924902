"""Group thresholds: by hand, by a search over all thresholds, and ERM where there is one group."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.evaluation.metrics import decide
from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.thresholds import Thresholds, adjusted, recall_thresholds
from unit.methods.builders import fold


class Given(nn.Module):
    """Gives the clips known probabilities."""

    def __init__(self, shares: torch.Tensor) -> None:
        super().__init__()
        self.shares = shares

    def forward(self, _features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self.shares[rows].log()


def random_shares(count: int, classes: int = 3, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.tensor(random.dirichlet([0.7] * classes, count), dtype=torch.float32)


def test_thresholds_by_hand() -> None:
    # Class 1 of 2: of 4 positive clips of group 0 all are above 1/2, of 4 of group 1 two are: the
    # recall is 6/8, so each group gets three.
    of_class = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.55, 0.52, 0.4, 0.1])
    shares = torch.stack([1 - of_class, of_class], dim=1)
    targets = torch.tensor([[0.0, 1.0]]).repeat(8, 1)
    groups = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    found = recall_thresholds(shares, targets, groups, 3)
    assert found.shape == (4, 2)
    assert found[0, 1].item() == pytest.approx(0.65)
    assert found[1, 1].item() == pytest.approx(0.25)
    # Group 2 has no clips, the last row is of unknown group, and class 0 has no positive clip.
    assert found[2:, 1].tolist() == [0.5, 0.5]
    assert found[:, 0].tolist() == [0.5] * 4


@pytest.mark.parametrize("seed", range(5))
def test_recalls_are_as_near_as_any_thresholds_bring_them(seed: int) -> None:
    random = np.random.default_rng(seed)
    shares, groups = random_shares(90, seed=seed), torch.tensor(random.integers(3, size=90))
    targets = torch.tensor(random.dirichlet([0.5] * 3, 90), dtype=torch.float32)
    found = recall_thresholds(shares, targets, groups, 3)
    for label in range(3):
        positive = targets[:, label] > 1 / 3
        wanted = float((shares[positive, label] > 1 / 3).double().mean())
        for group in range(3):
            values = shares[positive & (groups == group), label].numpy()
            recall = (values > found[group, label].item()).mean()
            best = min(abs((values > tau).mean() - wanted) for tau in [0, *np.sort(values)])
            assert abs(recall - wanted) == pytest.approx(best)
            assert abs(recall - wanted) <= 0.5 / len(values) + 1e-12


def thresholds(
    shares: torch.Tensor, groups: Sequence[int], classes: Sequence[int], **changes: torch.Tensor
) -> tuple[Thresholds, Given, FoldData]:
    """The method, finished, with a model that gives these probabilities."""
    data = replace(fold(classes, groups, count=shares.shape[1]), **changes)  # type: ignore[arg-type]
    method, model = Thresholds(data, torch.Generator()), Given(shares)
    method.finish(model)
    return method, model, data


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_one_group_decides_as_erm(classes: int) -> None:
    shares = random_shares(80, classes)
    development = torch.arange(40)
    method, model, data = thresholds(
        shares, [0] * 80, [row % classes for row in range(80)], development=development
    )
    rows = torch.arange(80)
    found = method.probabilities(model, rows)
    erm = ERM(data, torch.Generator()).probabilities(model, rows)
    assert torch.equal(erm, shares.log().softmax(dim=1))
    expected = decide(erm.numpy(), "multi_label")
    np.testing.assert_array_equal(decide(found.numpy(), "multi_label"), expected)
    torch.testing.assert_close(found, erm)


def test_decisions_are_those_of_the_thresholds() -> None:
    shares = random_shares(200)
    groups = [row % 2 for row in range(199)] + [-1]
    method, model, _ = thresholds(shares, groups, [row % 3 for row in range(200)])
    rows = torch.arange(200)
    values = method.probabilities(model, rows).numpy()
    given = shares.log().softmax(dim=1).numpy()
    tau = method.thresholds.numpy()[groups]
    assert len(np.unique(tau)) > 3
    np.testing.assert_array_equal(decide(values, "multi_label"), given > tau)
    assert values.min() >= 0 and values.max() <= 1
    assert tau[-1].tolist() == pytest.approx([1 / 3] * 3)  # of unknown group
    for group, label in ((0, 1), (1, 2)):  # the order within class and group stays
        chosen = np.flatnonzero(np.array(groups) == group)
        order = given[chosen, label].argsort()
        assert (np.diff(values[chosen, label][order]) >= 0).all()


def test_the_gap_of_development_narrows() -> None:
    """The model gives the second group lower probabilities of its class."""
    random = np.random.default_rng(0)
    groups, labels = random.integers(2, size=600), random.integers(3, size=600)
    logits = random.normal(size=(600, 3)) + 1.5 * np.eye(3)[labels]
    logits[groups == 1, 0] -= 1.5
    shares = torch.tensor(logits, dtype=torch.float32).softmax(dim=1)
    method, model, data = thresholds(
        shares,
        groups.tolist(),
        labels.tolist(),
        development=torch.arange(300),
        test=torch.arange(300, 600),
    )

    def gap(values: torch.Tensor, rows: torch.Tensor) -> float:
        predicted = decide(values.numpy(), "multi_label")[:, 0]
        of_class = labels[rows] == 0
        recalls = [predicted[of_class & (groups[rows] == group)].mean() for group in range(2)]
        return float(abs(recalls[0] - recalls[1]))

    for rows, most in (data.development, 0.03), (data.test, 0.15):
        assert gap(shares[rows], rows) > 0.3
        assert gap(method.probabilities(model, rows), rows) < most


@pytest.mark.parametrize("limit", [0.0, 1e-9, 1 / 3, 0.5, 1.0])
def test_adjusted_values_at_the_ends(limit: float) -> None:
    shares = torch.tensor([0.0, 1e-9, 1 / 3, 0.5, 1.0 - 1e-7, 1.0])[:, None].expand(6, 3)
    tau = torch.full((6, 3), limit)
    found = adjusted(shares, tau)
    assert found.isfinite().all()
    assert torch.equal(found > 1 / 3, shares > tau)
    assert (found.diff(dim=0) >= 0).all()
    np.testing.assert_array_equal(decide(found.numpy(), "multi_label"), (shares > tau).numpy())


def test_test_clips_without_a_group_are_refused() -> None:
    shares = random_shares(4)
    told = r"'thresholds' needs the groups of test clips"
    with pytest.raises(InputError, match=told):
        thresholds(shares, [0, 1, 0, -1], [0, 1, 2, 0], test=torch.tensor([3]))


def test_training_is_that_of_erm() -> None:
    data = fold([0, 1, 0, 1], [0, 0, 1, 1])
    method = Thresholds(data, torch.Generator())
    assert method.stacks and method.stack_key() == ERM(data, torch.Generator()).stack_key()
