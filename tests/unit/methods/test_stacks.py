"""Cells that are trained as one come to the same as cells that are trained one after another."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from fairser.config.extensions import extensions
from fairser.methods.base import Method, find_method, stack
from fairser.methods.head import stack_models
from unit.methods.builders import soft_fold

STACKED = [name for name in extensions("METHOD") if find_method(name).stacks]
# In these settings cells that are trained together can differ.
VARIED: dict[str, tuple[str, list[float]]] = {
    "jtt": ("weight", [1.0, 5.0, 20.0]),
    "cvar": ("alpha", [0.1, 0.5, 1.0]),
    "focal": ("gamma", [0.0, 0.5, 2.0]),
    **dict.fromkeys(
        ("diff_eopp", "diff_eodds", "diff_dp", "hsic", "adversarial", "irm"),
        ("weight", [0.0, 0.3, 2.0]),
    ),
}
GROUPS = [2, 5, 3]


def cells(name: str) -> list[Method]:
    """Three cells of a method, with different groups and seeds."""
    key, values = VARIED.get(name, ("", [0.0] * 3))
    probabilities = torch.rand(60, 5, generator=torch.Generator().manual_seed(0))
    found = []
    for seed, groups in enumerate(GROUPS):
        data = soft_fold(seed, groups)
        data = replace(data, probabilities=probabilities[:, :groups].double())
        if name in ("lff", "disent"):  # all their train clips have a majority class
            data = replace(data, majority=data.targets.argmax(dim=1))
        hyper: dict[str, Any] = {key: values[seed]} if key else {}
        generator = torch.Generator().manual_seed(seed)
        found.append(find_method(name)(data, generator, **hyper))
    return found


def models(methods: list[Method]) -> list[nn.Module]:
    torch.manual_seed(0)
    return [method.build() for method in methods]


def update(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None


@pytest.mark.parametrize("shared", [True, False], ids=["the same batches", "batches of its own"])
@pytest.mark.parametrize("name", STACKED)
def test_stacked_cells_are_those_one_by_one(name: str, shared: bool) -> None:
    alone, parts = cells(name), cells(name)
    assert len({method.stack_key() for method in parts}) == 1
    whole, model = stack(parts), stack_models(models(parts))
    generator = torch.Generator().manual_seed(5)
    own = models(alone)
    for step in range(5):
        size = 7 if step == 3 else 12
        drawn = [torch.randperm(40, generator=generator)[:size] for _ in alone]
        rows = [drawn[0]] * 3 if shared else drawn
        losses = [m.loss(o, r, step / 5) for m, o, r in zip(alone, own, rows, strict=True)]
        together = whole.loss(model, drawn[0] if shared else torch.stack(drawn), step / 5)
        assert together.shape == (3,)
        torch.testing.assert_close(together, torch.stack(losses), rtol=1e-10, atol=1e-10)
        torch.stack(losses).sum().backward()
        together.sum().backward()
        for cell, one in enumerate(own):
            for found, expected in zip(model.parameters(), one.parameters(), strict=True):
                torch.testing.assert_close(found.grad[cell], expected.grad, rtol=1e-10, atol=1e-10)
        for one in (model, *own):
            update(one)
    for cell, method in enumerate(alone):
        expected = dict(method.named_buffers())
        for key, found in whole.named_buffers():
            part = found[cell][tuple(slice(size) for size in expected[key].shape)]
            torch.testing.assert_close(part, expected[key], rtol=1e-10, atol=1e-10, equal_nan=True)
