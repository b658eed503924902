"""ERM: empirical risk minimisation, the reference that knows no groups."""

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
    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        return self.clip_losses(self.logits(model, rows), rows).mean()
