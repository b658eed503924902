"""MinMaxGAP as a method of the first grid: losses, gradient and lambda by hand."""

import pytest
import torch

from fairser.methods.minmaxgap import MinMaxGAP
from unit.methods.builders import CLASSES, CROSS_ENTROPIES, GROUPS, Known, fold

# Losses 1, 2, 4 of groups 0, 1, 0: the batch's mean is 7/3, the groups' means 5/2 and 2.


def method(groups: list[int] = GROUPS, **options: float | str) -> MinMaxGAP:
    return MinMaxGAP(fold(CLASSES, groups), torch.Generator(), **{"estimator": "batch", **options})


def loss(found: MinMaxGAP, rows: list[int]) -> float:
    return found.loss(Known(found.data, CROSS_ENTROPIES), torch.tensor(rows), 0.0).item()


@pytest.mark.parametrize(("p", "expected"), [(1, 7 / 3 + 3 * 0.5), (2, 7 / 3 + 3 * 0.25)])
def test_loss_by_hand(p: int, expected: float) -> None:
    assert loss(method(p=p, lambda_0=3.0), [0, 1, 2]) == pytest.approx(expected)


def test_three_groups_have_their_largest_pairwise_gap() -> None:
    found = method([0, 1, 2], p=1, lambda_0=0.5)
    assert loss(found, [0, 1, 2]) == pytest.approx(7 / 3 + 0.5 * (4 - 1))
    assert loss(found, [1, 2]) == pytest.approx(3 + 0.5 * (4 - 2))


@pytest.mark.parametrize("rows", [[1], [0, 2]])
def test_a_batch_of_one_group_is_erm(rows: list[int]) -> None:
    found = method(lambda_0=9.0)
    losses = torch.tensor([1.0, 2.0, 4.0])
    assert loss(found, rows) == pytest.approx(losses[rows].mean().item())


def test_a_clip_of_unknown_group_counts_for_the_mean_alone() -> None:
    assert loss(method([0, 1, -1], p=1), [0, 1, 2]) == pytest.approx(7 / 3 + 1)


def test_gradient_by_hand() -> None:
    # d/dl of mean + lambda (L_0 - L_1)^2: 1/3 + 2 lambda 0.5 (1/2, -1, 1/2), lambda 2.
    found = method(p=2, lambda_0=2.0)
    model, other = Known(found.data, CROSS_ENTROPIES), Known(found.data, CROSS_ENTROPIES)
    rows = torch.arange(3)
    found.loss(model, rows, 0.0).backward()
    losses = found.clip_losses(found.logits(other, rows), rows)
    (losses @ torch.tensor([1 / 3 + 1, 1 / 3 - 2, 1 / 3 + 1])).backward()
    torch.testing.assert_close(model.table.grad, other.table.grad)


def test_lambda_follows_the_gap_on_development() -> None:
    # Development is all clips, its gap 1/2: each epoch adds eta (1/2 - epsilon).
    found = method(lambda_0=0.0, eta=2.0, epsilon=0.1, lambda_max=2.0)
    model = Known(found.data, CROSS_ENTROPIES)
    course = []
    for _ in range(4):
        found.end_epoch(model)
        course.append(float(found.weight))
    assert course == pytest.approx([0.8, 1.6, 2.0, 2.0])


def test_lambda_stays_where_it_is_fixed_or_where_there_is_no_gap() -> None:
    for found in method(weighting="fixed"), method([0, 0, 0]):
        found.end_epoch(Known(found.data, CROSS_ENTROPIES))
        assert float(found.weight) == 1.0


# After the batch [0, 1] the means are 1 and 2. The batch [2, 1] has 4 and 2. Their averages weigh
# the first with 1/2: (1/2 + 4) / (3/2) = 3 and 2. A memory of one loss has (1 + 4) / 2 and 2.
@pytest.mark.parametrize(
    ("options", "first", "second"),
    [
        ({"estimator": "moving_average", "momentum": 0.5}, 3.0, 2.0),
        ({"estimator": "memory", "memory_size": 1}, 2.5, 2.0),
    ],
)
def test_earlier_batches_count_for_the_gap_and_have_no_gradient(
    options: dict[str, float | str], first: float, second: float
) -> None:
    found = method(p=2, lambda_0=3.0, **options)
    assert loss(found, [0, 1]) == pytest.approx(1.5 + 3 * 1.0)
    other = method(**options)
    other.load_state_dict(found.state_dict())  # as a resumed training has it
    for one in (found, other):
        model, by_hand = (Known(one.data, CROSS_ENTROPIES) for _ in range(2))
        rows = torch.tensor([2, 1])
        value = one.loss(model, rows, 0.0)
        assert value.item() == pytest.approx(3 + 3 * (first - second) ** 2)
        value.backward()
        losses = one.clip_losses(one.logits(by_hand, rows), rows)
        slope = 3 * 2 * (first - second)
        (losses @ torch.tensor([0.5 + slope, 0.5 - slope])).backward()
        torch.testing.assert_close(model.table.grad, by_hand.table.grad)


def test_a_group_that_is_not_in_the_batch_keeps_its_estimate() -> None:
    found = method(p=1, lambda_0=1.0, estimator="moving_average", momentum=0.5)
    loss(found, [1])
    assert loss(found, [2]) == pytest.approx(4 + (4 - 2))


@pytest.mark.parametrize("estimator", ["batch", "moving_average", "memory"])
def test_without_a_weight_it_is_erm(estimator: str) -> None:
    found = method(estimator=estimator, lambda_0=0.0, weighting="fixed")
    model, erm = (Known(found.data, CROSS_ENTROPIES) for _ in range(2))
    for _ in range(2):
        rows = torch.arange(3)
        value = found.loss(model, rows, 0.0)
        value.backward()
        expected = found.clip_losses(found.logits(erm, rows), rows).mean()
        expected.backward()
        assert torch.equal(value, expected)
        assert torch.equal(model.table.grad, erm.table.grad)


def test_lambda_is_part_of_the_state() -> None:
    one, other = method(lambda_0=0.3), method()
    other.load_state_dict(one.state_dict())
    assert float(other.weight) == 0.3


def test_without_groups_it_is_a_bug() -> None:
    with pytest.raises(ValueError, match="group source"):
        MinMaxGAP(fold(CLASSES), torch.Generator())
