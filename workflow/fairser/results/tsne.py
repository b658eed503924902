"""Coordinates of clips in the plane by t-SNE (van der Maaten and Hinton 2008)."""

import numpy as np
import polars as pl

from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore, train_statistics

LARGEST = 5000  # clips; more do not make the figure clearer
PERPLEXITY = 40.0
SEED = 42


def coordinates(
    table: ClipTable, store: FeatureStore, standardise: bool, largest: int = LARGEST
) -> pl.DataFrame:
    """t-SNE of the embeddings of the train clips of a fold: ``clip``, ``x``, ``y``.

    The perplexity is 40, or a third of the number of other clips if that is less. Of more than
    ``largest`` clips, so many are drawn at random.
    """
    from sklearn.manifold import TSNE

    clips = table.frame.filter(pl.col("split") == "train")["clip"].sort()
    vectors = store.array[store.rows(clips)].astype(np.float64).reshape(len(clips), -1)
    if standardise:
        mean, std = train_statistics([vectors])
        vectors = (vectors - mean) / std
    if len(clips) > largest:
        drawn = np.random.default_rng(SEED).choice(len(clips), largest, replace=False)
        drawn.sort()
        clips, vectors = clips[drawn.tolist()], vectors[drawn]
    model = TSNE(
        n_components=2,
        init="pca" if min(vectors.shape) > 1 else "random",
        method="barnes_hut",
        random_state=SEED,
        perplexity=max(1.0, min(PERPLEXITY, (len(clips) - 1) / 3)),
        metric="euclidean",
        n_iter_without_progress=300,
        learning_rate="auto",
    )
    points = model.fit_transform(vectors)
    return pl.DataFrame({"clip": clips, "x": points[:, 0], "y": points[:, 1]})
