"""JTT, just train twice (Liu et al. 2021), with soft targets.

ERM is trained for T epochs, with the same seed. The clips whose majority class it gets wrong, the
error set, then weigh lambda in a training from the start; all others weigh 1. The loss of a batch
is sum w_i l_i / sum w_i. The original repeats the clips of the error set lambda times instead.
"""

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.methods.early import all_logits, erm_model
from fairser.methods.erm import ERM

METHOD = {
    "title": "JTT",
    "description": "Just train twice (Liu et al. 2021).",
    "order": 20,
    "settings": {
        "epochs": {
            "type": "integer",
            "minimum": 1,
            "default": 5,
            "description": "Epochs T of the model whose errors are weighted (choice).",
        },
        "weight": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 5.0,
            "description": "Weight lambda of the clips that it gets wrong.",
        },
    },
}


class JTT(ERM):
    stacks = True

    def clip_factors(self) -> torch.Tensor:
        data, epochs = self.data, self.options.epochs
        logits = all_logits(erm_model(data, epochs), data, self.rows)
        majority = data.majority[self.rows]
        wrong = (majority >= 0) & (logits.argmax(dim=-1) != majority)
        count = int(wrong.sum())
        if count == 0:
            raise InputError(
                f"The method 'jtt' has no errors to learn from: after {epochs} epoch(s) ERM gets "
                f"all {len(wrong)} train clips right. Lower 'methods.jtt.epochs' or "
                "'train.learning_rate', or take the method out of 'grid.methods'."
            )
        logger.info("jtt: ERM of %d epoch(s) gets %d of %d wrong", epochs, count, len(wrong))
        factors = super().clip_factors()
        factors[self.rows[wrong]] = self.options.weight
        return factors

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        losses = self.clip_losses(self.logits(model, rows), rows)
        factors = self.of_rows(self.factors, rows)
        return (factors * losses).sum(dim=-1) / factors.sum(dim=-1)
