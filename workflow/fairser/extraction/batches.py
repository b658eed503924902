"""What a model takes: pooled features, as an array or batch by batch."""

from typing import Protocol

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
