"""MinMaxGAP on groups of any source (Pang et al. 2026, there for the genders of each language).

The loss of a batch is its mean plus lambda times the p-th power of the largest difference between
the mean losses of two groups, which are estimated from this batch and earlier ones; lambda follows
that difference on development, epoch by epoch. See :mod:`fairser.methods.loss_gap` and
:mod:`fairser.methods.gap_estimators`; here all clips are of one language.
"""

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.gap_estimators import make_estimator
from fairser.methods.group_labels import group_means
from fairser.methods.loss_gap import Options, language_gaps, penalty

AT_ONCE = 512  # development clips whose logits are computed together

METHOD = {
    "title": "MinMaxGAP",
    "description": "ERM with the largest loss gap between groups (Pang et al. 2026).",
    "order": 10,
    "groups": "any",
    "finetune": True,
    "settings": {
        "p": {"enum": [1, 2], "default": 2, "description": "Exponent of the gap."},
        "weighting": {
            "enum": ["adaptive", "fixed"],
            "default": "adaptive",
            "description": "Whether the weight of the gap is updated with the gap on development.",
        },
        "lambda_0": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Weight of the gap in the first epoch or round.",
        },
        "eta": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Step size of the weight, per unit of the gap above epsilon.",
        },
        "epsilon": {
            "type": "number",
            "minimum": 0,
            "default": 0.05,
            "description": "Gap on development, in units of the loss, that leaves the weight.",
        },
        "lambda_max": {
            "type": "number",
            "minimum": 0,
            "default": 10.0,
            "description": "Largest value of the weight.",
        },
        "estimator": {
            "enum": ["batch", "moving_average", "memory"],
            "default": "moving_average",
            "description": "Of the groups' mean losses: of the batch (the paper), or over batches.",
        },
        "momentum": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.9,
            "description": "Share of the old value in the moving averages (choice).",
        },
        "memory_size": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000000,
            "default": 128,
            "description": "Losses of each group before those of the batch in the memory (choice).",
        },
    },
}


class MinMaxGAP(Method):
    """Buffers: ``weight``, lambda of the current epoch, float64; and those of ``estimator``."""

    weight: torch.Tensor

    def prepare(self) -> None:
        self.gap = Options(**vars(self.options))
        self.shares = self.group_shares()
        self.estimator = make_estimator(self.gap, self.shares.shape[1])
        weight = torch.tensor(self.gap.lambda_0, dtype=torch.float64)
        self.register_buffer("weight", weight)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses, shares = self.clip_losses(self.logits(model, rows), rows), self.shares[rows]
        means, known = self.estimator(losses.detach(), shares)
        value, (slopes,) = penalty(means[None], known[None], self.gap.p)
        batch, _ = group_means(losses, shares)
        # The value of the estimates with the gradient of the batch.
        gap = value + slopes.to(batch) @ (batch - batch.detach())
        return losses.mean() + float(self.weight) * gap

    @torch.no_grad()
    def end_epoch(self, model: nn.Module) -> None:
        rows = self.data.development
        size = getattr(self.data.features, "at_once", AT_ONCE)
        parts = [self.clip_losses(self.logits(model, part), part) for part in rows.split(size)]
        means, present = group_means(torch.cat(parts), self.shares[rows])
        gap = float(language_gaps(means, present))
        self.weight.fill_(self.gap.updated(float(self.weight), gap))
