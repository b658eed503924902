"""What a training method is, and how it is found by its name."""

from dataclasses import dataclass
from importlib import import_module

import torch
from torch import nn

from fairser.head import Head
from fairser.losses import class_balanced_weights, clip_losses


@dataclass(frozen=True)
class FoldData:
    """The clips of one fold in memory.

    Attributes:
        features: pooled features [N, L, D], float32, standardised where they are to be.
        targets: soft targets [N, C], float32.
        majority: index of the majority class [N], int64, -1 for a clip without one.
        train, development, test: rows of the splits, int64.
    """

    features: torch.Tensor
    targets: torch.Tensor
    majority: torch.Tensor
    train: torch.Tensor
    development: torch.Tensor
    test: torch.Tensor


class Method:
    """A training method: subclass it, override what differs, call the class ``METHOD``.

    Attributes:
        trains: whether there is anything to train.
        rows: rows of the train clips that are used.
        weights: class-balanced weights [C] of these clips.
    """

    trains = True

    def __init__(self, data: FoldData, generator: torch.Generator) -> None:
        self.data = data
        self.generator = generator
        self.rows = self.select(data.train)
        self.weights = class_balanced_weights(data.targets[self.rows]).float()

    def select(self, train: torch.Tensor) -> torch.Tensor:
        """Rows of the train clips to use; all by default."""
        return train

    def build(self) -> nn.Module:
        """The model, initialised from torch's global generator."""
        _, layers, dim = self.data.features.shape
        return Head(layers, dim, self.data.targets.shape[1])

    def loss(self, model: nn.Module, rows: torch.Tensor, step: int) -> torch.Tensor:
        """Loss of a batch, a scalar with a gradient.

        Args:
            model: what :meth:`build` made.
            rows: rows of the batch's clips [B].
            step: number of the optimisation step, from 0.
        """
        raise NotImplementedError

    def logits(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        """Logits [B, C] that the prediction is made from."""
        return model(self.data.features, rows)

    def clip_losses(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Class-balanced cross-entropy [B] of each clip."""
        return clip_losses(logits, self.data.targets[rows], self.weights)


def find_method(name: str) -> type[Method]:
    """The class of the method ``name``."""
    return import_module(f"fairser.methods.{name}").METHOD
