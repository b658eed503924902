"""DisEnt, disentangled feature augmentation (Lee et al. 2021), with soft targets.

Two encoders: z_i is to hold what is intrinsic to the emotion, z_b the bias. The classifiers C_i
and C_b see both, but each trains its own encoder only. Clips are weighted by their relative
difficulty as in LfF. After a share of the steps the bias features are permuted within the batch,
with their labels, so that C_i meets the emotion with the bias of others.
"""

from typing import Any

import torch
from torch import Tensor, nn

from fairser.extraction.features import Features
from fairser.methods.base import Method
from fairser.methods.head import HIDDEN, LayerEncoder, Linear
from fairser.methods.lff import RelativeDifficulty, generalised

METHOD = {
    "title": "DisEnt",
    "description": "Disentangled feature augmentation (Lee et al. 2021).",
    "order": 4,
    "colour": "#F0E442",
    "extends": "lff",
    "settings": {
        "swap_start": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0.2,
            "description": "Share of the steps after which bias features are swapped (choice).",
        },
        "lambda_dis": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Weight of the loss of the bias classifier (choice).",
        },
        "lambda_swap": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Weight of the losses after the swap (choice).",
        },
        "lambda_swap_b": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Weight of the loss of the bias classifier after the swap (choice).",
        },
    },
}


class Disentangled(nn.Module):
    """Two encoders and two classifiers of both their features.

    The intrinsic encoder is made first: initially it is the encoder of ERM with the same seed.
    """

    def __init__(self, layers: int, dim: int, classes: int) -> None:
        super().__init__()
        self.intrinsic, self.bias = LayerEncoder(layers, dim), LayerEncoder(layers, dim)
        self.classify_intrinsic = Linear(2 * HIDDEN, classes)
        self.classify_bias = Linear(2 * HIDDEN, classes)

    def forward(self, features: Features, rows: Tensor) -> Tensor:
        z = torch.cat([self.intrinsic(features, rows), self.bias(features, rows)], dim=-1)
        return self.classify_intrinsic(z)


class DisEnt(Method):
    stacks = True

    def prepare(self) -> None:
        self.difficulty = RelativeDifficulty(self.data, self.rows, self.options.momentum)

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        return Disentangled(layers, dim, classes)

    def loss(self, model: Any, rows: Tensor, progress: float) -> Tensor:
        options, features = self.options, self.data.features
        z_i, z_b = model.intrinsic(features, rows), model.bias(features, rows)
        l_i, l_b, easy = self._losses(model, z_i, z_b, rows, rows)
        weight = self.difficulty(l_b, l_i, rows)
        loss = (weight * l_i).mean(dim=-1) + options.lambda_dis * easy.mean(dim=-1)
        if progress >= options.swap_start:
            order = self.permutations(rows.shape[-1])
            bias = rows.expand(order.shape).gather(-1, order)
            z_b = z_b.gather(-2, order[..., None].expand(z_b.shape))
            l_i, _, easy = self._losses(model, z_i, z_b, rows, bias)
            swapped = (weight * l_i).mean(dim=-1) + options.lambda_swap_b * easy.mean(dim=-1)
            loss = loss + options.lambda_swap * swapped
        return loss

    def _losses(
        self, model: Any, z_i: Tensor, z_b: Tensor, rows: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Losses [..., B] of C_i at ``rows``, of C_b at ``bias``, and its generalised one."""
        logits_i = model.classify_intrinsic(torch.cat([z_i, z_b.detach()], dim=-1))
        logits_b = model.classify_bias(torch.cat([z_i.detach(), z_b], dim=-1))
        l_b = self.clip_losses(logits_b, bias)
        easy = generalised(l_b, logits_b, self.data.majority[bias], self.options.q)
        return self.clip_losses(logits_i, rows), l_b, easy
