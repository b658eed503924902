"""GDRO, group distributionally robust optimisation (Sagawa et al. 2020; Interspeech 2025, eq. 2).

L_g is the mean loss of the batch's clips of group g. The weights q of the groups start uniform;
each step multiplies those of the groups in the batch by exp(eta L_g), normalises them, and
minimises sum_g q_g L_g with the new weights.
"""

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.group_labels import group_labels, group_means, memberships

METHOD = {
    "title": "GDRO",
    "description": "Group distributionally robust optimisation (Sagawa et al. 2020).",
    "order": 8,
    "groups": "any",
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
    },
}


class GDRO(Method):
    """Buffer ``log_q``: logarithms of the group weights [G]."""

    log_q: torch.Tensor

    def prepare(self) -> None:
        self.shares = self.group_shares()
        if self.options.groups == "class_attribute":
            classes = memberships(self.data.majority, self.data.targets.shape[1])
            self.shares = (classes[:, :, None] * self.shares[:, None, :]).flatten(start_dim=1)
        self.sizes = self.shares[self.rows].sum(dim=0)
        self.register_buffer("log_q", torch.zeros_like(self.sizes).log_softmax(dim=0))

    def group_shares(self) -> torch.Tensor:
        """Membership of each clip in the groups of the source [N, G], float32."""
        return memberships(group_labels(self.data))

    def adjustment(self) -> torch.Tensor:
        """Added to L_g [G] in the update of q; 0 here."""
        return torch.zeros_like(self.sizes)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        means, present = group_means(losses, self.shares[rows])
        update = torch.where(present, means.detach() + self.adjustment(), 0.0)
        self.log_q = (self.log_q + self.options.eta * update).log_softmax(dim=0)
        return self.log_q.exp() @ means
