"""ERM for the group sources that need a model: trained on the fold's features, with seed 0.

Its other settings are those of the runs (``train`` of the configuration). The groups of these
sources are parts of the classes. They need the label of a clip, so test clips have none.
"""

from collections.abc import Sequence

import polars as pl
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.extraction.inputs import StoreInputs
from fairser.groups.base import Fold
from fairser.methods.base import FoldData, Method
from fairser.methods.erm import ERM
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import Cell, ModelWeights, Trainer, TrainOptions
from fairser.training.folds import load_fold

SEED = 0
LABELLED = ("train", "development")  # splits whose labels a source may use


def fold_data(fold: Fold) -> FoldData:
    """The clips of the fold with the encoder's features, in the order of the table."""
    torch.set_num_threads(1)  # the same numbers on any number of cores
    if "data" not in fold.models:  # all sources of a job have the same features
        inputs = StoreInputs(fold.store(), fold.standardise)
        fold.models["data"] = load_fold(fold.table, inputs, seed=SEED)[0]
    data: FoldData = fold.models["data"]
    return data


def train_erm(fold: Fold, data: FoldData, epochs: int | None = None) -> nn.Module:
    """ERM after so many epochs or, with None, the best epoch of all on development.

    Raises:
        InputError: a loss is not finite.
    """
    if epochs not in fold.models:
        method = ERM(data, torch.Generator().manual_seed(SEED))
        fold.models[epochs] = train(method, fold, epochs)
    model: nn.Module = fold.models[epochs]
    return model


def train(method: Method, fold: Fold, epochs: int | None = None) -> nn.Module:
    """The model of a method after so many epochs or, with None, the best epoch of all.

    Raises:
        InputError: a loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = method.build()
    settings = dict(fold.train) | ({} if epochs is None else {"epochs": epochs})
    where = f"a model for the groups of fold {fold.number}"
    cell = Cell(method, ModelWeights(model, {}), SEED, where)
    (done,) = Trainer([cell], TrainOptions(**settings)).fit(Checkpoint(), last=epochs is not None)
    if done.fault:
        raise InputError(done.fault)
    return model


def labelled(data: FoldData) -> torch.Tensor:
    """Rows of the clips of train and development that have a majority class."""
    rows = torch.cat([data.train, data.development])
    return rows[data.majority[rows] >= 0]


def class_groups(fold: Fold, parts: Sequence[str | None], advice: str) -> pl.DataFrame:
    """Groups named by majority class and part of the class, such as ``angry wrong``.

    Clips of test, without a majority class or without a part have none.

    Args:
        fold: with the clip table of N clips.
        parts: of each clip [N].
        advice: what to change if no class has two parts.

    Raises:
        InputError: no class has clips of two parts in train.
    """
    frame = fold.table.frame.select("clip", "split", "majority").with_columns(
        pl.Series("part", parts, dtype=pl.String)
    )
    named = pl.concat_str("majority", "part", separator=" ", ignore_nulls=False)
    groups = frame.with_columns(
        pl.when(pl.col("split").is_in(LABELLED)).then(named).alias("group")
    ).select("clip", "split", "majority", "group")
    found = groups.filter(pl.col("group").is_not_null(), split="train")
    if found["group"].n_unique() == found["majority"].n_unique():
        raise InputError(
            f"Fold {fold.number}: the groups of the {found.height} train clips are their classes, "
            f"because no class has clips in two parts. {advice}"
        )
    return groups.drop("majority")
