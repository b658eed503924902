"""From pooled features to probabilities with the tensors of a saved model."""

from collections.abc import Mapping

import numpy as np
import torch

from fairser.core.errors import InputError
from fairser.extraction.features import standardised
from fairser.inference.saved_model import WEIGHTS, SavedModel
from fairser.methods.base import ADAPTERS, find_method

MEAN, STD = "features.mean", "features.std"  # names of the statistics among the tensors


class Classifier:
    """Standardises features of L x D and predicts with the model that was trained.

    Raises:
        InputError: the tensors are not those of such a model.
    """

    def __init__(
        self, saved: SavedModel, tensors: Mapping[str, torch.Tensor], layers: int, dim: int
    ) -> None:
        kind = find_method(saved.method)
        with torch.device("meta"):  # no initial weights, which would be replaced
            self.model = kind.new_model(layers, dim, len(saved.classes))
        found = {name: t for name, t in tensors.items() if not name.startswith(ADAPTERS)}
        expected = {name: tensor.shape for name, tensor in self.model.state_dict().items()}
        if MEAN in found or STD in found:
            expected |= dict.fromkeys((MEAN, STD), torch.Size((layers, dim)))
        check_shapes(found, expected)
        self.mean, self.std = (
            found.pop(name).numpy() if name in found else None for name in (MEAN, STD)
        )
        self.model.load_state_dict(found, assign=True)
        self.model.eval().requires_grad_(False)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [B, C] of features [B, L, D], float32; NaN for what is not finite."""
        values = standardised(features, self.mean, self.std)
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(values), torch.arange(len(values)))
            return logits.softmax(dim=1).numpy()


def check_shapes(
    found: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise InputError where a tensor is missing, too much, or of another shape or type."""
    held = {name: f"{tensor.dtype} {list(tensor.shape)}" for name, tensor in found.items()}
    wanted = {name: f"{torch.float32} {list(shape)}" for name, shape in expected.items()}
    wrong = [name for name in wanted | held if held.get(name) != wanted.get(name)]
    if wrong:
        name = wrong[0]
        more = f" ({len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        raise InputError(
            f"{WEIGHTS}: '{name}' is {held.get(name, 'not there')}, expected "
            f"{wanted.get(name, 'no such tensor')}{more}: these are not the weights of this model "
            "on these features. Take features and weights of the same run."
        )
