"""Clusters within each class, fitted on its train clips (scikit-learn)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from fairser.core.errors import InputError
from fairser.groups.base import Fold
from fairser.groups.cluster_stability import silhouette
from fairser.groups.early import class_groups, labelled
from fairser.methods.base import FoldData

SEED = 42
LARGEST = 5000  # train clips of a class, of which K is chosen; of more, some are drawn

Maker = Callable[[int], Any]  # from K to an estimator of scikit-learn that is not fitted yet


def kmeans_maker(k: int) -> Any:
    """K-means, not fitted yet: k-means++, the best of ten starts."""
    from sklearn.cluster import KMeans

    return KMeans(n_clusters=k, n_init=10, random_state=SEED)


def cluster_classes(
    fold: Fold,
    data: FoldData,
    vectors: NDArray[np.float64],
    fitted: Callable[[str, NDArray[np.float64]], Any],
    advice: str,
) -> pl.DataFrame:
    """Groups ``CLASS 0``, ``CLASS 1``, ...: majority class and cluster within it.

    Clips of development get the cluster that the fitted clusters of their class predict. Notes
    ``clusters``, their number by class.

    Args:
        fold: its N clips.
        data: the same clips.
        vectors: of the clips [N, D].
        fitted: from a class and the vectors of its train clips [n, D] to a fitted estimator.
        advice: what to change if no class is divided.

    Raises:
        InputError: no class is divided.
    """
    parts = np.full(len(vectors), None, dtype=object)
    rows, found = labelled(data), {}
    for number, name in enumerate(fold.table.classes):
        train = data.train[data.majority[data.train] == number].numpy()
        if not len(train):
            continue
        model = fitted(name, vectors[train])
        clips = rows[data.majority[rows] == number].numpy()
        parts[clips] = [str(label) for label in model.predict(vectors[clips])]
        found[name] = len(set(parts[train]))
    fold.notes["clusters"] = found
    return class_groups(fold, parts.tolist(), advice)


def best_clusters(vectors: NDArray[np.float64], most: int, maker: Maker) -> Any:
    """The fitted estimator with the largest mean silhouette, of K from 2 to ``most``.

    K is at most the number of different vectors less one; where that is below 2 there is one
    cluster. Of more than :data:`LARGEST` vectors, K is chosen on as many, drawn at random.
    """
    sample = vectors
    if len(vectors) > LARGEST:
        drawn = np.random.default_rng(SEED).choice(len(vectors), LARGEST, replace=False)
        sample = vectors[drawn]
    most = min(most, len(np.unique(sample, axis=0)) - 1)
    best, model = -1.0, maker(1)
    for k in range(2, most + 1):
        candidate = maker(k).fit(sample)
        score = silhouette(sample, candidate.predict(sample), SEED)
        if score is not None and score > best:
            best, model = score, candidate
    return model if best > -1 and sample is vectors else model.fit(vectors)


def exact_clusters(vectors: NDArray[np.float64], k: int, maker: Maker, where: str, key: str) -> Any:
    """The fitted estimator with K clusters.

    Raises:
        InputError: fewer different vectors than clusters; the message holds ``where`` and ``key``.
    """
    if (count := len(np.unique(vectors, axis=0))) < k:
        raise InputError(
            f"{where}: {k} clusters of {count} different train clips are too many; lower '{key}' "
            f"(now {k})."
        )
    return maker(k).fit(vectors)


def standardise(values: torch.Tensor, train: torch.Tensor) -> NDArray[np.float64]:
    """Values [N, D] with mean 0 and standard deviation 1 over the rows ``train``."""
    array = values.double().numpy()
    mean, std = array[train.numpy()].mean(axis=0), array[train.numpy()].std(axis=0)
    return (array - mean) / np.where(std == 0, 1, std)
