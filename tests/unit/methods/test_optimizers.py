"""Optimizers without the compiler's import: the numbers of PyTorch's own, and no import."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from fairser.core.places import WORKFLOW
from fairser.methods.optimizers import LBFGS, Adam

STEPS = """
import sys
import torch
from fairser.methods.optimizers import LBFGS, Adam

for kind in Adam, LBFGS:
    parameter = torch.nn.Parameter(torch.ones(3))

    def loss():
        optimizer.zero_grad()
        value = (parameter**2).sum()
        value.backward()
        return value

    optimizer = kind([parameter])
    optimizer.load_state_dict(optimizer.state_dict())
    loss()
    optimizer.step(loss)
    assert parameter.detach().abs().max() < 1
assert "torch._dynamo" not in sys.modules
"""


def trained(kind: Any, again: bool, **settings: Any) -> torch.Tensor:
    """Parameters after twelve steps, perhaps with the state read back in between."""
    torch.manual_seed(0)
    inputs, targets = torch.randn(20, 5), torch.randn(20)
    parameter = torch.nn.Parameter(torch.randn(5))
    optimizer = kind([parameter], **settings)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = (inputs @ parameter - targets).square().mean()
        value.backward()
        return value

    for step in range(12):
        if again and step == 6:
            state = optimizer.state_dict()
            optimizer = kind([parameter], **settings)
            optimizer.load_state_dict(state)
        optimizer.step(loss)
    return parameter.detach()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (Adam, torch.optim.Adam, {"lr": 0.1}),
        (Adam, torch.optim.Adam, {"lr": 0.1, "fused": True}),
        (LBFGS, torch.optim.LBFGS, {"max_iter": 2, "line_search_fn": "strong_wolfe"}),
    ],
)
def test_numbers_are_those_of_pytorch(
    ours: Any, theirs: Any, settings: dict[str, Any], again: bool
) -> None:
    assert torch.equal(trained(ours, again, **settings), trained(theirs, again, **settings))


def test_the_compiler_is_not_imported() -> None:
    subprocess.run([sys.executable, "-c", STEPS], check=True, env={"PYTHONPATH": str(WORKFLOW)})
