"""How many clusters the train clips of a corpus support, without a demographic label.

For each number of clusters K of the source ``kmeans``: the mean silhouette (Rousseeuw 1987), the
sizes of the groups, and the stability, which is the mean adjusted Rand index (Hubert and Arabie
1985) of the clusterings of two subsamples on the clips that they share (Ben-Hur, Elisseeff and
Guyon 2002). Subsamples are of speakers: a subsample of clips would hold every voice.

K-means divides any cloud of points, some in a stable way; few clusters are stable for other
reasons than many. So stability is compared with that of reference corpora without groups (Clest,
Dudoit and Fridlyand 2002): speakers and clips drawn from normal distributions with the covariance
between and within the speakers of the corpus. With s of the corpus and r of the mean reference,
``corrected`` is (s - r) / (1 - r).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore
from fairser.groups.kmeans import kmeans_model, train_vectors

SHARE = 0.8  # of the speakers in a subsample
REFERENCE_RESAMPLES = 5  # subsamples of each reference corpus: ten pairs
LARGEST = 20_000  # clips; of more, those of some speakers are looked at
SILHOUETTE_CLIPS = 5000  # of which silhouettes are taken: their time grows with the square


@dataclass(frozen=True)
class Draws:
    """How often is drawn.

    Attributes:
        resamples: subsamples of the speakers, all pairs of which are compared.
        references: reference corpora, each with :data:`REFERENCE_RESAMPLES` subsamples.
        seed: of all draws.
    """

    resamples: int
    references: int
    seed: int


def measure(
    table: ClipTable, store: FeatureStore, ks: Sequence[int], standardise: bool, draws: Draws
) -> dict[str, Any]:
    """Silhouette, stability and sizes of the groups of each K, ready for JSON.

    Only ``clip``, ``split`` and ``speaker`` of the table are read.

    Args:
        table: biased clip table of one fold.
        store: speaker embeddings of all clips.
        ks: numbers of clusters.
        standardise: whether to give each dimension mean 0 and standard deviation 1 over train.
        draws: how often is drawn.

    Returns:
        ``clips`` and ``speakers`` of train, and by K ``numbers``: ``k``, ``silhouette`` (None where
        all clips are in one group), ``stability``, ``references`` (stability of each),
        ``smallest_clips``, ``smallest_speakers``, ``largest`` (share of the clips) and
        ``effective`` (exponential of the entropy of the groups' shares).

    Raises:
        InputError: a K that is more than the speakers of a subsample.
    """
    generator = np.random.default_rng(draws.seed)
    train = table.frame.filter(pl.col("split") == "train").select("clip", "speaker")
    train = _some_speakers(train, generator)
    speakers = (train["speaker"].rank("dense") - 1).to_numpy().astype(np.int64)
    count = int(speakers.max(initial=-1)) + 1
    drawn = round(SHARE * count)
    if max(ks) > drawn:
        raise InputError(
            f"K = {max(ks)} groups of {count} train speakers, of which a subsample has {drawn}, "
            "would be groups of single speakers. Name smaller numbers in 'choose_k.k'."
        )
    vectors = train_vectors(store, train["clip"], standardise)

    def subsamples(number: int) -> NDArray[np.float64]:
        """Which clips [number, N] are in each subsample."""
        chosen = [generator.permutation(count)[:drawn] for _ in range(number)]
        return np.stack([np.isin(speakers, one) for one in chosen])

    parts = subsamples(draws.resamples)
    measured = {k: _describe(vectors, speakers, k, draws.seed) for k in ks}
    for k in ks:
        measured[k] |= {"stability": stability(vectors, parts, k), "references": []}
    draw = reference(vectors, speakers)
    for _ in range(draws.references):
        made, drawn_parts = draw(generator), subsamples(REFERENCE_RESAMPLES)
        for k in ks:
            measured[k]["references"].append(stability(made, drawn_parts, k))
    return {"clips": len(train), "speakers": count, "numbers": list(measured.values())}


def stability(vectors: NDArray[np.float64], parts: np.ndarray, k: int) -> float:
    """Mean adjusted Rand index of the clusterings of all pairs of subsamples, on shared clips.

    Args:
        vectors: [N, D].
        parts: which clips [R, N] are in each subsample.
        k: number of clusters.
    """
    from sklearn.metrics import adjusted_rand_score

    labels = np.full(parts.shape, -1)
    for part, found in zip(parts, labels, strict=True):
        found[part] = kmeans_model(k).fit(vectors[part]).labels_
    scores = []
    for i, j in combinations(range(len(parts)), 2):
        shared = parts[i] & parts[j]
        scores.append(adjusted_rand_score(labels[i, shared], labels[j, shared]))
    return float(np.mean(scores))


def reference(vectors: NDArray[np.float64], speakers: np.ndarray) -> Any:
    """A function that draws a corpus [N, D] with these speakers' covariances and without groups.

    Args:
        vectors: [N, D].
        speakers: number of each clip's speaker [N], from 0.
    """
    sizes = np.bincount(speakers)
    means = _speaker_means(vectors, speakers)
    between = _root(np.cov(means, rowvar=False))
    rest = vectors - means[speakers]
    within = _root(rest.T @ rest / max(1, len(vectors) - len(sizes)))

    def draw(generator: np.random.Generator) -> NDArray[np.float64]:
        centres = means.mean(axis=0) + generator.standard_normal(means.shape) @ between.T
        noise = generator.standard_normal(vectors.shape) @ within.T
        return (centres - _speaker_means(noise, speakers))[speakers] + noise

    return draw


def _describe(
    vectors: NDArray[np.float64], speakers: np.ndarray, k: int, seed: int
) -> dict[str, Any]:
    """Silhouette and sizes of the groups that the source kmeans makes."""
    labels = kmeans_model(k).fit(vectors).labels_
    shares = np.bincount(labels, minlength=k) / len(labels)
    known = shares[shares > 0]
    return {
        "k": k,
        "silhouette": silhouette(vectors, labels, seed),
        "smallest_clips": int(np.bincount(labels, minlength=k).min()),
        "smallest_speakers": min(len(np.unique(speakers[labels == g])) for g in range(k)),
        "largest": float(shares.max()),
        "effective": float(np.exp(-(known * np.log(known)).sum())),
    }


def silhouette(vectors: NDArray[np.float64], labels: np.ndarray, seed: int) -> float | None:
    """Mean silhouette, Euclidean, of at most :data:`SILHOUETTE_CLIPS` clips drawn at random."""
    from sklearn.metrics import silhouette_score

    if len(labels) > SILHOUETTE_CLIPS:
        rows = np.random.default_rng(seed).choice(len(labels), SILHOUETTE_CLIPS, replace=False)
        vectors, labels = vectors[rows], labels[rows]
    if not 1 < len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(vectors, labels))


def _some_speakers(train: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """The clips of all speakers or, of very many clips, of as many as :data:`LARGEST` allows."""
    if train.height <= LARGEST:
        return train
    sizes = train.group_by("speaker").len().sort("speaker")
    sizes = sizes[generator.permutation(sizes.height)]
    kept = sizes.filter(pl.col("len").cum_sum() <= LARGEST)["speaker"]
    return train.filter(pl.col("speaker").is_in(kept.to_list()))


def _speaker_means(vectors: NDArray[np.float64], speakers: np.ndarray) -> NDArray[np.float64]:
    """Mean [S, D] of each speaker's vectors."""
    total = np.zeros((int(speakers.max()) + 1, vectors.shape[1]))
    np.add.at(total, speakers, vectors)
    return total / np.bincount(speakers)[:, None]


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix whose product with its transpose is the covariance."""
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return vectors * np.sqrt(np.maximum(values, 0))
