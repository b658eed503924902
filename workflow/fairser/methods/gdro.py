"""GDRO, group distributionally robust optimisation (Sagawa et al. 2020; Interspeech 2025, eq. 2).

L_g is the mean loss of the batch's clips of group g. The weights q of the groups start uniform;
each step multiplies them by exp(eta L_g), normalises them, and minimises sum_g q_g L_g with the new
weights. L_g is 0 for a group that is not in the batch.

With an adjustment C (GADRO) it is L_g + C / sqrt(n_g), n_g the clips of the group in train.
"""

from collections.abc import Hashable
from typing import ClassVar

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.group_labels import by_class, group_means

METHOD = {
    "title": "GDRO",
    "description": "Group distributionally robust optimisation (Sagawa et al. 2020).",
    "order": 8,
    "groups": "any",
    "sampler": "balanced",
    "finetune": True,
    "summary": True,
    "colour": "#009E73",
    "fill": "left",
    "settings": {
        "eta": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.01,
            "description": "Step size of the group weights.",
        },
        "groups": {
            "enum": ["attribute", "class_attribute"],
            "default": "attribute",
            "description": "The source's groups, or each majority class and group (choice).",
        },
        "adjustment": {
            "type": "number",
            "minimum": 0,
            "default": 0.0,
            "description": "C of the adjustment C / sqrt(n_g); GADRO is GDRO with C = 4.",
        },
        "adjust": {
            "enum": ["present", "all"],
            "default": "all",
            "description": "Groups that a step adjusts: those in the batch, or all (choice).",
        },
    },
}


class GDRO(Method):
    """Buffers ``log_q``, logarithms of the group weights [G]; ``shares`` [N, G]; ``adjustment``."""

    stacks = static = True
    padding: ClassVar = {"log_q": -torch.inf}  # as of a group without train clips
    log_q: torch.Tensor
    shares: torch.Tensor
    adjustment: torch.Tensor

    def prepare(self) -> None:
        self.keep("shares", self.group_shares())
        sizes = self.shares[self.rows].sum(dim=0)
        self.keep("adjustment", self.options.adjustment / sizes.clamp_min(1).sqrt())
        # The weight of a group without train clips is and stays 0.
        self.register_buffer("log_q", (sizes > 0).log().log_softmax(dim=0))

    def stack_key(self) -> Hashable:
        return GDRO.loss, type(self).loss, self.options.eta, self.options.adjust

    def group_shares(self) -> torch.Tensor:
        shares = self.source_shares()
        if self.options.groups == "class_attribute":
            return by_class(self.data, shares)
        return shares

    def source_shares(self) -> torch.Tensor:
        """Membership of each clip in the groups of the source [N, G], float32."""
        return super().group_shares()

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        means, present = group_means(losses, self.of_rows(self.shares, rows))
        adjusted = present | (self.options.adjust == "all")
        update = torch.where(adjusted, means.detach() + self.adjustment, 0.0)
        self.log_q.copy_((self.log_q + self.options.eta * update).log_softmax(dim=-1))
        return (self.log_q.exp() * means).sum(dim=-1)
