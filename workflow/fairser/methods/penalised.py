"""Methods that add a penalty of differences between groups to the loss."""

from collections.abc import Hashable

import torch
from torch import nn

from fairser.methods.base import Method


class Penalised(Method):
    """Loss of a batch: the mean of its clips' losses plus ``weight`` times a penalty.

    A clip of unknown group counts for the mean, and for no group. The method declares a setting
    ``weight``, in which stacked cells can differ.

    Buffers ``shares``: membership of the clips in the groups [N, G]; ``weight``.
    """

    stacks = True
    shares: torch.Tensor
    weight: torch.Tensor

    def prepare(self) -> None:
        self.keep("shares", self.group_shares())
        self.keep("weight", self.shares.new_tensor(self.options.weight))

    def stack_key(self) -> Hashable:
        others = {name: v for name, v in vars(self.options).items() if name != "weight"}
        return type(self), repr(sorted(others.items()))

    def terms(
        self, model: nn.Module, rows: torch.Tensor, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits [..., B, C] of a batch, and its penalty [...]; arguments are those of ``loss``."""
        raise NotImplementedError

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        logits, penalty = self.terms(model, rows, progress)
        return self.clip_losses(logits, rows).mean(dim=-1) + self.weight * penalty
