"""CVaR, conditional value at risk: the mean of the largest losses (Levy et al. 2020).

The loss of a batch is the mean of its ceil(alpha |B|) largest l_i. It bounds the mean loss of any
group that has at least the share alpha of the clips. With alpha = 1 it is ERM.
"""

from collections.abc import Hashable

import torch
from torch import nn

from fairser.methods.base import Method

METHOD = {
    "title": "CVaR",
    "description": "Conditional value at risk, the mean of the largest losses (Levy et al. 2020).",
    "order": 21,
    "finetune": True,
    "settings": {
        "alpha": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": 0.5,
            "description": "Share of a batch's clips, those of the largest losses (choice).",
        },
    },
}
ROUNDING = 1e-9  # 0.1 of 30 clips are 3, also where the product is 3.0000000000000004


class CVaR(Method):
    """Buffer ``alpha``, float64."""

    stacks = True
    alpha: torch.Tensor

    def prepare(self) -> None:
        alpha = self.data.targets.new_tensor(self.options.alpha, dtype=torch.float64)
        self.keep("alpha", alpha)

    def stack_key(self) -> Hashable:
        return (type(self),)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        size = losses.shape[-1]
        count = (self.alpha[..., None] * size - ROUNDING).ceil()
        place = torch.arange(size, device=losses.device).expand(losses.shape)
        order = losses.detach().argsort(dim=-1, descending=True, stable=True)
        chosen = torch.zeros_like(losses).scatter(-1, order, (place < count).to(losses))
        return (chosen * losses).sum(dim=-1) / chosen.sum(dim=-1)
