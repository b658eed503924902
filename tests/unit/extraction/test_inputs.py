"""Features read batch by batch: the same numbers as in memory, whatever the method."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import MappedFeatures, StoreInputs
from fairser.extraction.store import CHUNK, FeatureStore
from fairser.groups.kmeans import kmeans
from fairser.training.fitting import TrainOptions
from fairser.training.folds import load_fold
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import assert_same_run, clip_table, feature_store

COUNT, LAYERS, DIM = 90, 3, 16
SPLITS = ["train"] * 50 + ["development"] * 20 + ["test"] * 20
OPTIONS = TrainOptions(epochs=4, batch_size=8, learning_rate=3e-3)


@dataclass(frozen=True)
class CountedStore(FeatureStore):
    """A store that counts how often it is read."""

    reads: list[int] = field(default_factory=list)

    def read(self, rows: np.ndarray | slice) -> np.ndarray:
        part = super().read(rows)
        self.reads.append(len(part))
        return part


def labels(count: int) -> np.ndarray:
    """Labels [N, 3] with a majority for each clip."""
    return 0.1 + 0.7 * np.eye(3)[np.random.default_rng(1).integers(3, size=count)]


@pytest.fixture(scope="module")
def table() -> ClipTable:
    """Splits in random order; the features are in another one."""
    return clip_table(labels(COUNT), np.random.default_rng(2).permutation(SPLITS))


@pytest.fixture(params=[np.float32, np.float16])
def store(request: pytest.FixtureRequest, tmp_path: Path, table: ClipTable) -> CountedStore:
    random = np.random.default_rng(3)
    array = random.normal(3, 2, (COUNT, LAYERS, DIM)).astype(request.param)
    array[:, 1, 4] = 5  # a constant feature
    opened = feature_store(tmp_path, array, random.permutation(table.frame["clip"].to_list()))
    return CountedStore(opened.array, opened.row_of)


def grouping(table: ClipTable) -> pl.DataFrame:
    groups = [str(group) for group in np.random.default_rng(4).integers(2, size=table.frame.height)]
    return table.frame.select("clip", "split").with_columns(pl.Series("group", groups))


def train(method: str, table: ClipTable, inputs: StoreInputs) -> TrainingResult:
    groups = grouping(table) if method in ("rw", "gdro") else None
    return train_and_predict(TrainingJob(method, table, inputs, OPTIONS, 0, groups))


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("method", ["erm", "rw", "gdro", "lff", "disent"])
def test_memory_changes_no_number(
    method: str, standardise: bool, table: ClipTable, store: CountedStore
) -> None:
    apart = train(method, table, StoreInputs(store, standardise, memory_mb=0))
    reads = len(store.reads)
    together = train(method, table, StoreInputs(store, standardise))
    assert len(store.reads) - reads < 3 < 4 * 7 < reads
    assert_same_run(apart, together)
    assert ("features.mean" in apart.tensors) is standardise
    assert apart.history["development_loss"].is_finite().all()


def test_memory_changes_no_number_where_the_evaluation_takes_several_batches(
    tmp_path: Path,
) -> None:
    splits = ["train"] * 40 + ["development"] * 2400 + ["test"] * 1300
    random = np.random.default_rng(0)
    table = clip_table(random.dirichlet([0.6] * 3, len(splits)), splits)
    array = random.normal(3, 2, (len(splits), LAYERS, DIM)).astype(np.float32)
    store = feature_store(tmp_path, array, table.frame["clip"])
    runs = [train("erm", table, StoreInputs(store, True, memory)) for memory in (0, 1)]
    assert_same_run(*runs)


def folds(table: ClipTable, store: FeatureStore, standardise: bool) -> tuple[Any, torch.Tensor]:
    """The features of the fold, not loaded and loaded."""
    apart = load_fold(table, StoreInputs(store, standardise, memory_mb=0))[0].features
    together = load_fold(table, StoreInputs(store, standardise))[0].features
    assert isinstance(apart, MappedFeatures) and isinstance(together, torch.Tensor)
    return apart, together


@pytest.mark.parametrize("standardise", [True, False])
def test_batches_are_rows_of_the_whole(
    table: ClipTable, store: CountedStore, standardise: bool
) -> None:
    apart, together = folds(table, store, standardise)
    assert apart.shape == tuple(together.shape) == (COUNT, LAYERS, DIM)
    rows = torch.tensor([5, 0, 89, 5])
    batch = apart.batch(rows)
    assert batch.dtype == together.dtype == torch.float32
    assert torch.equal(batch, together[rows])
    raw = store.array[store.rows(table.frame["clip"])].astype(np.float64)
    if standardise:
        train = raw[(table.frame["split"] == "train").to_numpy()]
        std = np.where(train.std(axis=0) == 0, 1, train.std(axis=0))
        raw = (raw - train.mean(axis=0)) / std
    np.testing.assert_allclose(together, raw, atol=1e-5)


def test_a_batch_is_read_once_for_all_who_ask(table: ClipTable, store: CountedStore) -> None:
    apart, together = folds(table, store, True)
    store.reads.clear()
    rows, others = torch.tensor([3, 1]), torch.tensor([3, 2])
    for asked in rows, rows, others, others, others, rows, rows.clone():
        assert torch.equal(apart.batch(asked), together[asked])
    assert store.reads == [2, 2, 2, 2]


@pytest.mark.parametrize("method", ["erm", "lff", "disent"])
def test_a_step_reads_its_batch_once(method: str, table: ClipTable, store: CountedStore) -> None:
    """Also where two heads look at it."""
    train(method, table, StoreInputs(store, False, memory_mb=0))
    epoch = [8] * 6 + [2] + [20]  # batches of train, and development
    assert store.reads == epoch * OPTIONS.epochs + [40]


@pytest.mark.parametrize(("memory_mb", "mapped"), [(0.0172, True), (0.0173, False)])
def test_the_limit_is_that_of_the_loaded_fold(
    table: ClipTable,
    store: CountedStore,
    memory_mb: float,
    mapped: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """90 x 3 x 16 numbers of four bytes: 17 280 bytes."""
    with caplog.at_level(logging.INFO, "fairser"):
        found = load_fold(table, StoreInputs(store, True, memory_mb))[0].features
    assert isinstance(found, MappedFeatures) is mapped
    assert ("read batch by batch" in caplog.text) is mapped


BLOBS = 4


def blobs(folder: Path, train: int) -> tuple[ClipTable, FeatureStore]:
    """Clips in four heaps that are far apart."""
    splits = ["train"] * train + ["development"] * 60 + ["test"] * 60
    table = clip_table(labels(len(splits)), splits)
    random = np.random.default_rng(5)
    centres = 30 * np.eye(BLOBS)
    array = centres[np.arange(len(splits)) % BLOBS] + random.normal(0, 1, (len(splits), BLOBS))
    return table, feature_store(folder, array[:, None].astype(np.float32), table.frame["clip"])


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("train", [500, 3 * CHUNK + 7])
def test_clusters_of_embeddings_that_are_not_loaded(
    tmp_path: Path, train: int, standardise: bool
) -> None:
    table, store = blobs(tmp_path, train)
    truth = np.arange(table.frame.height) % BLOBS
    found = kmeans(table, store, BLOBS, standardise, memory_mb=0)
    assert found.select("clip", "split").equals(table.frame.select("clip", "split"))
    assert set(found["group"]) == {str(k) for k in range(BLOBS)}
    assert adjusted_rand_score(truth, found["group"].to_list()) == 1
    assert found.equals(kmeans(table, store, BLOBS, standardise, memory_mb=0))


def test_clusters_of_embeddings_are_read_in_parts(tmp_path: Path) -> None:
    table, opened = blobs(tmp_path, 3 * CHUNK + 7)
    store = CountedStore(opened.array, opened.row_of)
    kmeans(table, store, BLOBS, False, memory_mb=0)
    assert sum(store.reads) == 2 * (3 * CHUNK + 7) + 120  # fitted, then all are assigned
    assert max(store.reads) < 2 * CHUNK


def test_as_many_clusters_as_clips_that_are_not_loaded(tmp_path: Path) -> None:
    table, store = blobs(tmp_path, 16)
    found = kmeans(table, store, 16, False, memory_mb=0)
    train = found.filter(pl.col("split") == "train")["group"]
    assert set(found["group"]) <= {str(k) for k in range(16)}
    assert train.n_unique() > BLOBS
