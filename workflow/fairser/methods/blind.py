"""BLIND, debiasing without demographics (Orgad and Belinkov 2023), with soft targets.

A detector, a small network, predicts from the hidden vector whether the model gets the clip's
majority class right. Where it expects so, the clip is easy by features that a small network finds,
and its loss weighs less: (1 - s_i)^gamma l_i, s_i the detector's probability. The detector learns
along, by its cross-entropy; no gradient of it flows into the model, and none through the factor.
A clip without a majority class has the factor 1, and the detector does not learn from it.
"""

from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from fairser.methods.auxiliary import Auxiliary
from fairser.methods.base import Method
from fairser.methods.head import HIDDEN

METHOD = {
    "title": "BLIND",
    "description": "Weights by a detector of the model's success (Orgad and Belinkov 2023).",
    "order": 23,
    "finetune": True,
    "settings": {
        "gamma": {
            "type": "number",
            "minimum": 0,
            "default": 2.0,
            "description": "Exponent of the factor 1 - s (choice; 16 in the original).",
        },
        "hidden": {
            "type": "integer",
            "minimum": 1,
            "default": 64,
            "description": "Hidden values of the detector (choice).",
        },
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.001,
            "description": "Of the detector, by Adam (choice).",
        },
    },
}


class Blind(Method):
    stacks = True

    def prepare(self) -> None:
        options = self.options
        sizes = (HIDDEN, options.hidden, 1)
        self.detector = Auxiliary(sizes, self.data.targets, self.generator, options.learning_rate)

    def loss(self, model: Any, rows: torch.Tensor, progress: float) -> torch.Tensor:
        hidden, logits = model.with_hidden(self.data.features, rows)
        majority = self.data.majority[rows]
        known = majority >= 0
        right = (logits.argmax(dim=-1) == majority).to(logits)

        def detection(outputs: torch.Tensor) -> torch.Tensor:
            losses = binary_cross_entropy_with_logits(outputs[..., 0], right, reduction="none")
            return (losses * known).sum(dim=-1) / known.sum(dim=-1).clamp_min(1)

        outputs, _ = self.detector.step(hidden.detach(), detection)
        success = outputs.detach()[..., 0].sigmoid() * known
        factors = (1 - success) ** self.options.gamma
        return (factors * self.clip_losses(logits, rows)).mean(dim=-1)
