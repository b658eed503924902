"""AFR, automatic feature reweighting (Qiu et al. 2023).

ERM is trained on 80 % of train. Then its last layer is trained again on the other 20 %, with the
loss

    sum_i mu_i l_i + lambda ||w - w_0||^2,    mu_i proportional to exp(-gamma p_y),

p_y ERM's probability of the majority class, l_i the class-balanced loss, w the weights and biases
of the layer and w_0 those of ERM: clips on which ERM is wrong weigh most.
"""

from typing import Any

import torch

from fairser.core.errors import InputError
from fairser.methods.erm import ERM
from fairser.methods.last_layer import hidden_vectors, retrain

METHOD = {
    "title": "AFR",
    "description": "Automatic feature reweighting of the last layer (Qiu et al. 2023).",
    "order": 35,
    "colour": "#555555",
    "settings": {
        "held_out": {
            "type": "number",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.2,
            "description": "Share of train that the last layer is trained on again.",
        },
        "gamma": {
            "type": "number",
            "minimum": 0,
            "default": 10.0,
            "description": "How much more clips weigh that ERM gets wrong.",
        },
        "lambda_w": {
            "type": "number",
            "minimum": 0,
            "default": 0.0,
            "description": "Weight of the squared distance to the layer of ERM.",
        },
        "steps": {
            "type": "integer",
            "minimum": 1,
            "default": 500,
            "description": "Steps of the last layer, of all its clips at once (choice).",
        },
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.001,
            "description": "Step size of Adam for the last layer (choice).",
        },
    },
}


class AFR(ERM):
    """``held_out``: rows of the train clips that the last layer is trained on [n]."""

    held_out: torch.Tensor

    def select(self, train: torch.Tensor) -> torch.Tensor:
        order = torch.randperm(len(train), generator=self.generator).to(train.device)
        count = round(self.options.held_out * len(train))
        if count in (0, len(train)):
            raise InputError(
                f"'methods.afr.held_out' is {self.options.held_out}, which divides {len(train)} "
                "train clips into all and none; choose a share that leaves clips for both."
            )
        self.held_out = train[order[:count].sort().values]
        return train[order[count:].sort().values]

    def finish(self, model: Any) -> None:
        data, rows, layer = self.data, self.held_out, model.classifier
        hidden = hidden_vectors(model, data, rows)
        first = [parameter.detach().clone() for parameter in layer.parameters()]
        with torch.no_grad():
            shares = self.clip_shares(layer(hidden), rows)

        def loss() -> torch.Tensor:
            moved = zip(layer.parameters(), first, strict=True)
            distance = sum((now - before).square().sum() for now, before in moved)
            fit = (shares * self.clip_losses(layer(hidden), rows)).sum()
            return fit + self.options.lambda_w * distance

        retrain(layer, loss, self.options.steps, self.options.learning_rate, "methods.afr")

    def clip_shares(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """mu [n] of the clips, sum 1; a clip without a majority class counts with p_y = 0."""
        majority = self.data.majority[rows]
        truth = logits.softmax(dim=1).gather(1, majority.clamp_min(0)[:, None])[:, 0]
        truth = torch.where(majority >= 0, truth, 0.0)
        return (-self.options.gamma * truth).softmax(dim=0)
