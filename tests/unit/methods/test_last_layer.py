"""Methods that train the last layer of ERM again: AFR and SELF by plain computations."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fairser.core.errors import InputError
from fairser.methods.afr import AFR
from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.head import Head
from fairser.methods.last_layer import hidden_vectors, retrain
from fairser.methods.losses import class_balanced_weights
from fairser.methods.self import SELF
from unit.methods.builders import fold

CLASSES = [0, 1, 2] * 20


def head(seed: int = 0, count: int = 3) -> Head:
    torch.manual_seed(seed)
    return Head(2, 4, count, hidden=6)


def soft(data: FoldData) -> FoldData:
    """With soft targets whose majority class stays."""
    return replace(data, targets=0.7 * data.targets + 0.3 / data.targets.shape[1])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def layer_of(model: Head) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.classifier.parameters()]


def plain_hidden(model: Head, data: FoldData, rows: torch.Tensor) -> torch.Tensor:
    """Hidden vectors by the definition of the head."""
    shares = model.encoder.layer_weights.detach().softmax(dim=0)
    pooled = (data.features[rows] * shares[:, None]).sum(dim=1)  # type: ignore[index]
    return pooled @ model.encoder.linear.weight.detach().T + model.encoder.linear.bias.detach()


class InParts:
    """Features that are read batch by batch."""

    at_once = 7

    def __init__(self, features: torch.Tensor) -> None:
        self.features, self.shape = features, features.shape

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        assert len(rows) <= self.at_once
        return self.features[rows]


def test_hidden_vectors_in_parts() -> None:
    data, model, rows = fold(CLASSES, count=3), head(), torch.arange(0, 60, 2)
    expected = plain_hidden(model, data, rows)
    parts: Any = InParts(data.features)  # type: ignore[arg-type]
    for given in data, replace(data, features=parts):
        found = hidden_vectors(model, given, rows)
        torch.testing.assert_close(found, expected)
        assert not found.requires_grad


def test_retraining_is_adam_on_the_layer_alone() -> None:
    model, rate = head(), 0.01
    hidden, labels = torch.randn(30, 6, generator=seeded()), torch.arange(30) % 3
    weight, bias = (tensor.numpy().astype(float) for tensor in layer_of(model))
    # Adam in numpy, with its published equations.
    moments = [[np.zeros_like(x), np.zeros_like(x)] for x in (weight, bias)]
    for step in range(1, 6):
        logits = hidden.numpy() @ weight.T + bias
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        apart = (shares - np.eye(3)[labels.numpy()]) / 30
        slopes = (apart.T @ hidden.numpy(), apart.sum(axis=0))
        for value, slope, (first, second) in zip((weight, bias), slopes, moments, strict=True):
            first[:] = 0.9 * first + 0.1 * slope
            second[:] = 0.999 * second + 0.001 * slope**2
            scale = np.sqrt(second / (1 - 0.999**step)) + 1e-8
            value -= rate * first / (1 - 0.9**step) / scale
    before = [p.detach().clone() for p in model.encoder.parameters()]
    layer = model.classifier
    retrain(layer, lambda: cross_entropy(layer(hidden), labels), 5, rate, "methods.mine")
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, atol=1e-5)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, atol=1e-5)
    after = model.encoder.parameters()
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_a_loss_that_is_not_finite_names_the_key() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(InputError, match=r"'methods\.mine'.*step 0.*learning_rate' \(now 0\.1\)"):
        retrain(layer, lambda: layer.weight.sum() * torch.nan, 3, 0.1, "methods.mine")


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_afr_divides_train(share: float) -> None:
    data = fold(CLASSES, train=range(10, 60), count=3)
    method = AFR(data, seeded(), held_out=share)
    assert len(method.held_out) == 50 * share
    both = torch.cat([method.rows, method.held_out])
    assert both.sort().values.tolist() == data.train.tolist()
    assert torch.equal(method.held_out, AFR(data, seeded(), held_out=share).held_out)
    assert not torch.equal(method.held_out, AFR(data, seeded(1), held_out=share).held_out)
    used = class_balanced_weights(data.targets[method.rows]).float()
    torch.testing.assert_close(method.weights, used)


def test_afr_needs_clips_for_both() -> None:
    with pytest.raises(InputError, match=r"'methods\.afr\.held_out' is 0\.1.* 3 train clips"):
        AFR(fold([0, 1, 1]), seeded(), held_out=0.1)


def test_afr_weighs_clips_by_their_probability() -> None:
    data = fold([0, 1, 1, -1])
    method = AFR(data, seeded(), gamma=2.0, held_out=0.5)
    shares = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.75, 0.25], [0.3, 0.7]])
    found = method.clip_shares(shares.log(), torch.arange(4))
    expected = np.exp([-1.8, -1.2, -0.5, 0.0])  # the last has no majority class: p_y counts as 0
    np.testing.assert_allclose(found.numpy(), expected / expected.sum(), rtol=1e-6)
    even = AFR(data, seeded(), gamma=0.0, held_out=0.5)
    assert even.clip_shares(shares.log(), torch.arange(4)).tolist() == [0.25] * 4


@pytest.mark.parametrize(("gamma", "lambda_w"), [(10.0, 0.0), (1.44, 0.05)])
def test_afr_by_a_plain_loop(gamma: float, lambda_w: float) -> None:
    data, model = soft(fold(CLASSES, count=3)), head()
    method = AFR(data, seeded(), gamma=gamma, lambda_w=lambda_w, steps=40, learning_rate=0.01)
    rows = method.held_out
    hidden, targets = plain_hidden(model, data, rows), data.targets[rows]
    first = layer_of(model)
    twin = nn.Linear(6, 3)
    twin.load_state_dict(model.classifier.state_dict())
    truth = (hidden @ first[0].T + first[1]).softmax(dim=1)[range(12), data.majority[rows]]
    shares = (-gamma * truth).exp() / (-gamma * truth).exp().sum()
    weights = class_balanced_weights(data.targets[method.rows]).float()
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    for _ in range(40):
        loss = torch.zeros(())
        logits = twin(hidden)
        for place in range(12):
            weight = shares[place] * (targets[place] @ weights)
            loss = loss - weight * (targets[place] @ logits[place].log_softmax(dim=0))
        loss = loss + lambda_w * (twin.weight - first[0]).square().sum()
        loss = loss + lambda_w * (twin.bias - first[1]).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    method.finish(model)
    for found, expected in zip(layer_of(model), twin.parameters(), strict=True):
        torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)
    assert not torch.equal(layer_of(model)[0], first[0])


def test_afr_far_from_nothing_is_erm() -> None:
    """With gamma 0 and a large lambda the layer stays where ERM left it."""
    model = head()
    first = layer_of(model)
    method = AFR(fold(CLASSES, count=3), seeded(), gamma=0.0, lambda_w=1e5)
    method.finish(model)
    for found, expected in zip(layer_of(model), first, strict=True):
        torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


def with_erm(data: FoldData, early: Callable[[int | None], nn.Module]) -> FoldData:
    return replace(data, train_erm=early)


def test_self_takes_the_clips_that_changed_most() -> None:
    base = soft(fold([*CLASSES[:57], -1, 0, 1], count=3))
    development = torch.arange(5, 60)
    early, late = head(1), head(2)
    asked: list[int | None] = []

    def train_erm(epochs: int | None) -> nn.Module:
        asked.append(epochs)
        return early

    data = with_erm(replace(base, development=development), train_erm)
    method = SELF(data, seeded(), epochs=3, clips=10)
    found = method.disagreement_rows(late)
    assert asked == [3]
    apart = {}
    for row in range(5, 60):
        p, q = (
            model(data.features, torch.tensor([row])).softmax(dim=1)[0].detach().numpy()
            for model in (late, early)
        )
        apart[row] = float((p * np.log(p / q)).sum())
    del apart[57]  # without a majority class
    assert found.tolist() == sorted(apart, key=lambda row: -apart[row])[:10]
    everything = SELF(data, seeded(), epochs=3, clips=1000).disagreement_rows(late)
    assert sorted(everything.tolist()) == sorted(apart)


def test_self_by_a_plain_loop() -> None:
    data = with_erm(soft(fold(CLASSES, count=3)), lambda _: head(1))
    model, twin = head(2), nn.Linear(6, 3)
    twin.load_state_dict(model.classifier.state_dict())
    method = SELF(data, seeded(), clips=11, steps=30, learning_rate=0.01)
    rows = method.disagreement_rows(model)
    hidden, labels = plain_hidden(model, data, rows), data.majority[rows]
    optimizer = torch.optim.Adam(twin.parameters(), lr=0.01)
    for _ in range(30):
        each = cross_entropy(twin(hidden), data.targets[rows], reduction="none")
        means = [each[labels == label].mean() for label in set(labels.tolist())]
        optimizer.zero_grad()
        torch.stack(means).mean().backward()
        optimizer.step()
    method.finish(model)
    for found, expected in zip(layer_of(model), twin.parameters(), strict=True):
        torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("noise", [0.0, 1e-6])  # rounding is no disagreement
def test_self_that_never_changed_is_refused(noise: float) -> None:
    model, early = head(), head()
    with torch.no_grad():
        early.classifier.weight.add_(noise * torch.randn(3, 6, generator=seeded()))
    data = with_erm(fold(CLASSES, count=3), lambda _: early)
    with pytest.raises(InputError, match=r"'methods\.self\.epochs' is 5.* 60 development clips"):
        SELF(data, seeded()).finish(model)


@pytest.mark.parametrize("kind", [AFR, SELF])
def test_training_is_that_of_erm(kind: type[ERM]) -> None:
    data = fold(CLASSES, count=3)
    method, erm = kind(data, seeded()), ERM(data, seeded())
    assert method.stacks
    assert method.stack_key() == erm.stack_key()
    method.weights = erm.weights  # those of AFR are of fewer clips
    model, rows = head(), torch.arange(9)
    assert torch.equal(method.loss(model, rows, 0.5), erm.loss(model, rows, 0.5))
