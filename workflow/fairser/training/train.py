"""A run of the grid: from the features of a fold to predictions."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.features import Inputs
from fairser.methods.base import FoldData, Method, find_method
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import (
    ModelWeights,
    Trainer,
    TrainOptions,
    TrainProgress,
    evaluation_batches,
)
from fairser.training.folds import load_fold

PREDICTED = ("development", "test")
HISTORY = {"epoch": pl.Int64, "train_loss": pl.Float64, "development_loss": pl.Float64}


@dataclass(frozen=True)
class TrainingJob:
    """One training of the grid.

    Attributes:
        table: clip table of the fold, with the biased split.
        seed: of initial weights, batch order and the method's own draws.
        grouping: groups of the fold's clips (:mod:`fairser.groups.base`), None for the source
            none.
        hyper: hyper-parameters of the method that are not at their defaults.
    """

    method: str
    table: ClipTable
    inputs: Inputs
    options: TrainOptions
    seed: int = 0
    grouping: pl.DataFrame | None = None
    hyper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingResult:
    """What a training gives.

    Attributes:
        tensors: parameters of the best model, those of an encoder's adapters below
            ``adapters.``, and ``features.mean`` and ``features.std`` [L, D] where the features
            were standardised.
        history: a row per epoch: epoch, train_loss, development_loss.
        predictions: a row per clip of development and test: clip, split, probability per class.
        best_epoch: the epoch that was kept, None where nothing was trained.
        seconds: durations of loading, training and prediction.
    """

    tensors: dict[str, torch.Tensor]
    history: pl.DataFrame
    predictions: pl.DataFrame
    best_epoch: int | None
    seconds: dict[str, float]


def train_and_predict(job: TrainingJob, checkpoint: Checkpoint | None = None) -> TrainingResult:
    """Train a method on one fold and predict its development and test clips.

    The same seed gives every method with one head the same initial head, that of ERM. So has the
    debiased head of LfF, which predicts. Of DisEnt only the intrinsic encoder has its values: the
    classifiers have twice as many inputs. The order of shuffled batches is the same for all methods
    that use the same number of train clips.

    A training that is resumed from the checkpoint gives the same result as one without an
    interruption.

    Raises:
        InputError: the loss is not finite, the features lack clips, or no train clip is left.
    """
    times = [time.monotonic()]
    data, statistics = load_fold(job.table, job.inputs, job.grouping, job.seed)
    times.append(time.monotonic())
    where = f"method {job.method}, fold {job.table.frame['fold'][0]}, seed {job.seed}"
    if data.groups is not None and not (data.groups[data.train] >= 0).any():
        raise InputError(
            f"The groups of all train clips are unknown for {where}. Take another group source, or "
            "fill in the attribute that it comes from."
        )
    data = replace(data, train_erm=partial(_train_erm, data, job, where))
    kind = find_method(job.method)
    # Predictions that are drawn differ between folds, else pooled folds would repeat the draws.
    stream = np.random.SeedSequence([job.seed, int(job.table.frame["fold"][0])])
    seed = job.seed if kind.trains else int(stream.generate_state(1)[0])
    method = kind(data, torch.Generator().manual_seed(seed), **job.hyper)
    model = _new_model(method, job.seed)
    weights = ModelWeights(model, getattr(data.features, "adapters", {}))
    progress = TrainProgress()
    if method.trains:
        trainer = Trainer(method, weights, job.options, job.seed, where)
        progress = trainer.fit(checkpoint or Checkpoint())
        method.finish(model)
    times.append(time.monotonic())
    predictions = _predict(method, model, job.table, where)
    times.append(time.monotonic())
    seconds = [round(end - start, 3) for start, end in pairwise(times)]
    return TrainingResult(
        tensors={**weights.copy(), **statistics},
        history=pl.DataFrame(progress.history, HISTORY, orient="row"),
        predictions=predictions,
        best_epoch=progress.best_epoch,
        seconds=dict(zip(("load", "train", "predict"), seconds, strict=True)),
    )


def _new_model(method: Method, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return method.build()


def _train_erm(data: FoldData, job: TrainingJob, where: str, epochs: int | None) -> nn.Module:
    """The field ``train_erm`` of :class:`FoldData`, but for the number of epochs."""
    method = find_method("erm")(data, torch.Generator().manual_seed(job.seed))
    weights = ModelWeights(_new_model(method, job.seed), {})
    options = job.options if epochs is None else replace(job.options, epochs=epochs)
    Trainer(method, weights, options, job.seed, f"ERM for {where}").fit(
        Checkpoint(), last=epochs is not None
    )
    return weights.model


@torch.no_grad()
def _predict(method: Method, model: nn.Module, table: ClipTable, where: str) -> pl.DataFrame:
    """Probabilities softmax(z) of the development and test clips, in the table's order."""
    tested = table.frame["split"].is_in(PREDICTED)
    frame, rows = table.frame.filter(tested), torch.from_numpy(np.flatnonzero(tested.to_numpy()))
    logits = torch.cat([method.logits(model, part) for part in evaluation_batches(method, rows)])
    bad = ~logits.isfinite().all(dim=1)
    if bad.any():
        clip = frame["clip"][int(bad.nonzero()[0])]
        raise InputError(
            f"The prediction for clip '{clip}' is not finite ({int(bad.sum())} clip(s)) with "
            f"{where}. Look for features of this clip that are NaN or of extreme size."
        )
    shares = logits.softmax(dim=1).numpy()
    return frame.select("clip", "split").with_columns(
        pl.Series(name, shares[:, column]) for column, name in enumerate(table.classes)
    )
