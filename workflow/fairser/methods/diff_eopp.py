"""The equal-opportunity gap as a penalty (Han et al. 2024), over any number of groups and classes.

The penalty is sum_c (max_g P_cg - min_g P_cg), P_cg the mean of the softmax probability p_c over
the batch's clips of group g that are positive for class c, t_c > 1 / C. A class counts where the
batch has such clips of two groups at least.
"""

import torch
from torch import nn

from fairser.methods.loss_gap import language_gaps
from fairser.methods.penalised import Penalised

METHOD = {
    "title": "Diff-EOpp",
    "description": "ERM with the equal-opportunity gap as a penalty (Han et al. 2024).",
    "order": 27,
    "groups": "any",
    "finetune": True,
    "settings": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "default": 1.0,
            "description": "Weight lambda of the penalty.",
        },
    },
}


class DiffEOpp(Penalised):
    def conditions(self, positive: torch.Tensor) -> list[torch.Tensor]:
        """Which clips are compared for each class, each [..., B, C], float; the gaps are added.

        Args:
            positive: whether the clips are positive for the classes [..., B, C], bool.
        """
        return [positive.to(self.shares)]

    def terms(
        self, model: nn.Module, rows: torch.Tensor, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits, targets = self.logits(model, rows), self.data.targets[rows]
        shares, found = self.of_rows(self.shares, rows), logits.softmax(dim=-1)
        penalty = torch.zeros_like(self.weight)
        for chosen in self.conditions(targets > 1 / targets.shape[-1]):
            counts = chosen.mT @ shares
            means = (chosen * found).mT @ shares / counts.clamp_min(1)
            gaps = language_gaps(means, counts)  # of each class
            penalty = penalty + torch.where(gaps.isnan(), 0.0, gaps).sum(dim=-1)
        return logits, penalty
