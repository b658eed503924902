"""IRM, invariant risk minimisation (Arjovsky et al. 2019): one classifier is best for all groups.

The penalty is sum_g D_g^2 with D_g the derivative of the group's mean loss l(w z) by w at w = 1: a
classifier that is best for the group can't gain by scaling its logits. It counts after a share of
the steps, so that the model has learnt something by then.

D_g is the mean of d_i = (sum_c w_c t_c) (T_i sum_k p_k z_k - sum_c t_c z_c), T_i = sum_c t_c.
"""

import torch
from torch import nn

from fairser.methods.group_labels import check_several, group_means
from fairser.methods.penalised import Penalised

METHOD = {
    "title": "IRM",
    "description": "Invariant risk minimisation (Arjovsky et al. 2019).",
    "order": 32,
    "groups": "any",
    "finetune": True,
    "settings": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "default": 100.0,
            "description": "Weight lambda of the penalty.",
        },
        "start": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0.1,
            "description": "Share of the steps without penalty before the others (choice; 500 of "
            "5,001 steps in DomainBed).",
        },
    },
}


class IRM(Penalised):
    stacks = True

    def prepare(self) -> None:
        check_several(self.data, self.rows, "irm")
        super().prepare()

    def terms(
        self, model: nn.Module, rows: torch.Tensor, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits, targets = self.logits(model, rows), self.data.targets[rows]
        if progress < self.options.start:
            return logits, torch.zeros_like(self.weight)
        expected = (logits.softmax(dim=-1) * logits).sum(dim=-1)
        slopes = targets.sum(dim=-1) * expected - (targets * logits).sum(dim=-1)
        slopes = (targets @ self.weights[..., None])[..., 0] * slopes
        means, _ = group_means(slopes, self.of_rows(self.shares, rows))
        return logits, means.square().sum(dim=-1)
