"""Which epoch is kept by the mean loss on development, its worst class, or its worst group."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch import nn

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.features import Inputs
from fairser.extraction.inputs import StoreInputs
from fairser.methods.base import Method
from fairser.methods.losses import class_balanced_weights
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import Cell, ModelWeights, Trainer, TrainOptions
from fairser.training.selection import Development, selection_parts
from fairser.training.train import (
    PreparedJob,
    TrainingJob,
    TrainingResult,
    train_and_predict,
    train_together,
)
from unit.builders import CLASSES, Doubled, clip_table, feature_store
from unit.methods.builders import fold

# Clips: three of class 0, one of class 1, one without a class; three of group 0, one of group 1,
# one of an unknown group.
MAJORITY, GROUPS = [0, 0, 0, 1, -1], [0, 0, 1, 0, -1]
LOSSES = [
    [0.0, 0.0, 3.0, 2.5, 0.0],  # mean 1.1; classes 1, 2.5; groups 2.5 / 3, 3
    [2.0, 2.0, 2.0, 2.0, 2.0],  # all 2
    [2.2, 0.0, 1.8, 3.0, 3.0],  # mean 2; classes 4 / 3, 3; groups 5.2 / 3, 1.8
]
VALUES = {
    "loss": [1.1, 2.0, 2.0],
    "worst_class": [2.5, 2.0, 3.0],
    "worst_group": [3.0, 2.0, 1.8],
}
BEST = {"loss": 1, "worst_class": 2, "worst_group": 3}


class Scripted(Method):
    """The losses on development are given by epoch."""

    epoch = 0

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        return sum(parameter.sum() for parameter in model.parameters()) * 1.0

    def clip_losses(self, logits: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return torch.tensor(LOSSES)[self.epoch, rows]

    def end_epoch(self, model: nn.Module) -> None:
        self.epoch += 1


@pytest.mark.parametrize("rule", BEST)
def test_each_rule_keeps_its_own_epoch(rule: str) -> None:
    method = Scripted(fold(MAJORITY, GROUPS), torch.Generator(), selection=rule)
    weights = ModelWeights(method.build(), {})
    before = weights.copy()
    options = TrainOptions(epochs=3, learning_rate=0.01, clip_norm=None)
    (done,) = Trainer([Cell(method, weights, 0, "here")], options).fit(Checkpoint())
    assert done.best_epoch == BEST[rule]
    assert done.best == pytest.approx(min(VALUES[rule]))
    _, _, means, values = zip(*done.history, strict=True)
    assert means == pytest.approx(VALUES["loss"])
    assert values == pytest.approx(VALUES[rule])
    # Every epoch is one step of Adam with equal gradients: 0.01 for each number.
    moved = before["classifier.bias"] - weights.copy()["classifier.bias"]
    torch.testing.assert_close(moved, torch.full_like(moved, 0.01 * BEST[rule]))


@pytest.mark.parametrize(
    ("rule", "majority", "groups", "told"),
    [
        ("worst_group", MAJORITY, None, "has no groups"),
        ("worst_group", MAJORITY, [-1] * 5, "none of the 5 development clips has a known group"),
        ("worst_class", [-1] * 5, GROUPS, "none of the 5 development clips has a majority class"),
    ],
)
def test_nothing_to_select_by(
    rule: str, majority: list[int], groups: list[int] | None, told: str
) -> None:
    method = Scripted(fold(majority, groups), torch.Generator(), selection=rule)
    with pytest.raises(InputError, match=f"'selection' is {rule}.*{told}.*Set it to loss"):
        selection_parts(method)


def test_one_part_is_the_mean_of_its_clips() -> None:
    method = Scripted(
        fold(MAJORITY, [-1, -1, 0, -1, -1]), torch.Generator(), selection="worst_group"
    )
    means, values = Development([method]).measure(method, method.build())
    assert (means, values) == (pytest.approx([1.1]), [3.0])


SPLITS = ["train"] * 60 + ["development"] * 40 + ["test"] * 20
OPTIONS = TrainOptions(epochs=6, batch_size=8, learning_rate=3e-3)


@pytest.fixture(scope="module")
def table() -> ClipTable:
    random = np.random.default_rng(3)
    labels = random.dirichlet([0.5] * 3, 120)
    return clip_table(labels, SPLITS)


@pytest.fixture(scope="module")
def inputs(table: ClipTable, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    labels = table.frame.select(CLASSES).to_numpy()
    array = np.random.default_rng(0).normal(size=(120, 2, 8))
    array[:, :, :3] += labels[:, None]
    folder: Path = tmp_path_factory.mktemp("store")
    store = feature_store(folder, array.astype(np.float32), table.frame["clip"].to_list())
    return Doubled(StoreInputs(store, True))


def grouping(table: ClipTable, k: int, unknown: str | None = None) -> pl.DataFrame:
    """Groups in turn; None in a split where they are to be unknown."""
    names = [None if s == unknown else str(i % k) for i, s in enumerate(SPLITS)]
    return table.frame.select("clip", "split", group=pl.Series(names, dtype=pl.String))


def job(table: ClipTable, inputs: Inputs, method: str, k: int, **hyper: Any) -> TrainingJob:
    grouped = grouping(table, k) if k else None
    return TrainingJob(method, table, inputs, OPTIONS, 0, grouped, hyper)


def test_stacked_cells_have_rules_of_their_own(table: ClipTable, inputs: Inputs) -> None:
    jobs = [job(table, inputs, "erm", 0), job(table, inputs, "erm", 0, selection="worst_class")]
    for k in (2, 5):
        jobs += [job(table, inputs, "rw", k, selection=rule) for rule in BEST]
    assert len({PreparedJob(one).kind() for one in jobs}) == 1
    epochs = set()
    for one, found in zip(jobs, train_together([PreparedJob(j) for j in jobs]), strict=True):
        alone = train_and_predict(one)
        assert isinstance(found, TrainingResult)
        epochs.add(found.best_epoch)
        assert found.best_epoch == alone.best_epoch
        assert found.selected_value == pytest.approx(alone.selected_value, abs=1e-10)
        assert_frame_equal(found.history, alone.history, abs_tol=1e-10)
        assert_frame_equal(found.predictions, alone.predictions, abs_tol=1e-10)
    assert len(epochs) > 1


@pytest.mark.parametrize("rule", BEST)
@pytest.mark.parametrize("method", ["rw", "dfr"])
def test_the_value_is_that_of_the_predictions(
    method: str, rule: str, table: ClipTable, inputs: Inputs
) -> None:
    """Computed from the saved probabilities: of ``dfr`` after its last layer is fitted anew."""
    own = {"strengths": [0.1], "draws": 2} if method == "dfr" else {}
    result = train_and_predict(job(table, inputs, method, 5, selection=rule, **own))
    labels = table.frame.select(CLASSES).to_numpy()
    train, development = (np.array(SPLITS) == name for name in ("train", "development"))
    weights = class_balanced_weights(torch.from_numpy(labels[train])).numpy()
    shares = result.predictions.filter(pl.col("split") == "development").select(CLASSES).to_numpy()
    t = labels[development]
    losses = -(t @ weights) * (t * np.log(shares)).sum(axis=1)
    groups = np.arange(120)[development] % 5
    classes = np.where(t.max(axis=1) > 0.5, t.argmax(axis=1), -1)
    worst = {
        "loss": losses.mean(),
        "worst_class": max(losses[classes == c].mean() for c in range(3)),
        "worst_group": max(losses[groups == g].mean() for g in range(5)),
    }
    assert result.selected_value == pytest.approx(worst[rule], rel=1e-5)
    history = result.history
    best = history.filter(pl.col("epoch") == result.best_epoch)["selected_value"].item()
    assert best == history["selected_value"].min()
    assert (best == result.selected_value) == (method == "rw")


def test_a_fault_names_the_run(table: ClipTable, inputs: Inputs) -> None:
    grouped = grouping(table, 2, unknown="development")
    one = TrainingJob("rw", table, inputs, OPTIONS, 0, grouped, {"selection": "worst_group"})
    with pytest.raises(InputError, match=r"method rw, fold 1, seed 0: 'selection' is worst_group"):
        PreparedJob(one)


def test_what_does_not_train_selects_nothing(table: ClipTable, inputs: Inputs) -> None:
    result = train_and_predict(job(table, inputs, "random", 0))
    assert (result.selected_value, result.best_epoch) == (None, None)
