"""Adversarial training: the hidden vector is to hide the group (Ganin et al. 2016).

A second network, the adversary, learns to predict the group from the hidden vector. The model
minimises its own loss minus lambda times that of the adversary, which is what reversing the
gradient between them does. The adversary's loss is the mean cross-entropy of the batch's clips of
known group. Groups without train clips are none of its classes.
"""

from typing import Any

import torch

from fairser.methods.auxiliary import Auxiliary
from fairser.methods.group_labels import check_several
from fairser.methods.head import HIDDEN
from fairser.methods.penalised import Penalised

METHOD = {
    "title": "Adversarial",
    "description": "Gradient reversal against an adversary that predicts the group (Ganin et al. "
    "2016).",
    "order": 31,
    "groups": "any",
    "finetune": True,
    "settings": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "default": 0.5,
            "description": "Weight lambda of the adversary's loss (choice).",
        },
        "hidden": {
            "type": "integer",
            "minimum": 1,
            "default": 64,
            "description": "Hidden values of the adversary (choice).",
        },
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.001,
            "description": "Of the adversary, by Adam (choice).",
        },
    },
}


class Adversarial(Penalised):
    """Buffer ``present``: whether the groups have train clips [G]."""

    stacks = True
    present: torch.Tensor

    def prepare(self) -> None:
        check_several(self.data, self.rows, "adversarial")
        super().prepare()
        self.keep("present", self.shares[self.rows].any(dim=0))
        options = self.options
        sizes = (HIDDEN, options.hidden, len(self.present))
        self.adversary = Auxiliary(sizes, self.shares, self.generator, options.learning_rate)

    def terms(
        self, model: Any, rows: torch.Tensor, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        hidden, logits = model.with_hidden(self.data.features, rows)
        shares = self.of_rows(self.shares, rows)

        def loss(outputs: torch.Tensor) -> torch.Tensor:
            outputs = torch.where(self.present[..., None, :], outputs, -torch.inf)
            chances = torch.where(shares > 0, outputs.log_softmax(dim=-1), 0.0)
            return -chances.sum(dim=(-2, -1)) / shares.sum(dim=(-2, -1)).clamp_min(1)

        _, found = self.adversary.step(hidden, loss)
        return logits, -found
