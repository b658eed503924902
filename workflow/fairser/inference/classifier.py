"""A trained model from its tensors: from pooled features to probabilities."""

from collections.abc import Mapping

import numpy as np
import torch

from fairser.core.errors import InputError
from fairser.extraction.features import Statistics
from fairser.inference.saved_model import WEIGHTS, Trained
from fairser.methods.base import find_method

ADAPTERS, STATISTICS = "adapters.", "features."  # what else its file holds, by prefix


class Classifier:
    """From pooled features to probabilities: standardisation, and the model that was trained."""

    def __init__(
        self, trained: Trained, tensors: Mapping[str, torch.Tensor], layers: int, dim: int
    ) -> None:
        """Args:
        trained: the model.
        tensors: of its file.
        layers: L of the features.
        dim: D of the features.

        Raises:
            InputError: the tensors are not those of such a model.
        """
        kind = find_method(trained.method)
        with torch.device("meta"):  # what is random at first would only be thrown away
            self.model = kind.new_model(layers, dim, len(trained.classes))
        statistics = {n: t for n, t in tensors.items() if n.startswith(STATISTICS)}
        parameters = {
            name: tensor
            for name, tensor in tensors.items()
            if name not in statistics and not name.startswith(ADAPTERS)
        }
        expected = {name: tensor.shape for name, tensor in self.model.state_dict().items()}
        if statistics:
            expected |= {f"{STATISTICS}{n}": torch.Size((layers, dim)) for n in ("mean", "std")}
        check_shapes(parameters | statistics, expected)
        self.model.load_state_dict(parameters, assign=True)
        self.model.eval().requires_grad_(False)
        self.mean, self.std = _arrays(statistics)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [B, C] of features [B, L, D], float32; NaN for what is not finite."""
        values = features.astype(np.float32)
        if self.mean is not None and self.std is not None:
            with np.errstate(invalid="ignore", over="ignore"):
                values = ((values - self.mean) / self.std).astype(np.float32)
        with torch.inference_mode():
            logits = self.model(torch.from_numpy(values), torch.arange(len(values)))
            return logits.softmax(dim=1).numpy()


def check_shapes(
    found: Mapping[str, torch.Tensor], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse tensors that are not those of a model.

    Raises:
        InputError: says which is missing, too much, or of another shape or type.
    """
    problems = [f"lacks '{name}'" for name in expected if name not in found]
    problems += [f"holds '{name}', which has no place" for name in found if name not in expected]
    for name, shape in expected.items():
        if name in found and (found[name].shape != shape or found[name].dtype != torch.float32):
            problems.append(
                f"holds '{name}' as {found[name].dtype} {list(found[name].shape)}, not as "
                f"{torch.float32} {list(shape)}"
            )
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(
            f"{WEIGHTS} {problems[0]}{more}: these are not the weights of this model on these "
            "features. Take features and weights of the same run."
        )


def _arrays(statistics: Statistics) -> tuple[np.ndarray | None, np.ndarray | None]:
    mean, std = (statistics.get(f"{STATISTICS}{name}") for name in ("mean", "std"))
    return (None, None) if mean is None or std is None else (mean.numpy(), std.numpy())
