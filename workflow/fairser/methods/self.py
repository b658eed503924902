"""SELF, selective last-layer finetuning (LaBonte, Muthukumar and Kumar 2023).

The last layer of ERM is trained again on the n clips of development on which ERM and its early self
disagree most, by KL(ERM || early). Each majority class weighs the same among them. Development
takes the place of the original's held-out half of it: the model knows the train clips by heart.
"""

from typing import Any

import torch

from fairser.core.errors import InputError
from fairser.methods.early import all_logits, erm_model
from fairser.methods.erm import ERM
from fairser.methods.last_layer import hidden_vectors, retrain, soft_cross_entropies

METHOD = {
    "title": "SELF",
    "description": "Last layer again where ERM left its early self (LaBonte et al. 2023).",
    "order": 36,
    "colour": "#555555",
    "fill": "left",
    "settings": {
        "epochs": {
            "type": "integer",
            "minimum": 1,
            "default": 5,
            "description": "Epochs of the early self (choice).",
        },
        "clips": {
            "type": "integer",
            "minimum": 1,
            "default": 100,
            "description": "Clips that the last layer is trained on, all if there are fewer.",
        },
        "steps": {
            "type": "integer",
            "minimum": 1,
            "default": 250,
            "description": "Steps of the last layer, of all these clips at once.",
        },
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.001,
            "description": "Step size of Adam for the last layer (choice).",
        },
    },
}
SAME = 1e-6  # nats; rounding makes the divergence of equal predictions about 1e-7


class SELF(ERM):
    def finish(self, model: Any) -> None:
        data, options = self.data, self.options
        rows = self.disagreement_rows(model)
        hidden, targets = hidden_vectors(model, data, rows), data.targets[rows]
        _, places, counts = data.majority[rows].unique(return_inverse=True, return_counts=True)
        shares = (1 / (len(counts) * counts.to(targets)))[places]  # sum 1

        def loss() -> torch.Tensor:
            return (shares * soft_cross_entropies(model.classifier(hidden), targets)).sum()

        retrain(model.classifier, loss, options.steps, options.learning_rate, "methods.self")

    def disagreement_rows(self, model: Any) -> torch.Tensor:
        """Rows of the development clips with the largest disagreement, largest first.

        Raises:
            InputError: there is no disagreement, or no clip has a majority class.
        """
        data, epochs = self.data, self.options.epochs
        rows = data.development[data.majority[data.development] >= 0]
        early = all_logits(erm_model(data, epochs), data, rows).log_softmax(dim=1)
        late = all_logits(model, data, rows).log_softmax(dim=1)
        apart = (late.exp() * (late - early)).sum(dim=1)
        if not (apart > SAME).any():
            raise InputError(
                f"'methods.self.epochs' is {epochs}: ERM after as many epochs and the best ERM "
                f"agree on all {len(rows)} development clips that have a majority class. Lower it."
            )
        return rows[apart.sort(descending=True, stable=True).indices[: self.options.clips]]
