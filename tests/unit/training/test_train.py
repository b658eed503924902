"""Training and prediction: repeatable, equal to a plain loop, and loud when it goes wrong."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from scipy.special import log_softmax
from torch import nn

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.evaluation.evaluate import evaluate
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.methods.erm import ERM
from fairser.methods.losses import class_balanced_weights
from fairser.training.fitting import TrainOptions
from fairser.training.folds import load_fold
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import CLASSES, Doubled, assert_same_run, clip_table, feature_store

COUNT, LAYERS, DIM = 90, 3, 16
SPLITS = ["train"] * 50 + ["development"] * 20 + ["test"] * 20
OPTIONS = TrainOptions(epochs=6, batch_size=8, learning_rate=3e-3)


@pytest.fixture(scope="module")
def table() -> ClipTable:
    """Random labels, splits in random order."""
    generator = np.random.default_rng(1)
    labels = generator.dirichlet([0.6] * 3, COUNT)
    return clip_table(labels, generator.permutation(SPLITS))


@pytest.fixture(scope="module")
def array() -> np.ndarray:
    """Random features of every clip and of one more, the first."""
    return np.random.default_rng(2).normal(3, 2, (COUNT + 1, LAYERS, DIM)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path, array: np.ndarray, table: ClipTable) -> FeatureStore:
    return feature_store(tmp_path, array, ["other", *table.frame["clip"]])


@pytest.fixture
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def trained(
    table: ClipTable,
    store: FeatureStore,
    method: str = "erm",
    options: TrainOptions = OPTIONS,
    seed: int = 0,
    standardise: bool = True,
) -> TrainingResult:
    inputs = StoreInputs(store, standardise)
    return train_and_predict(TrainingJob(method, table, inputs, options, seed))


def rows_of(table: ClipTable, split: str) -> np.ndarray:
    return np.flatnonzero((table.frame["split"] == split).to_numpy())


def labels_of(table: ClipTable) -> np.ndarray:
    return table.frame.select(CLASSES).to_numpy()


def bad_store(
    folder: Path, store: FeatureStore, table: ClipTable, row: int, value: float
) -> FeatureStore:
    """The store with one value replaced in the clip of one row of the table."""
    array = np.array(store.array)
    array[row + 1, 0, 0] = value
    return feature_store(folder, array, ["other", *table.frame["clip"]])


@pytest.mark.usefixtures("_threads")
@pytest.mark.parametrize("method", ["erm", "random"])
def test_a_seed_decides_everything(method: str, table: ClipTable, store: FeatureStore) -> None:
    runs = []
    for threads, seed in (1, 5), (2, 5), (1, 6):
        torch.set_num_threads(threads)
        torch.manual_seed(threads + seed)  # the state outside has no say, and is left alone
        state = torch.get_rng_state()
        runs.append(trained(table, store, method, seed=seed))
        assert torch.equal(torch.get_rng_state(), state)
    assert_same_run(runs[0], runs[1])
    assert (runs[0].predictions["angry"] != runs[2].predictions["angry"]).all()


# What each method has of ERM's initial head, by the prefix of its tensors.
SHARED = dict.fromkeys(("rw", "ds", "gdro", "gadro", "minmaxgap"), "")
SHARED |= {"erm": "", "lff": "debiased.", "disent": "intrinsic."}
UNGROUPED = ("erm", "lff", "disent", "jtt", "cvar", "focal", "blind")
SHARED |= dict.fromkeys(("jtt", "cvar", "focal", "blind", "bpa", "balanced", "sqrt_rw"), "")
SHARED |= dict.fromkeys(("diff_eopp", "diff_eodds", "diff_dp", "hsic", "adversarial", "irm"), "")
SHARED |= {"lisa": ""}


@pytest.mark.parametrize("method", SHARED)
def test_every_method_starts_from_the_head_of_erm(
    method: str, table: ClipTable, store: FeatureStore
) -> None:
    """DisEnt from its encoder: its classifiers have twice as many inputs as that of ERM."""
    groups = pl.int_range(table.frame.height).mod(2).cast(pl.String)
    grouping = table.frame.select("clip", "split", group=groups)
    grouping = None if method in UNGROUPED else grouping
    runs = {
        name: train_and_predict(
            TrainingJob(name, table, StoreInputs(store, False), TrainOptions(0), 3, groups)
        )
        for name, groups in (("erm", None), (method, grouping))
    }
    expected = runs["erm"].tensors
    if method == "disent":
        expected = {
            name.removeprefix("encoder."): tensor
            for name, tensor in expected.items()
            if name.startswith("encoder.")
        }
        assert len(expected) == 3
    prefix = SHARED[method]
    found = {
        name.removeprefix(prefix): tensor
        for name, tensor in runs[method].tensors.items()
        if name.startswith(prefix)
    }
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_predictions_are_probabilities_of_the_development_and_test_clips(
    table: ClipTable, store: FeatureStore
) -> None:
    for method in "erm", "random":
        found = trained(table, store, method).predictions
        expected = table.frame.filter(pl.col("split") != "train").select("clip", "split")
        assert found.columns == ["clip", "split", *CLASSES]
        assert_frame_equal(found.select("clip", "split"), expected)
        shares = found.select(CLASSES).to_numpy()
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
        assert (shares > 0).all()


def test_random_draws_logits_from_the_unit_interval_and_trains_nothing(
    table: ClipTable, store: FeatureStore
) -> None:
    run = trained(table, store, "random", standardise=False)
    assert (run.tensors, run.history.height, run.best_epoch) == ({}, 0, None)
    shares = run.predictions.select(CLASSES).to_numpy()
    ratio = shares.max(axis=1) / shares.min(axis=1)
    assert 2 < ratio.max() < np.e * (1 + 1e-5)  # e^1 / e^0 at most
    second = table.replace(table.frame.with_columns(fold=pl.lit(2, pl.Int64)))
    again, other = (trained(t, store, "random", standardise=False) for t in (table, second))
    assert again.predictions.equals(run.predictions)
    assert not other.predictions.equals(run.predictions)  # folds that are pooled differ


def pooled(run: TrainingResult, array: np.ndarray) -> np.ndarray:
    """Logits [N, C] of the run's stored parameters, in float64 with numpy alone."""
    p = {name: tensor.numpy().astype(np.float64) for name, tensor in run.tensors.items()}
    features = (array - p["features.mean"]) / p["features.std"]
    shares = np.exp(p["encoder.layer_weights"]) / np.exp(p["encoder.layer_weights"]).sum()
    hidden = np.tensordot(features, shares, (1, 0)) @ p["encoder.linear.weight"].T
    hidden += p["encoder.linear.bias"]
    return hidden @ p["classifier.weight"].T + p["classifier.bias"]


def cross_entropy(logits: np.ndarray, table: ClipTable, split: str) -> float:
    """Mean class-balanced cross-entropy of a split, with the weights of train."""
    labels = labels_of(table)
    n = (labels[rows_of(table, "train")] > 1 / 3).sum(axis=0)
    clips = len(rows_of(table, "train"))
    weights = (1 / clips) / (1 - (1 - 1 / clips) ** n)
    weights *= 3 / weights.sum()
    t = labels[rows_of(table, split)]
    return float(np.mean(-(t @ weights) * (t * log_softmax(logits, axis=1)).sum(axis=1)))


def test_the_best_epoch_on_development_is_kept(
    table: ClipTable, store: FeatureStore, array: np.ndarray
) -> None:
    run = trained(table, store, options=replace(OPTIONS, epochs=15))
    losses = run.history["development_loss"].to_numpy()
    assert run.history["epoch"].to_list() == list(range(1, 16))
    assert run.best_epoch == losses.argmin() + 1
    assert 1 < run.best_epoch < 15  # otherwise first or last would do
    logits = pooled(run, array[1:])
    development = cross_entropy(logits[rows_of(table, "development")], table, "development")
    assert development == pytest.approx(losses.min(), abs=1e-5)
    shares = run.predictions.filter(pl.col("split") == "test").select(CLASSES).to_numpy()
    expected = np.exp(log_softmax(logits[rows_of(table, "test")], axis=1))
    np.testing.assert_allclose(shares, expected, atol=1e-5)


@pytest.mark.parametrize("clip_norm", [5.0, None])
def test_the_loop_is_that_of_a_plain_reference(
    clip_norm: float | None, table: ClipTable, store: FeatureStore, array: np.ndarray
) -> None:
    options = replace(OPTIONS, clip_norm=clip_norm)
    inputs = Doubled(StoreInputs(store, standardise=False))
    run = train_and_predict(TrainingJob("erm", table, inputs, options, 3))

    torch.manual_seed(3)
    shares, linear = nn.Parameter(torch.zeros(LAYERS).double()), nn.Linear(DIM, 256).double()
    classifier = nn.Linear(256, 3).double()
    parameters = [shares, *linear.parameters(), *classifier.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=options.learning_rate)
    shuffle = torch.Generator().manual_seed(3)
    features = torch.from_numpy(array[1:]).double()
    labels = torch.from_numpy(labels_of(table)).float().double()
    train = torch.from_numpy(rows_of(table, "train"))
    development = torch.from_numpy(rows_of(table, "development"))
    weights = class_balanced_weights(labels[train])

    def mean_loss(rows: torch.Tensor) -> torch.Tensor:
        layered = (shares.softmax(0)[:, None] * features[rows]).sum(dim=1)
        z, t = classifier(linear(layered)), labels[rows]
        return (-(t * weights).sum(1) * (t * z.log_softmax(1)).sum(1)).mean()

    history, states, norms = [], [], []
    for _ in range(options.epochs):
        order = train[torch.randperm(len(train), generator=shuffle)]
        total = 0.0
        for start in range(0, len(order), options.batch_size):
            batch = order[start : start + options.batch_size]
            optimizer.zero_grad()
            loss = mean_loss(batch)
            loss.backward()
            norms.append(float(torch.cat([p.grad.flatten() for p in parameters]).norm()))
            if clip_norm is not None and norms[-1] > clip_norm:
                for p in parameters:
                    p.grad *= clip_norm / (norms[-1] + 1e-6)  # as torch has it
            optimizer.step()
            total += float(loss.detach()) * len(batch)
        with torch.no_grad():
            history.append((total / len(order), float(mean_loss(development))))
        states.append([p.detach().clone() for p in parameters])

    assert min(norms) < 5 < max(norms)  # some steps are clipped, others are not
    np.testing.assert_allclose(run.history.to_numpy()[:, 1:3], history, rtol=0, atol=1e-10)
    assert run.best_epoch == int(np.argmin([loss for _, loss in history])) + 1
    for found, expected in zip(run.tensors.values(), states[run.best_epoch - 1], strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_every_train_clip_is_used_once_an_epoch_and_progress_is_told(
    table: ClipTable, store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Recorded(ERM):
        def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
            seen.append((progress, rows.tolist()))
            return super().loss(model, rows, progress)

    monkeypatch.setattr("fairser.training.train.find_method", {"erm": Recorded}.__getitem__)
    options = TrainOptions(epochs=2, batch_size=16, learning_rate=0.0)
    run = trained(table, store, options=options)
    assert [progress for progress, _ in seen] == [step / 8 for step in range(8)]
    assert [len(rows) for _, rows in seen] == [16, 16, 16, 2] * 2
    epochs = [[row for _, rows in part for row in rows] for part in (seen[:4], seen[4:])]
    assert epochs[0] != epochs[1]
    for rows in epochs:
        assert sorted(rows) == rows_of(table, "train").tolist()
    # Nothing is learnt at rate 0: the epoch's loss is the mean over clips, not over batches.
    data, _ = load_fold(table, StoreInputs(store, True))
    method = ERM(data, torch.Generator())
    model = method.build()
    model.load_state_dict({n: t for n, t in run.tensors.items() if "features" not in n})
    expected = method.clip_losses(method.logits(model, data.train), data.train).mean()
    losses = run.history["train_loss"].to_list()
    assert losses == pytest.approx([float(expected.detach())] * 2, abs=1e-5)


def test_features_are_standardised_with_train_alone(
    table: ClipTable, store: FeatureStore, array: np.ndarray
) -> None:
    data, statistics = load_fold(table, StoreInputs(store, True))
    train = array[1:][rows_of(table, "train")].astype(np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    np.testing.assert_allclose(statistics["features.mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(statistics["features.std"], std, rtol=1e-6)
    np.testing.assert_allclose(data.features, (array[1:] - mean) / std, atol=1e-5)
    plain, none = load_fold(table, StoreInputs(store, False))
    assert none == {}
    np.testing.assert_array_equal(plain.features, array[1:])


@pytest.mark.parametrize("value", [0.1, 0, -1e6])
def test_a_constant_feature_is_only_centred(
    value: float, table: ClipTable, array: np.ndarray, tmp_path: Path
) -> None:
    array = array.copy()
    array[1:][rows_of(table, "train"), 1, 2] = value
    store = feature_store(tmp_path, array, ["other", *table.frame["clip"]])
    features = load_fold(table, StoreInputs(store, True))[0].features.numpy()
    assert not features[rows_of(table, "train"), 1, 2].any()
    test = rows_of(table, "test")
    centred = array[1:][test, 1, 2].astype(np.float64) - np.float32(value)
    np.testing.assert_allclose(features[test, 1, 2], centred, rtol=1e-6)


def test_fold_in_memory_follows_the_table(table: ClipTable, store: FeatureStore) -> None:
    data, _ = load_fold(table, StoreInputs(store, False))
    for split in "train", "development", "test":
        assert getattr(data, split).tolist() == rows_of(table, split).tolist()
    labels = labels_of(table)
    np.testing.assert_allclose(data.targets, labels, atol=1e-7)
    assert -1 in data.majority.tolist()
    expected = np.where(labels.max(axis=1) > 0.5, labels.argmax(axis=1), -1)
    assert data.majority.tolist() == expected.tolist()


def test_a_class_absent_from_train_stays_finite(store: FeatureStore, table: ClipTable) -> None:
    labels = labels_of(table).copy()
    rows = rows_of(table, "train")
    labels[rows] = [0.8, 0.2, 0]
    labels[rows[0]] = [0.2, 0.8, 0]
    absent = clip_table(labels, table.frame["split"])
    run = trained(absent, store)
    assert run.history.select(pl.all().is_finite().all()).row(0) == (True,) * 4
    shares = run.predictions.select(CLASSES).to_numpy()
    assert np.isfinite(shares).all()
    assert shares[:, 2].mean() < 1 / 3


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("split", ["train", "development", "test"])
def test_features_that_are_not_finite_end_the_run(
    split: str,
    value: float,
    standardise: bool,
    table: ClipTable,
    store: FeatureStore,
    tmp_path: Path,
) -> None:
    store = bad_store(tmp_path / "bad", store, table, rows_of(table, split)[0], value)
    told = {
        "train": r"step \d+ \(epoch 1\)",
        "development": "development .*epoch 1",
        "test": rf"clip 'c{rows_of(table, 'test')[0]:03d}'",
    }
    with pytest.raises(InputError, match=rf"{told[split]} .*erm, fold 1"):
        trained(table, store, standardise=standardise)


def test_the_first_step_with_a_bad_loss_is_named(
    table: ClipTable, store: FeatureStore, tmp_path: Path
) -> None:
    rows = rows_of(table, "train")
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0)).tolist()
    store = bad_store(tmp_path / "bad", store, table, rows[order[20]], np.nan)
    # Batches of 8: the clip at place 20 is in the third, step 2.
    with pytest.raises(InputError, match=r"at step 2 \(epoch 1\).*fold 1"):
        trained(table, store, standardise=False)


def test_a_learning_rate_that_explodes_ends_the_run(table: ClipTable, store: FeatureStore) -> None:
    options = replace(OPTIONS, learning_rate=1e30)
    second = clip_table(labels_of(table), table.frame["split"], fold=2)
    message = r"step 1 \(epoch 1\).*erm, fold 2, seed 0.*'train\.learning_rate'"
    with pytest.raises(InputError, match=message):
        trained(second, store, options=options)


def test_clips_without_features_are_named(
    table: ClipTable, array: np.ndarray, tmp_path: Path
) -> None:
    store = feature_store(tmp_path, array[:-2], ["other", *table.frame["clip"][:-2]])
    with pytest.raises(InputError, match=r"2 of 90 .*c088, c089"):
        trained(table, store)


def test_erm_learns_what_is_linearly_separable(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    kind = generator.integers(3, size=240)
    labels = np.full((240, 3), 0.05)
    labels[np.arange(240), kind] = 0.9
    array = generator.normal(0, 0.3, (240, LAYERS, DIM))
    array[np.arange(240), 1, kind] += 2
    table = clip_table(labels, ["train", "train", "development", "test"] * 60)
    store = feature_store(tmp_path, array.astype(np.float16), table.frame["clip"])
    options = TrainOptions(epochs=15, learning_rate=1e-2)
    run = trained(table, store, options=options)
    assert evaluate(run.predictions, table)["f1"] > 0.9
    lower = trained(table, store, "random", options=options)
    assert evaluate(lower.predictions, table)["f1"] < 0.6
    layers = run.tensors["encoder.layer_weights"]
    assert layers.argmax() == 1  # the only layer that knows
