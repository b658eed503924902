"""Random: logits drawn from U(0, 1), the lower bound of performance."""

import torch
from torch import nn

from fairser.methods.base import Method

METHOD = {
    "title": "Random",
    "description": "Predicts at random; shows what a gap is without any difference.",
    "order": 2,
    "trains": False,
    "colour": "#8C8C8C",
}


class Random(Method):
    trains = False

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        return nn.Module()

    def logits(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        shape = (len(rows), self.data.targets.shape[1])
        return torch.rand(shape, generator=self.generator)
