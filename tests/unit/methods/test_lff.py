"""LfF: relative difficulty by hand, the generalised cross-entropy, two heads that do not meet."""

import numpy as np
import pytest
import torch
from torch import nn

from fairser.methods.lff import LfF, RelativeDifficulty, generalised
from unit.methods.builders import CLASSES, fold

ROWS = torch.arange(3)


def difficulty(momentum: float = 0.7, train: list[int] | None = None) -> RelativeDifficulty:
    data = fold(CLASSES, train=train)
    return RelativeDifficulty(data, data.train, momentum)


def visit(
    found: RelativeDifficulty, b: list[float], d: list[float], rows: list[int]
) -> list[float]:
    return found(torch.tensor(b), torch.tensor(d), torch.tensor(rows)).tolist()


def test_two_visits_by_hand() -> None:
    found = difficulty()
    # First visit takes the losses as they are. Largest of class 0: b 4, d 2: b/4 is 1/4 and 1.
    weights = visit(found, [1, 4], [2, 2], [0, 1])
    assert weights == pytest.approx([0.25 / 1.25, 1 / 2])
    assert found.averages[:, 2].isnan().all()
    # Clip 0: b .7 * 1 + .3 * 0, d .7 * 2 + .3 * 5. Largest of class 0: b 4 (clip 1), d 2.9
    # (clip 0); clip 2 is the only one of class 1.
    weights = visit(found, [0, 3], [5, 5], [0, 2])
    assert found.averages.tolist() == [pytest.approx([0.7, 4, 3]), pytest.approx([2.9, 2, 5])]
    assert weights == pytest.approx([0.175 / 1.175, 1 / 2])


def test_momentum_is_the_share_of_the_old_value() -> None:
    found = difficulty(momentum=0.0)
    visit(found, [1.0, 1.0], [1.0, 1.0], [0, 1])
    visit(found, [3.0, 1.0], [2.0, 4.0], [0, 1])
    assert found.averages[:, :2].tolist() == [[3, 1], [2, 4]]


def test_only_train_clips_set_the_scale() -> None:
    # Clip 1 is not in train: its b of 9 does not scale clip 0, whose b is 1 over itself.
    found = difficulty(train=[0, 2])
    assert visit(found, [1, 9], [4, 1], [0, 1])[0] == pytest.approx(1 / 2)


def test_losses_of_zero_give_weight_zero() -> None:
    assert visit(difficulty(), [0, 0], [0, 0], [0, 1]) == [0, 0]
    assert visit(difficulty(), [0, 0], [1, 2], [0, 1]) == [0, 0]


@pytest.mark.parametrize("q", [0.7, 0.2])
def test_generalised_cross_entropy_by_hand(q: float) -> None:
    # softmax: (1/4, 3/4) and (1/5, 4/5); the majority classes 1 and 0.
    logits = torch.log(torch.tensor([[1.0, 3.0], [1.0, 4.0]]))
    found = generalised(torch.tensor([2.0, 5.0]), logits, torch.tensor([1, 0]), q)
    assert found.tolist() == pytest.approx([2 * 0.75**q * q, 5 * 0.2**q * q])


def test_its_gradient_is_the_cross_entropy_times_q_and_the_power() -> None:
    logits = torch.tensor([[0.3, -1.0, 0.2]], requires_grad=True)
    truth = torch.tensor([2])
    losses = nn.functional.cross_entropy(logits, truth, reduction="none")
    generalised(losses, logits, truth, 0.7).sum().backward()
    share = logits.detach().softmax(dim=1)
    expected = 0.7 * share[0, 2] ** 0.7 * (share - torch.tensor([0, 0, 1]))
    torch.testing.assert_close(logits.grad, expected)


def test_loss_is_the_sum_of_both_heads_and_the_weights_have_no_gradient() -> None:
    data = fold(CLASSES)
    method = LfF(data, torch.Generator(), q=0.5, momentum=0.5)
    model = method.build()
    method.loss(model, torch.tensor([0, 1]), 0.0)  # so that the averages are not the losses
    averages = method.difficulty.averages.clone()
    loss = method.loss(model, ROWS, 0.0)
    loss.backward()

    z_b, z_d = (head(data.features, ROWS) for head in (model.biased, model.debiased))
    l_b, l_d = method.clip_losses(z_b, ROWS), method.clip_losses(z_d, ROWS)
    b, d = (found.detach().numpy() for found in (l_b, l_d))
    old = averages.numpy()
    b = np.where(np.isnan(old[0]), b, (old[0] + b) / 2)
    d = np.where(np.isnan(old[1]), d, (old[1] + d) / 2)
    b, d = (np.append(x[:2] / x[:2].max(), 1.0) for x in (b, d))
    weight = torch.from_numpy((b / (b + d + 1e-8)).astype(np.float32))
    share = z_b.detach().softmax(dim=1)[ROWS, data.majority]
    easy = (l_b * share**0.5 * 0.5).mean()
    hard = (weight * l_d).mean()
    assert loss.item() == pytest.approx((easy + hard).item(), rel=1e-5)
    # The gradient of each head is that of its own loss alone.
    for name, part in (("biased", easy), ("debiased", hard)):
        parameters = list(getattr(model, name).parameters())
        expected = torch.autograd.grad(part, parameters)
        assert all(gradient.any() for gradient in expected[1:])
        for parameter, gradient in zip(parameters, expected, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)


def test_the_heads_differ_and_have_parts_of_their_own() -> None:
    method = LfF(fold(CLASSES), torch.Generator())
    torch.manual_seed(0)
    model = method.build()
    parts = method.parts(model)
    assert [len(part) for part in parts] == [5, 5]
    assert {id(p) for part in parts for p in part} == {id(p) for p in model.parameters()}
    assert not torch.equal(parts[0][1], parts[1][1])


def test_predictions_are_those_of_the_debiased_head() -> None:
    data = fold(CLASSES)
    method = LfF(data, torch.Generator())
    model = method.build()
    found = method.logits(model, ROWS)
    assert torch.equal(found, model.debiased(data.features, ROWS))
    assert not torch.equal(found, model.biased(data.features, ROWS))
