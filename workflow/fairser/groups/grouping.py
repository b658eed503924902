"""Group sources: where the group of a clip comes from (Implicit Demography Inference).

A grouping is a table with a row per clip of a fold: ``clip``, ``split``, ``group`` (text, or null
where it is unknown) and, where the source has them, probabilities ``p_{group}``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from fairser.core.csv_files import read_csv
from fairser.core.errors import InputError, nearest
from fairser.corpora.clips import ClipTable
from fairser.corpora.names import clip_name
from fairser.extraction.store import CHUNK, FeatureStore, train_statistics

if TYPE_CHECKING:
    from sklearn.cluster import MiniBatchKMeans

PROBABILITY = "p_"
PSEUDO_COLUMNS = ("p_female", "p_male")
SUM_TOLERANCE = 0.01
MEMORY_MB = 2000
EVALUATED = ("train", "test")


def annotated(table: ClipTable, attributes: list[str]) -> pl.DataFrame:
    """Groups from annotation: one demographic column, or several crossed.

    Args:
        table: clip table of one fold.
        attributes: names of the columns; a clip that lacks one of them has no group.
    """
    for name in attributes:
        if name not in table.attributes:
            known = list(table.attributes)
            raise InputError(
                f"'annotated.attributes' names '{name}', which the corpus does not have."
                f"{nearest(name, known)} It has: {', '.join(known) or 'no demographics'}."
            )
    label = pl.concat_str(attributes, separator=" x ", ignore_nulls=False).alias("group")
    return table.frame.select("clip", "split", label)


def pseudo(table: ClipTable, probabilities: pl.DataFrame) -> pl.DataFrame:
    """Groups from a gender model: the more probable one; the probabilities are kept.

    Args:
        table: clip table of one fold.
        probabilities: columns clip, p_female, p_male of all clips.
    """
    joined = table.frame.select("clip", "split").join(
        probabilities, on="clip", how="left", maintain_order="left"
    )
    group = pl.when(pl.col("p_female") > pl.col("p_male")).then(pl.lit("female"))
    return joined.select(
        "clip", "split", group.otherwise(pl.lit("male")).alias("group"), *PSEUDO_COLUMNS
    )


def read_probabilities(path: str | Path, table: ClipTable) -> pl.DataFrame:
    """Read and check gender probabilities (csv: clip, p_female, p_male) for all clips of a corpus.

    Raises:
        InputError: a missing column or clip, a value that is no probability, a sum that is not 1.
    """
    frame = read_csv(path)
    for name in ("clip", *PSEUDO_COLUMNS):
        if name not in frame.columns:
            raise InputError(f"{path}, row 1: no column '{name}'.{nearest(name, frame.columns)}")
    frame = frame.with_columns(
        pl.col("clip").map_elements(clip_name, return_dtype=pl.String),
        pl.concat_str(PSEUDO_COLUMNS, separator=" and ").alias("as written"),
        pl.col(PSEUDO_COLUMNS).cast(pl.Float64, strict=False),
    )
    total = pl.sum_horizontal(PSEUDO_COLUMNS)
    valid = pl.all_horizontal(pl.col(PSEUDO_COLUMNS).is_between(0, 1))
    bad = frame.filter(~(valid & ((total - 1).abs() <= SUM_TOLERANCE)).fill_null(False))
    if bad.height:
        first = bad.row(0, named=True)
        raise InputError(
            f"{first['row']}: p_female and p_male are {first['as written']}, which are no "
            "probabilities that sum to 1; renormalise them."
        )
    twice = frame.filter(pl.col("clip").is_duplicated())
    if twice.height:
        raise InputError(f"{twice['row'][0]}: clip '{twice['clip'][0]}' has two rows; keep one.")
    clips = table.clips().select("clip")
    lost = clips.join(frame, on="clip", how="anti")
    if lost.height:
        raise InputError(
            f"{path}: {lost.height} of {clips.height} clips have no row, such as "
            f"'{lost['clip'][0]}'; add them."
        )
    return frame.with_columns(pl.col(PSEUDO_COLUMNS) / total).select("clip", *PSEUDO_COLUMNS)


def store_probabilities(store: FeatureStore) -> pl.DataFrame:
    """Columns clip, p_female, p_male from a store [N, 1, 2] of a gender model."""
    values = store.array[:, 0].astype(np.float64)
    columns = {name: values[:, n] for n, name in enumerate(PSEUDO_COLUMNS)}
    return pl.DataFrame({"clip": list(store.row_of), **columns})


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


def quality(grouping: pl.DataFrame, table: ClipTable) -> dict[str, Any]:
    """How the groups meet each annotated attribute, on train and on test.

    Returns:
        By split: ``clips``, ``unknown`` (clips without a group), ``sizes`` (clips of each group)
        and by attribute ``clips`` (those with both known), ``accuracy`` (of the best one-to-one
        match of groups and values), ``purity``, ``nmi``, ``ari``; None where no clip has both.
    """
    joined = grouping.join(table.frame.select("clip", *table.attributes), on="clip")
    result: dict[str, Any] = {}
    for split in EVALUATED:
        part = joined.filter(pl.col("split") == split)
        sizes = part["group"].drop_nulls().value_counts().sort("group")
        result[split] = {
            "clips": part.height,
            "unknown": part["group"].null_count(),
            "sizes": dict(sizes.iter_rows()),
            "attributes": {
                name: agreement(part.drop_nulls(["group", name]), name) for name in table.attributes
            },
        }
    return result


def agreement(part: pl.DataFrame, attribute: str) -> dict[str, float | int | None]:
    """Accuracy, purity, NMI and ARI of ``group`` against an attribute."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    if part.height == 0:
        return {"clips": 0, **dict.fromkeys(("accuracy", "purity", "nmi", "ari"))}
    group, truth = part["group"].to_list(), part[attribute].to_list()
    names = {g: i for i, g in enumerate(sorted(set(group)))}
    values = {v: i for i, v in enumerate(sorted(set(truth)))}
    table = np.zeros((len(names), len(values)))
    np.add.at(table, ([names[g] for g in group], [values[v] for v in truth]), 1)
    matched = table[linear_sum_assignment(table, maximize=True)].sum()
    return {
        "clips": part.height,
        "accuracy": float(matched / part.height),
        "purity": float(table.max(axis=1).sum() / part.height),
        "nmi": float(normalized_mutual_info_score(truth, group)),
        "ari": float(adjusted_rand_score(truth, group)),
    }


def encode_groups(grouping: pl.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers of the groups [N], int64, -1 where unknown, in the order of their names; and the
    probabilities [N, G], float32, in the same order, or None where the source has none."""
    names = sorted(grouping["group"].drop_nulls().unique().to_list())
    columns = sorted(name for name in grouping.columns if name.startswith(PROBABILITY))
    if columns:
        names = [name.removeprefix(PROBABILITY) for name in columns]
    number = grouping["group"].replace_strict(names, range(len(names)), default=-1)
    shares = grouping.select(columns).to_numpy().astype(np.float32) if columns else None
    return number.cast(pl.Int64).to_numpy().copy(), shares


def quality_table(cells: list[dict[str, Any]]) -> pl.DataFrame:
    """How groups meet attributes over the grid: a row per source, k, fold, split and attribute.

    Args:
        cells: ``source``, ``k``, ``fold`` and ``quality`` (see :func:`quality`) of each cell.
    """
    rows = []
    for cell in cells:
        for split, found in cell["quality"].items():
            sizes = list(found["sizes"].values())
            head = {name: cell[name] for name in ("source", "k", "fold")} | {"split": split}
            head |= {"groups": len(sizes), "unknown": found["unknown"]}
            head |= {"smallest": min(sizes, default=0), "largest": max(sizes, default=0)}
            for attribute, scores in found["attributes"].items():
                rows.append({**head, "attribute": attribute, **scores})
    return pl.DataFrame(rows, infer_schema_length=None)
