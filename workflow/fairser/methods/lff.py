"""LfF, learning from failure (Nam et al. 2020), with soft targets.

Two heads learn at once. The biased one, b, prefers what it already finds easy by the generalised
cross-entropy; the debiased one, d, learns most from the clips at which b fails. Their relative
difficulty W comes from moving averages of both losses. Predictions are those of d.

The class-balanced loss l_i takes the place of the hard cross-entropy, and p_y is the probability
of the majority class, which every train clip of a biased split has.
"""

from typing import Any

import torch
from torch import nn

from fairser.extraction.features import Features
from fairser.methods.base import FoldData, Method
from fairser.methods.head import Head
from fairser.methods.losses import majority_probabilities

METHOD = {
    "title": "LfF",
    "description": "Learning from failure (Nam et al. 2020).",
    "order": 3,
    "colour": "#56B4E9",
    "fill": "bottom",
    "settings": {
        "q": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.7,
            "description": "Exponent of the generalised cross-entropy.",
        },
        "momentum": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.7,
            "description": "Share of the old value in the moving averages of the losses.",
        },
    },
}


class TwoHeads(nn.Module):
    """The debiased head, which predicts, and the biased one.

    The debiased head is made first: initially it is the head of ERM with the same seed.
    """

    def __init__(self, layers: int, dim: int, classes: int) -> None:
        super().__init__()
        self.debiased, self.biased = Head(layers, dim, classes), Head(layers, dim, classes)

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        return self.debiased(features, rows)


class RelativeDifficulty(nn.Module):
    """W_i = b / (b + d + 1e-8) from moving averages of two losses, each scaled by its class.

    Buffer ``averages``: moving averages of the losses of b and of d [2, N], NaN for a clip that
    was in no batch yet.
    """

    averages: torch.Tensor

    def __init__(self, data: FoldData, rows: torch.Tensor, momentum: float) -> None:
        super().__init__()
        self.majority, self.rows, self.momentum = data.majority, rows, momentum
        self.classes = data.targets.shape[1]
        averages = data.targets.new_full((2, len(data.targets)), torch.nan)
        self.register_buffer("averages", averages)

    def forward(
        self, biased: torch.Tensor, debiased: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """W [..., B] of these rows, whose averages are updated with the losses of both heads."""
        new = torch.stack([biased, debiased], dim=-2).detach()
        index = rows[..., None, :].expand(new.shape)
        old = self.averages.gather(-1, index)
        mixed = self.momentum * old + (1 - self.momentum) * new
        self.averages.scatter_(-1, index, torch.where(old.isnan(), new, mixed))
        averages = self.averages.gather(-1, index)  # a clip may be twice in a batch
        scaled = averages / self._largest().gather(-1, self.majority[index])
        b, d = scaled.unbind(dim=-2)
        return b / (b + d + 1e-8)

    def _largest(self) -> torch.Tensor:
        """Largest average of each class among the train clips seen so far [..., 2, C]."""
        seen = self.averages[..., self.rows].nan_to_num(0.0)
        index = self.majority[self.rows].expand(seen.shape)
        largest = seen.new_zeros(*seen.shape[:-1], self.classes)
        largest = largest.scatter_reduce(-1, index, seen, "amax")
        return largest.clamp_min(torch.finfo(torch.float32).tiny)


def generalised(
    losses: torch.Tensor, logits: torch.Tensor, majority: torch.Tensor, q: float
) -> torch.Tensor:
    """Generalised cross-entropy [..., B] as in the original: loss times detach(p_y^q) times q."""
    return losses * majority_probabilities(logits, majority).detach() ** q * q


class LfF(Method):
    stacks = static = True

    def prepare(self) -> None:
        self.difficulty = RelativeDifficulty(self.data, self.rows, self.options.momentum)

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        return TwoHeads(layers, dim, classes)

    def parts(self, model: nn.Module) -> list[list[nn.Parameter]]:
        return [list(head.parameters()) for head in model.children()]

    def loss(self, model: Any, rows: torch.Tensor, progress: float) -> torch.Tensor:
        features = self.data.features
        biased, debiased = (head(features, rows) for head in (model.biased, model.debiased))
        loss_b, loss_d = (self.clip_losses(logits, rows) for logits in (biased, debiased))
        weight = self.difficulty(loss_b, loss_d, rows)
        majority = self.data.majority[rows]
        easy = generalised(loss_b, biased, majority, self.options.q)
        return easy.mean(dim=-1) + (weight * loss_d).mean(dim=-1)
