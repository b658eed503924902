"""RW, reweighting (Kamiran and Calders 2012; Interspeech 2025, equation 1).

The loss of a clip of majority class c and group g is multiplied by N_c / N_cg, so that within a
class every group that has clips weighs the same. A clip of unknown group keeps weight 1.
"""

from typing import ClassVar

import torch

from fairser.methods.erm import ERM
from fairser.methods.group_labels import cell_counts, group_labels

METHOD = {
    "title": "RW",
    "description": "Reweighting (Kamiran and Calders 2012).",
    "order": 7,
    "groups": "any",
    "finetune": True,
    "summary": True,
    "colour": "#0072B2",
    "settings": {
        "normalise": {
            "type": "boolean",
            "default": False,
            "description": "Scale the weights to mean 1 over train (choice, off).",
        },
    },
}


class RW(ERM):
    """Factors are raised to ``power``, before they are normalised."""

    power: ClassVar[float] = 1.0

    def clip_factors(self) -> torch.Tensor:
        counts = cell_counts(self.data, self.rows)
        table = counts.sum(dim=1, keepdim=True) / counts.clamp_min(1)
        groups, majority = group_labels(self.data), self.data.majority
        known = (groups >= 0) & (majority >= 0)
        factors = torch.where(known, table[majority, groups], 1.0) ** self.power
        return factors / factors[self.rows].mean() if self.options.normalise else factors
