"""Training the last layer of a model again, on its hidden vectors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.methods.base import FoldData
from fairser.methods.early import AT_ONCE
from fairser.methods.optimizers import Adam


@torch.no_grad()
def hidden_vectors(model: Any, data: FoldData, rows: torch.Tensor) -> torch.Tensor:
    """What the last layer of a :class:`fairser.methods.head.Head` gets of the clips [n, hidden]."""
    parts = rows.split(getattr(data.features, "at_once", AT_ONCE))
    return torch.cat([model.encoder(data.features, part) for part in parts])


def retrain(
    layer: nn.Module, loss: Callable[[], torch.Tensor], steps: int, learning_rate: float, key: str
) -> None:
    """Minimise a loss over the parameters of a layer, in place: full-batch steps of Adam.

    Args:
        layer: the last layer of a model.
        loss: of all clips, with a gradient for the layer.
        steps: number of steps.
        learning_rate: of Adam.
        key: of the configuration that messages name, such as ``methods.afr``.

    Raises:
        InputError: the loss is not finite.
    """
    optimizer = Adam(layer.parameters(), lr=learning_rate)
    for step in range(steps):
        optimizer.zero_grad()
        value = loss()
        if not value.isfinite():
            raise InputError(
                f"'{key}': the loss of the last layer is not finite at step {step}. Lower "
                f"'{key}.learning_rate' (now {learning_rate:g})."
            )
        value.backward()
        optimizer.step()
    optimizer.zero_grad()


def soft_cross_entropies(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy [...] of logits [..., C] with soft targets [..., C], without class weights."""
    return -(targets * logits.log_softmax(dim=-1)).sum(dim=-1)
