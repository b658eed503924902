"""Odd folds: no method may give NaN, and none may train without a single group."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import CLASSES, clip_table, feature_store

TRAIN, OTHER = 17, 8
SPLITS = ["train"] * TRAIN + ["development"] * OTHER + ["test"] * OTHER
GROUPED = ("rw", "ds", "gdro", "gadro")
PENALISED = ("diff_eopp", "diff_eodds", "diff_dp")
SEVERAL = ("hsic", "adversarial", "irm")
METHODS = {
    **{name: {} for name in (*GROUPED, "pgdro", "lff", "disent")},
    "gdro by class": {"groups": "class_attribute"},
    "gadro by class": {"groups": "class_attribute"},
    "pgdro by class": {"groups": "class_attribute"},
    "gadro shuffled": {"sampler": "shuffle", "adjust": "present"},
    "rw balanced": {"sampler": "balanced"},
    "ds balanced": {"sampler": "balanced"},
    **{
        name: {} for name in ("jtt", "cvar", "focal", "blind", "bpa", "balanced", "sqrt_rw", "lisa")
    },
    **{name: {} for name in (*PENALISED, *SEVERAL)},
}


def make_table(classes: list[int]) -> ClipTable:
    """Train clips of the given classes, development and test of all; one test clip of none."""
    cycle = [i % len(CLASSES) for i in range(2 * OTHER)]
    labels = np.where(np.arange(len(CLASSES)) == np.array(classes + cycle)[:, None], 0.8, 0.1)
    labels[-1] = 1 / 3
    return clip_table(labels, SPLITS)


def make_store(folder: Path, table: ClipTable) -> FeatureStore:
    array = np.random.default_rng(0).normal(size=(table.frame.height, 2, 6))
    return feature_store(folder, array.astype(np.float32), table.frame["clip"])


def make_grouping(table: ClipTable, groups: list[str | None], count: int) -> pl.DataFrame:
    """Groups of all clips, and probabilities for ``count`` groups in which most are certain."""
    frame = table.frame.select("clip", "split")
    number = pl.Series([int(g or 0) for g in groups])
    shares = [(number == g).cast(pl.Float64).alias(f"p_{g}") for g in range(count)]
    return frame.with_columns(pl.Series("group", groups, dtype=pl.String), *shares)


def train(
    method: str, table: ClipTable, store: FeatureStore, grouping: pl.DataFrame, batch: int = 4
) -> TrainingResult:
    if not method.startswith("pgdro"):
        grouping = grouping.select("clip", "split", "group")
    options = TrainOptions(epochs=3, batch_size=batch, learning_rate=1e-2)
    name, inputs = method.split()[0], StoreInputs(store, True)
    job = TrainingJob(name, table, inputs, options, 0, grouping, METHODS[method])
    return train_and_predict(job)


EVEN = [i % 3 for i in range(TRAIN)]
ALL = [str(i % 2) for i in range(TRAIN + 2 * OTHER)]
REST = ALL[TRAIN:]
FOLDS: dict[str, tuple[list[int], list[str | None], int, int]] = {
    "a class without clips of a group": (EVEN, [str(int(c == 0)) for c in EVEN] + REST, 2, 4),
    "groups that train has no clip of": (EVEN, [*ALL[:TRAIN], *(["4", "2"] * OTHER)], 6, 4),
    "a single group": (EVEN, ["0"] * len(ALL), 1, 4),
    "groups that batches lack": (EVEN, ["0", "1", "2"] + ["3"] * (len(ALL) - 3), 4, 2),
    "some groups unknown": (EVEN, [None] * 8 + ALL[8:], 2, 4),
    "a class absent from train": ([i % 2 for i in range(TRAIN)], ALL, 2, 4),
    "a single class in train": ([1] * TRAIN, ALL, 2, 4),
    "a last batch of one clip": (EVEN, ALL, 2, 16),
    "batches of one clip": (EVEN, ALL, 2, 1),
    "a group of its own for each clip": (EVEN, [str(i) for i in range(len(ALL))], len(ALL), 4),
}

REFUSED = {(method, "a single group"): "of 1 group" for method in SEVERAL}
EASY = ("a class absent from train", "a single class in train")  # ERM makes no errors there
REFUSED |= {("jtt", case): "all 17 train clips right" for case in EASY}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", FOLDS)
def test_never_nan(case: str, method: str, tmp_path: Path) -> None:
    classes, groups, count, batch = FOLDS[case]
    table = make_table(classes)
    grouping = make_grouping(table, groups, count)
    if message := REFUSED.get((method, case)):
        with pytest.raises(InputError, match=rf"'{method}'.*{message}"):
            train(method, table, make_store(tmp_path, table), grouping, batch)
        return
    run = train(method, table, make_store(tmp_path, table), grouping, batch)
    assert run.history.height == 3
    assert np.isfinite(run.history.to_numpy()).all()
    assert np.isfinite(run.predictions.select(CLASSES).to_numpy()).all()
    assert all(tensor.isfinite().all() for tensor in run.tensors.values())
    losses = run.history["train_loss"].to_list()
    assert len(set(losses)) == 3  # something was learnt


@pytest.mark.parametrize("where", ["everywhere", "train"])
@pytest.mark.parametrize("method", GROUPED)
def test_no_group_known_is_refused(method: str, where: str, tmp_path: Path) -> None:
    table = make_table(EVEN)
    rest = REST if where == "train" else [None] * (2 * OTHER)
    grouping = make_grouping(table, [*[None] * TRAIN, *rest], 2)
    with pytest.raises(InputError, match=rf"unknown .*{method}, fold 1"):
        train(method, table, make_store(tmp_path, table), grouping)


def test_groups_of_another_split_are_refused(tmp_path: Path) -> None:
    table = make_table(EVEN)
    grouping = make_grouping(table, ALL, 2)[1:]
    with pytest.raises(InputError, match="c000"):
        train("rw", table, make_store(tmp_path, table), grouping)
