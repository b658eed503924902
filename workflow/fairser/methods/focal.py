"""Focal loss (Lin et al. 2017), with soft targets: clips that are learnt already weigh less.

The loss of a clip is (1 - p_y)^gamma l_i, p_y the softmax probability of its majority class. A clip
without one has the factor 1. As in the original the gradient flows through the factor. With
gamma = 0 it is ERM.
"""

from collections.abc import Hashable

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.losses import majority_probabilities

METHOD = {
    "title": "Focal",
    "description": "Focal loss (Lin et al. 2017).",
    "order": 22,
    "finetune": True,
    "settings": {
        "gamma": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Exponent of the factor 1 - p of a clip's loss.",
        },
    },
}


class Focal(Method):
    """Buffer ``gamma``."""

    stacks = True
    gamma: torch.Tensor

    def prepare(self) -> None:
        self.keep("gamma", self.data.targets.new_tensor(self.options.gamma))

    def stack_key(self) -> Hashable:
        return (type(self),)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        logits = self.logits(model, rows)
        shares = majority_probabilities(logits, self.data.majority[rows])
        # At 0 a power below 1 has an infinite slope.
        rest = (1 - shares).clamp_min(torch.finfo(shares.dtype).tiny)
        factors = rest ** self.gamma[..., None]
        return (factors * self.clip_losses(logits, rows)).mean(dim=-1)
