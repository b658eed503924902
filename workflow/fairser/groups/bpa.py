"""The clusters of BPA (Seo, Lee and Han 2022): k-means of ERM's hidden vectors in each class."""

from typing import Any

import numpy as np
import polars as pl
import torch

from fairser.groups.base import Fold
from fairser.groups.class_clusters import cluster_classes, exact_clusters, kmeans_maker
from fairser.groups.early import fold_data, train_erm
from fairser.methods.last_layer import hidden_vectors

SOURCE = {
    "title": "bpa",
    "description": "Clusters of ERM's hidden vectors by class (Seo et al. 2022).",
    "order": 10,
    "marker": "p",
    "needs": "encoder",
    "test": False,
    "settings": {
        "clusters": {
            "type": "integer",
            "minimum": 2,
            "default": 8,
            "description": "Number of clusters of a class.",
        },
    },
}


def infer_groups(fold: Fold) -> pl.DataFrame:
    """Groups ``CLASS 0``, ``CLASS 1``, ...; notes ``clusters``, their number by class.

    Raises:
        InputError: a class has fewer train clips than clusters.
    """
    data, k = fold_data(fold), fold.settings["clusters"]
    model = train_erm(fold, data)
    hidden = hidden_vectors(model, data, torch.arange(len(data.targets)))

    def fitted(name: str, vectors: np.ndarray) -> Any:
        where = f"Fold {fold.number}, class {name}"
        return exact_clusters(vectors, k, kmeans_maker, where, "sources.bpa.clusters")

    return cluster_classes(
        fold, data, hidden.double().numpy(), fitted, "Raise 'sources.bpa.clusters'."
    )
