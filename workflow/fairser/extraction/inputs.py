"""Features of a fold from a store: loaded into memory, or read batch by batch."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from fairser.core.jobs import logger
from fairser.extraction.features import Features, Statistics, standardised
from fairser.extraction.store import CHUNK, FeatureStore, train_statistics

MEMORY_MB = 2000
CPU = torch.device("cpu")


@dataclass(frozen=True)
class StoreInputs:
    """Inputs from a feature store (:class:`fairser.extraction.features.Inputs`).

    Attributes:
        standardise: whether each feature gets mean 0 and standard deviation 1 over train; one
            that is constant there is only centred. The statistics are ``features.mean`` and
            ``features.std`` [L, D].
        memory_mb: features of a fold up to this size are loaded, larger ones are not; on a GPU
            those that take up to half of its free memory.
        device: that the features are used on.
    """

    store: FeatureStore
    standardise: bool
    memory_mb: float = MEMORY_MB
    device: torch.device = CPU

    def fold(
        self, clips: Iterable[str], train: np.ndarray, seed: int
    ) -> tuple[Features, Statistics]:
        rows = self.store.rows(clips)
        features = MappedFeatures(self.store, rows, self.device)
        if self.standardise:
            parts = np.array_split(train, -(-len(train) // CHUNK))
            loaded = (self.store.read(rows[part]).astype(np.float32) for part in parts)
            features.mean, features.std = train_statistics(loaded)
        statistics = {
            f"features.{name}": torch.from_numpy(value.astype(np.float32))
            for name, value in (("mean", features.mean), ("std", features.std))
            if value is not None
        }
        size = int(np.prod(features.shape)) * 4 / 1e6
        if size > self._limit():
            logger.info("features of %.0f MB are read batch by batch", size)
            return features, statistics
        return features.load(), statistics

    def _limit(self) -> float:
        """Megabytes that features may take."""
        if self.device.type != "cuda":
            return self.memory_mb
        return torch.cuda.mem_get_info(self.device)[0] / 2e6


class MappedFeatures:
    """Features of N rows of a store, of which only those of a batch are read."""

    at_once = CHUNK

    def __init__(self, store: FeatureStore, rows: np.ndarray, device: torch.device = CPU) -> None:
        self.store, self.rows, self.device = store, rows, device
        self.shape = (len(rows), *store.array.shape[1:])
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.last: tuple[torch.Tensor, torch.Tensor] | None = None

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        """See :class:`fairser.extraction.features.Batches`; a repeated request reads nothing."""
        if self.last is None or self.last[0] is not rows:
            values = torch.from_numpy(self._read(self.rows[rows.cpu().numpy()]))
            if self.device.type == "cuda":
                values = values.pin_memory().to(self.device, non_blocking=True)
            self.last = (rows, values)
        return self.last[1]

    def load(self) -> torch.Tensor:
        """All features [N, L, D] in the memory of the device."""
        loaded = torch.empty(self.shape, dtype=torch.float32, device=self.device)
        for start in range(0, len(self.rows), CHUNK):
            part = slice(start, start + CHUNK)
            loaded[part] = torch.from_numpy(self._read(self.rows[part]))
        return loaded

    def _read(self, rows: np.ndarray) -> np.ndarray:
        return standardised(self.store.read(rows), self.mean, self.std)
