"""BPA, bias pseudo-attributes (Seo et al. 2022), with the groups of any source.

A cell k is a majority class and a group; the source ``bpa`` makes such groups by clustering. L_k,
the cell's loss, is a moving average of its means in the batches. The factor of its clips' losses is
proportional to L_k / n_k, n_k its clips in train, and scaled to mean 1 over the train clips of the
cells that were in a batch so far. No gradient flows through it. A clip of unknown class or group
has the factor 1.
"""

import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.group_labels import by_class, group_means

METHOD = {
    "title": "BPA",
    "description": "Weights by the loss and size of pseudo-attributes (Seo et al. 2022).",
    "order": 24,
    "groups": "any",
    "finetune": True,
    "settings": {
        "momentum": {
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.7,
            "description": "Share of the old value in the moving averages; the original's momentum "
            "of 0.3 is the share of the new one.",
        },
    },
}


class BPA(Method):
    """Buffers ``shares`` [N, K] and ``sizes`` [K] of the cells; ``averages`` [K], NaN at first."""

    stacks = True
    shares: torch.Tensor
    sizes: torch.Tensor
    averages: torch.Tensor

    def prepare(self) -> None:
        self.keep("shares", self.group_shares())
        self.keep("sizes", self.shares[self.rows].sum(dim=0))
        self.register_buffer("averages", torch.full_like(self.sizes, torch.nan))

    def group_shares(self) -> torch.Tensor:
        return by_class(self.data, super().group_shares())

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        shares = self.of_rows(self.shares, rows)
        new, present = group_means(losses.detach(), shares)
        old, momentum = self.averages, self.options.momentum
        mixed = torch.where(old.isnan(), new, momentum * old + (1 - momentum) * new)
        self.averages = torch.where(present, mixed, old)
        known = shares.sum(dim=-1) > 0
        factors = (shares @ self._factors()[..., None])[..., 0]
        return (torch.where(known, factors, 1.0) * losses).mean(dim=-1)

    def _factors(self) -> torch.Tensor:
        """Of the losses of each cell [..., K]; 0 for one that was in no batch."""
        seen = ~self.averages.isnan()
        averages = torch.where(seen, self.averages, 0.0)
        clips = (self.sizes * seen).sum(dim=-1, keepdim=True)
        total = averages.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(averages.dtype).tiny)
        return averages / self.sizes.clamp_min(1) * clips / total
