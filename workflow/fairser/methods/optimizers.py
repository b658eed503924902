"""Optimizers of PyTorch without the import of its compiler.

``torch.optim`` imports ``torch._dynamo`` when an optimizer is made, takes a step or gives its
state. This takes two seconds, as long as the training of a small head, and is of use to
``torch.compile`` alone, which nothing here calls. So these have the same methods without the
decorators that import it.
"""

from inspect import unwrap
from typing import Any

import torch


class _Bare(torch.optim.Optimizer):
    add_param_group: Any = unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad: Any = unwrap(torch.optim.Optimizer.zero_grad)
    state_dict: Any = unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict: Any = unwrap(torch.optim.Optimizer.load_state_dict)


class Adam(_Bare, torch.optim.Adam):
    """``torch.optim.Adam``; its numbers are the same, bit by bit."""

    step: Any = torch.no_grad()(unwrap(torch.optim.Adam.step))


class LBFGS(_Bare, torch.optim.LBFGS):
    """``torch.optim.LBFGS``."""
