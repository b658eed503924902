"""SPARE, separating spurious features early (Yang et al. 2024): clusters of early logits.

A model learns the simplest explanation of a class first. ERM is trained for an epoch, and the
logits of the clips of each class are clustered by k-means. The number of clusters is that with the
largest mean silhouette.
"""

import polars as pl
import torch

from fairser.groups.base import Fold
from fairser.groups.class_clusters import best_clusters, cluster_classes, kmeans_maker
from fairser.groups.early import fold_data, train_erm
from fairser.methods.early import all_logits

SOURCE = {
    "title": "spare",
    "description": "Clusters of an early model's logits by class (Yang et al. 2024).",
    "order": 8,
    "marker": "<",
    "needs": "encoder",
    "test": False,
    "settings": {
        "epochs": {
            "type": "integer",
            "minimum": 1,
            "default": 1,
            "description": "Epochs of the early model (choice).",
        },
        "clusters": {
            "type": "integer",
            "minimum": 2,
            "default": 10,
            "description": "Largest number of clusters of a class.",
        },
    },
}


def infer_groups(fold: Fold) -> pl.DataFrame:
    """Groups ``CLASS 0``, ``CLASS 1``, ...; notes ``clusters``, their number by class.

    Raises:
        InputError: no class has more than one cluster.
    """
    data, settings = fold_data(fold), fold.settings
    model = train_erm(fold, data, settings["epochs"])
    logits = all_logits(model, data, torch.arange(len(data.targets)))
    return cluster_classes(
        fold,
        data,
        logits.double().numpy(),
        lambda _, vectors: best_clusters(vectors, settings["clusters"], kmeans_maker),
        f"Change 'sources.spare.epochs' (now {settings['epochs']}).",
    )
