"""GEORGE (Sohoni et al. 2020): clusters of ERM's hidden vectors and losses.

In each class, a Gaussian mixture with diagonal covariances is fitted to the hidden vector and the
loss of the train clips, each with mean 0 and standard deviation 1 over train (choice). The number
of its components is that with the largest mean silhouette. The original first reduces the vectors
to few dimensions by UMAP.
"""

from typing import Any

import polars as pl
import torch

from fairser.groups.base import Fold
from fairser.groups.class_clusters import SEED, best_clusters, cluster_classes, standardise
from fairser.groups.early import fold_data, train_erm
from fairser.methods.last_layer import hidden_vectors
from fairser.methods.losses import class_balanced_weights, clip_losses

SOURCE = {
    "title": "george",
    "description": "Clusters of ERM's hidden vectors and losses by class (Sohoni et al. 2020).",
    "order": 9,
    "marker": ">",
    "needs": "encoder",
    "test": False,
    "settings": {
        "clusters": {
            "type": "integer",
            "minimum": 2,
            "default": 10,
            "description": "Largest number of clusters of a class.",
        },
    },
}
LEAST_VARIANCE = 1e-3  # of a component (choice): one of few clips has none


def mixture_maker(k: int) -> Any:
    """A Gaussian mixture that is not fitted yet."""
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(
        k, covariance_type="diag", reg_covar=LEAST_VARIANCE, max_iter=1000, random_state=SEED
    )


def infer_groups(fold: Fold) -> pl.DataFrame:
    """Groups ``CLASS 0``, ``CLASS 1``, ...; notes ``clusters``, their number by class.

    Raises:
        InputError: no class has more than one cluster.
    """
    data, most = fold_data(fold), fold.settings["clusters"]
    model: Any = train_erm(fold, data)
    hidden = hidden_vectors(model, data, torch.arange(len(data.targets)))
    with torch.no_grad():
        weights = class_balanced_weights(data.targets[data.train]).to(hidden)
        losses = clip_losses(model.classifier(hidden), data.targets, weights)
    values = torch.cat([hidden, losses[:, None]], dim=1)
    return cluster_classes(
        fold,
        data,
        standardise(values, data.train),
        lambda _, vectors: best_clusters(vectors, most, mixture_maker),
        "Take another group source.",
    )
