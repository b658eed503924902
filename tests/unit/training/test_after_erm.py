"""Methods that follow ERM in whole trainings: alone, and as one with others."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.features import Inputs
from fairser.extraction.inputs import StoreInputs
from fairser.training.fitting import TrainOptions
from fairser.training.train import PreparedJob, TrainingJob, TrainingResult, train_together
from unit.builders import clip_table, feature_store

SPLITS = ["train"] * 60 + ["development"] * 40 + ["test"] * 20
OPTIONS = TrainOptions(epochs=4, batch_size=8, learning_rate=3e-4)
HYPER: dict[str, dict[str, Any]] = {
    "dfr": {"strengths": [0.1], "draws": 3},
    "self": {"epochs": 1, "clips": 15, "steps": 20},
    "afr": {"steps": 20},
    "thresholds": {},
}


@pytest.fixture(scope="module")
def table() -> ClipTable:
    labels = np.eye(3)[np.arange(120) % 3] * 0.8 + 0.2 / 3
    gender = ["female" if (i // 3) % 3 else "male" for i in range(120)]
    return clip_table(labels, SPLITS, gender=gender)


@pytest.fixture(scope="module")
def inputs(table: ClipTable, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    random = np.random.default_rng(0)
    array = random.normal(size=(120, 2, 8)) + 0.8 * np.eye(3, 8)[np.arange(120) % 3][:, None]
    folder: Path = tmp_path_factory.mktemp("store")
    store = feature_store(folder, array.astype(np.float32), table.frame["clip"].to_list())
    return StoreInputs(store, True)


def prepared(method: str, table: ClipTable, inputs: Inputs) -> PreparedJob:
    grouping = table.frame.select("clip", "split", pl.col("gender").alias("group"))
    with_groups = method in ("dfr", "thresholds")
    job = TrainingJob(
        method, table, inputs, OPTIONS, 0, grouping if with_groups else None, HYPER.get(method, {})
    )
    return PreparedJob(job)


def trained(methods: list[str], table: ClipTable, inputs: Inputs) -> dict[str, TrainingResult]:
    results = train_together([prepared(method, table, inputs) for method in methods])
    found = dict(zip(methods, results, strict=True))
    for result in found.values():
        assert not isinstance(result, InputError)
    return found  # type: ignore[return-value]


@pytest.mark.parametrize("method", HYPER)
def test_only_the_last_layer_is_not_that_of_erm(
    method: str, table: ClipTable, inputs: Inputs
) -> None:
    result, erm = (trained([one], table, inputs)[one] for one in (method, "erm"))
    assert result.history.height == OPTIONS.epochs
    shares = result.predictions.select(table.classes).to_numpy()
    assert np.isfinite(shares).all() and shares.min() >= 0 and shares.max() <= 1
    if method == "afr":  # trained on 80 % of train
        return
    assert result.history.equals(erm.history)
    changed = {n for n, t in result.tensors.items() if not torch.equal(t, erm.tensors[n])}
    layer = {"classifier.weight", "classifier.bias"}
    assert changed == (set() if method == "thresholds" else layer)


def test_methods_that_follow_erm_are_trained_as_one_with_it(
    table: ClipTable, inputs: Inputs
) -> None:
    methods = ["erm", "dfr", "thresholds", "self"]
    assert len({prepared(method, table, inputs).kind() for method in methods}) == 1
    together = trained(methods, table, inputs)
    for method in methods:
        alone = trained([method], table, inputs)[method]
        for name, tensor in alone.tensors.items():
            torch.testing.assert_close(together[method].tensors[name], tensor, atol=1e-4, rtol=1e-3)


def test_groups_that_a_method_can_not_use_end_its_cell_alone(
    table: ClipTable, inputs: Inputs
) -> None:
    unknown = pl.when(pl.col("split") == "train").then("gender").alias("group")
    grouping = table.frame.select("clip", "split", unknown)
    jobs = [
        PreparedJob(TrainingJob(method, table, inputs, OPTIONS, 0, grouping))
        for method in ("rw", "dfr", "thresholds")
    ]
    good, *bad = train_together([jobs[0], *jobs[1:]])
    assert isinstance(good, TrainingResult)
    for one, name in zip(bad, ("dfr", "thresholds"), strict=True):
        assert isinstance(one, InputError)
        assert f"'{name}'" in str(one)
