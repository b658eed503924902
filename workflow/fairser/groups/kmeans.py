"""Groups from k-means on speaker embeddings (Interspeech 2025, section 3.1, Table A1)."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import CHUNK, FeatureStore, train_statistics
from fairser.groups.base import Fold

if TYPE_CHECKING:
    from sklearn.cluster import MiniBatchKMeans

SOURCE = {"title": "kmeans", "order": 4, "marker": "D", "k": "grid", "needs": "embedding"}
MEMORY_MB = 2000


def infer_groups(fold: Fold) -> pl.DataFrame:
    """The cluster of each clip; clusters are fitted on train alone."""
    return kmeans(fold.table, fold.embeddings(), fold.k, fold.standardise)


def kmeans(
    table: ClipTable,
    store: FeatureStore,
    k: int,
    standardise: bool,
    memory_mb: float = MEMORY_MB,
) -> pl.DataFrame:
    """Clusters of speaker embeddings, fitted on train, named ``0`` to ``k - 1``.

    Args:
        table: biased clip table of one fold.
        store: embeddings of all clips.
        k: number of clusters; Table A1 of the Interspeech 2025 paper has the other settings.
        standardise: whether to give each dimension mean 0 and standard deviation 1 over train.
        memory_mb: embeddings of train up to this size are loaded and fitted together; larger ones
            are read part by part, each of which moves the clusters once, in a random order.

    Raises:
        InputError: fewer train clips than clusters.
    """
    rows = store.rows(table.frame["clip"])
    train = rows[(table.frame["split"] == "train").to_numpy()]
    check_clusters(k, len(train))
    mean, std = _moments(store, train, standardise)
    model = kmeans_model(k)
    size = len(train) * int(np.prod(store.array.shape[1:])) * np.dtype(np.float64).itemsize
    if size > memory_mb * 1e6:
        shuffled = np.random.default_rng(42).permutation(train)
        for part in _vectors(store, _parts(shuffled, max(CHUNK, k))):
            model.partial_fit((part - mean) / std)
    else:
        model.fit((np.concatenate([*_vectors(store, _parts(train))]) - mean) / std)
    labels = [model.predict((part - mean) / std) for part in _vectors(store, _parts(rows))]
    return table.frame.select("clip", "split").with_columns(
        pl.Series("group", np.concatenate(labels).astype(np.int64)).cast(pl.String)
    )


def check_clusters(k: int, clips: int) -> None:
    """Refuse more clusters than train clips.

    Raises:
        InputError: names both numbers.
    """
    if clips < k:
        raise InputError(f"K = {k} clusters from {clips} train clips are too many; lower 'grid.k'.")


def kmeans_model(k: int) -> "MiniBatchKMeans":
    """K-means that is not fitted yet, with the settings of Table A1 (Interspeech 2025)."""
    from sklearn.cluster import MiniBatchKMeans

    return MiniBatchKMeans(
        n_clusters=k,
        init="k-means++",
        n_init="auto",
        random_state=42,
        max_iter=1000,
        batch_size=32,
        compute_labels=True,
        reassignment_ratio=0.01,
        tol=0.0,
    )


def train_vectors(store: FeatureStore, clips: Iterable[str], standardise: bool) -> np.ndarray:
    """Vectors [N, D], float64, of train clips as :func:`kmeans` clusters them."""
    rows = store.rows(clips)
    mean, std = _moments(store, rows, standardise)
    return (np.concatenate([*_vectors(store, _parts(rows))]) - mean) / std


def _moments(store: FeatureStore, train: np.ndarray, standardise: bool) -> tuple[Any, Any]:
    """What is taken from each dimension of the vectors, and what it is divided by then."""
    return train_statistics(_vectors(store, _parts(train))) if standardise else (0.0, 1.0)


def _parts(rows: np.ndarray, least: int = CHUNK) -> list[np.ndarray]:
    """Rows in parts of ``least`` or more."""
    return np.array_split(rows, max(1, len(rows) // least))


def _vectors(store: FeatureStore, parts: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Vectors [n, D], float64, of each part."""
    for part in parts:
        yield store.read(part).astype(np.float64).reshape(len(part), -1)
