"""Models of ERM that other methods start from, or learn from where they fail."""

import torch
from torch import nn

from fairser.methods.base import FoldData

AT_ONCE = 512  # clips whose logits are computed together


def erm_model(data: FoldData, epochs: int | None = None) -> nn.Module:
    """The model of ERM after so many epochs, or with None that of its best epoch.

    Raises:
        ValueError: these clips come without a training of ERM.
    """
    if data.train_erm is None:
        raise ValueError("this method starts from ERM, and 'train_erm' of the data is not set")
    return data.train_erm(epochs)


@torch.no_grad()
def all_logits(model: nn.Module, data: FoldData, rows: torch.Tensor) -> torch.Tensor:
    """Logits [n, C] of the clips at the rows [n], computed in parts, without a gradient."""
    size = getattr(data.features, "at_once", AT_ONCE)
    return torch.cat([model(data.features, part) for part in rows.split(size)])
