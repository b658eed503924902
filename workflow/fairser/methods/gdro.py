"""GDRO, group distributionally robust optimisation (Sagawa et al. 2020; Interspeech 2025, eq. 2).

L_g is the mean loss of the batch's clips of group g. The weights q of the groups start uniform;
each step multiplies those of the groups in the batch by exp(eta L_g), normalises them, and
minimises sum_g q_g L_g with the new weights.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from fairser.methods.base import FoldData, Method
from fairser.methods.group_labels import group_labels, group_means

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


@dataclass(frozen=True)
class Options:
    """Hyper-parameters.

    eta: step size of the group weights (0.01, Sagawa et al.).
    groups: ``attribute`` takes the source's groups as they are (choice), ``class_attribute`` each
        majority class and group together.
    """

    eta: float = 0.01
    groups: Literal["attribute", "class_attribute"] = "attribute"


class GDRO(Method):
    Options = Options

    def __init__(self, data: FoldData, generator: torch.Generator, options: Any = None) -> None:
        super().__init__(data, generator, options)
        self.shares = self.memberships()
        self.sizes = self.shares[self.rows].sum(dim=0)
        self.log_q = torch.zeros(self.shares.shape[1]).log_softmax(dim=0)

    def memberships(self) -> torch.Tensor:
        """Membership of each clip in the groups [N, G], float32; all 0 where it is unknown."""
        labels = group_labels(self.data)
        count = max(int(labels.max()) + 1, 1)
        shares = torch.nn.functional.one_hot(labels.clamp_min(0), count).float()
        return by_class(shares * (labels >= 0)[:, None], self.data, self.options.groups)

    def adjustment(self) -> torch.Tensor:
        """What is added to L_g [G] in the update of q; nothing here."""
        return torch.zeros_like(self.sizes)

    def state(self) -> dict[str, torch.Tensor]:
        return {**super().state(), "log_q": self.log_q}

    def resume(self, state: dict[str, torch.Tensor]) -> None:
        super().resume(state)
        self.log_q = state["log_q"]

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        means, present = group_means(losses, self.shares[rows])
        update = torch.where(present, means.detach() + self.adjustment(), 0.0)
        self.log_q = (self.log_q + self.options.eta * update).log_softmax(dim=0)
        return self.log_q.exp() @ means


def by_class(shares: torch.Tensor, data: FoldData, groups: str) -> torch.Tensor:
    """Memberships [N, G] as they are, or of each class and group together [N, C * G]."""
    if groups == "attribute":
        return shares
    classes = data.targets.shape[1]
    hot = torch.nn.functional.one_hot(data.majority.clamp_min(0), classes).float()
    hot = hot * (data.majority >= 0)[:, None]
    return (hot[:, :, None] * shares[:, None, :]).flatten(start_dim=1)
