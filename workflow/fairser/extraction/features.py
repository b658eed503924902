"""Types of pooled features: what a model takes. Light, because packages of models import them."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch


class Batches(Protocol):
    """Features that exist only batch by batch.

    Attributes:
        shape: N clips, L layers, D values.
        at_once: rows that may be asked for together where no gradient is needed.
    """

    shape: tuple[int, int, int]
    at_once: int

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        """Features [B, L, D] of the rows [B], float32 on the CPU."""


Features = torch.Tensor | Batches
Statistics = dict[str, torch.Tensor]


def standardised(values: np.ndarray, mean: np.ndarray | None, std: np.ndarray | None) -> np.ndarray:
    """Features as float32, standardised if there are statistics; NaN for what is not finite."""
    if mean is None or std is None:
        return values.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        return ((values.astype(np.float32) - mean) / std).astype(np.float32)


class Inputs(Protocol):
    """Where the features of a fold's clips come from."""

    def fold(
        self, clips: Iterable[str], train: np.ndarray, seed: int
    ) -> tuple[Features, Statistics]:
        """Features of the clips, in their order, and what they were standardised with.

        Args:
            clips: names of the N clips of the fold.
            train: rows of the train clips.
            seed: of random initial weights.

        Raises:
            InputError: clips are missing.
        """
