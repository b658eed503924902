"""DisEnt against an explicit reference, and what each of its losses may move."""

from typing import Any

import pytest
import torch
from torch import nn

from fairser.methods.disent import DisEnt
from unit.methods.builders import fold

CLASSES = [0, 0, 1, 1, 2, 0]
ROWS = torch.tensor([4, 0, 2, 1, 3])
LAMBDAS = {"lambda_dis": 0.5, "lambda_swap": 3.0, "lambda_swap_b": 0.25}


def make(seed: int = 0, **options: float) -> tuple[DisEnt, nn.Module]:
    data = fold(CLASSES, count=3)
    method = DisEnt(data, torch.Generator().manual_seed(seed), **options)
    torch.manual_seed(1)
    return method, method.build()


def reference(
    method: DisEnt, model: Any, weight: torch.Tensor, order: torch.Tensor | None
) -> float:
    """The loss written out with the parameters alone; ``order`` permutes the bias."""
    data, options, p = method.data, method.options, dict(model.state_dict())

    def encode(name: str) -> torch.Tensor:
        shares = p[f"{name}.layer_weights"].softmax(0)
        pooled = (shares[:, None] * data.features[ROWS]).sum(dim=1)
        return pooled @ p[f"{name}.linear.weight"].T + p[f"{name}.linear.bias"]

    def losses(name: str, z: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = z @ p[f"{name}.weight"].T + p[f"{name}.bias"]
        t, share = data.targets[rows], logits.softmax(1)
        entropy = -(t * method.weights).sum(1) * (t * share.log()).sum(1)
        true = share[torch.arange(len(rows)), data.majority[rows]]
        return entropy, entropy * true**options.q * options.q

    z_i, z_b = encode("intrinsic"), encode("bias")
    z = torch.cat([z_i, z_b], dim=1)
    l_i = losses("classify_intrinsic", z, ROWS)[0]
    total = (weight * l_i).mean() + options.lambda_dis * losses("classify_bias", z, ROWS)[1].mean()
    if order is not None:
        z = torch.cat([z_i, z_b[order]], dim=1)
        l_i = losses("classify_intrinsic", z, ROWS)[0]
        easy = losses("classify_bias", z, ROWS[order])[1]
        swapped = (weight * l_i).mean() + options.lambda_swap_b * easy.mean()
        total = total + options.lambda_swap * swapped
    return total.item()


@pytest.mark.parametrize(
    ("progress", "swaps"), [(0.0, False), (0.19, False), (0.2, True), (0.9, True)]
)
def test_loss_is_that_of_the_reference(progress: float, swaps: bool) -> None:
    method, model = make(seed=7, **LAMBDAS)
    weights: list[torch.Tensor] = []
    method.difficulty.register_forward_hook(lambda *call: weights.append(call[-1]))
    loss = method.loss(model, ROWS, progress).item()
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(7))
    assert order.tolist() != sorted(order.tolist())
    assert len(set(weights[0].tolist())) > 1
    expected = reference(method, model, weights[0], order if swaps else None)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_the_relative_difficulty_is_that_of_both_classifiers() -> None:
    method, model = make()
    method.loss(model, ROWS, 0.5)
    z = torch.cat([m(method.data.features, ROWS) for m in (model.intrinsic, model.bias)], dim=1)
    biased = method.clip_losses(model.classify_bias(z), ROWS)
    debiased = method.clip_losses(model.classify_intrinsic(z), ROWS)
    expected = torch.stack([biased, debiased]).detach()
    torch.testing.assert_close(method.difficulty.averages[:, ROWS], expected)
    assert method.difficulty.averages[:, 5].isnan().all()  # a clip that was not in the batch


def gradients(progress: float, **options: float) -> dict[str, torch.Tensor]:
    """Gradient of each of the four parts, flat."""
    method, model = make(**options)
    method.loss(model, ROWS, progress).backward()
    return {
        name: torch.cat([p.grad.flatten() for p in part.parameters() if p.grad is not None])
        for name, part in model.named_children()
    }


@pytest.mark.parametrize("progress", [0.0, 0.5])
def test_the_losses_of_each_classifier_move_its_own_encoder_alone(progress: float) -> None:
    without = gradients(progress, lambda_dis=0.0, lambda_swap_b=0.0)
    both = gradients(progress, lambda_dis=5.0, lambda_swap_b=2.0)
    for name in "intrinsic", "classify_intrinsic":
        assert without[name].any()
        assert torch.equal(without[name], both[name])
    for name in "bias", "classify_bias":
        assert not without[name].any()
        assert both[name].any()


def test_the_swap_starts_where_the_options_say() -> None:
    early = gradients(0.5, swap_start=0.5)["intrinsic"]
    late = gradients(0.5, swap_start=0.51)["intrinsic"]
    assert not torch.equal(early, late)
    assert torch.equal(late, gradients(0.0)["intrinsic"])
    assert torch.equal(gradients(0.99, swap_start=1.0)["intrinsic"], late)


def test_predictions_use_both_encoders() -> None:
    method, model = make()
    found = method.logits(model, ROWS)
    z = [part(method.data.features, ROWS) for part in (model.intrinsic, model.bias)]
    torch.testing.assert_close(found, model.classify_intrinsic(torch.cat(z, dim=1)))
    with torch.no_grad():
        model.bias.linear.bias += 1
    assert not torch.equal(method.logits(model, ROWS), found)
