"""ERM: empirical risk minimisation, the reference that knows no groups."""

from collections.abc import Hashable

import torch
from torch import nn

from fairser.methods.base import Method

METHOD = {
    "title": "ERM",
    "description": "Empirical risk minimisation, the reference.",
    "order": 1,
    "finetune": True,
    "colour": "#000000",
}


class ERM(Method):
    """The mean of the clips' losses, each times a fixed factor, which is 1 in ERM itself.

    Buffer ``factors``: of the loss of each clip [N].
    """

    stacks = ragged = static = True
    factors: torch.Tensor

    def prepare(self) -> None:
        self.keep("factors", self.clip_factors())

    def clip_factors(self) -> torch.Tensor:
        return torch.ones_like(self.data.targets[:, 0])

    def stack_key(self) -> Hashable:
        return ERM.loss, type(self).loss

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        there = rows >= 0
        losses = self.clip_losses(self.logits(model, rows), rows)
        factors = torch.where(there, self.of_rows(self.factors, rows), 0.0)
        return (factors * losses).sum(dim=-1) / there.sum(dim=-1).clamp_min(1)
