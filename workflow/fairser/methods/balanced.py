"""Balanced batches: ERM whose batches have all combinations of class and group equally often.

Clips are drawn with replacement: a combination of majority class and group, all that have train
clips being equally likely, then one of its clips. A clip of unknown class or group is never drawn.
"""

import torch

from fairser.methods.erm import ERM
from fairser.methods.group_labels import by_class

METHOD = {
    "title": "Balanced",
    "description": "Batches with all classes and groups equally likely (Idrissi et al. 2022).",
    "order": 25,
    "groups": "any",
    "sampler": "balanced",
    "finetune": True,
}


class Balanced(ERM):
    def group_shares(self) -> torch.Tensor:
        return by_class(self.data, super().group_shares())
