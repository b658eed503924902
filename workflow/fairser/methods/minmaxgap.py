"""MinMaxGAP on groups of any source (Pang et al. 2026, there for the genders of each language).

The loss of a batch is its mean plus lambda times the p-th power of the largest difference between
the mean losses of two groups; lambda follows that difference on development, epoch by epoch. See
:mod:`fairser.methods.loss_gap`; here all clips are of one language.
"""

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.group_labels import group_labels, group_means, memberships
from fairser.methods.loss_gap import Options, language_gaps, penalty

AT_ONCE = 512  # development clips whose logits are computed together


class MinMaxGAP(Method):
    """Buffer ``weight``: lambda of the current epoch, float64 scalar."""

    Options = Options
    weight: torch.Tensor

    def prepare(self) -> None:
        self.shares = memberships(group_labels(self.data))
        weight = torch.tensor(self.options.lambda_0, dtype=torch.float64)
        self.register_buffer("weight", weight)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        means, present = group_means(losses, self.shares[rows])
        gap = penalty(means[None], present[None], self.options.p)
        return losses.mean() + float(self.weight) * gap

    @torch.no_grad()
    def end_epoch(self, model: nn.Module) -> None:
        rows = self.data.development
        size = getattr(self.data.features, "at_once", AT_ONCE)
        parts = [self.clip_losses(self.logits(model, part), part) for part in rows.split(size)]
        means, present = group_means(torch.cat(parts), self.shares[rows])
        (gap,) = language_gaps(means[None], present[None])
        self.weight.fill_(self.options.updated(float(self.weight), gap))


METHOD = MinMaxGAP
