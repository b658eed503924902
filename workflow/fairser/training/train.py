"""A run of the grid: from the features of a fold to predictions."""

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.extraction.features import Inputs
from fairser.methods.base import FoldData, Method, find_method
from fairser.methods.erm import ERM
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import (
    Cell,
    ModelWeights,
    Trainer,
    TrainOptions,
    TrainProgress,
)
from fairser.training.folds import load_fold
from fairser.training.selection import Development, evaluation_batches, selection_parts

PREDICTED = ("development", "test")
HISTORY = {"epoch": pl.Int64, "train_loss": pl.Float64, "development_loss": pl.Float64}
HISTORY |= {"selected_value": pl.Float64}


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
        history: a row per epoch: epoch, train_loss, development_loss, and selected_value, which is
            lowest in the best epoch (:mod:`fairser.training.selection`).
        predictions: a row per clip of development and test: clip, split, probability per class.
        best_epoch: the epoch that was kept, None where nothing was trained.
        selected_value: of the model that predicts, by the same rule on development; None where
            nothing was trained. After what a method does at the end (``finish``) it is not that of
            the best epoch.
        seconds: durations of loading, training and prediction.
    """

    tensors: dict[str, torch.Tensor]
    history: pl.DataFrame
    predictions: pl.DataFrame
    best_epoch: int | None
    selected_value: float | None
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
    (result,) = train_together([PreparedJob(job)], checkpoint)
    if isinstance(result, InputError):
        raise result
    return result


class PreparedJob:
    """A training before its first step.

    Attributes:
        job: the training.
        cell: its method and initial model.
        statistics: what its features were standardised with.
        load_seconds: the time that the preparation took.

    Raises:
        InputError: the features lack clips, no train clip has a group, or no development clip has
            what its epoch is selected by.
    """

    def __init__(self, job: TrainingJob) -> None:
        started = time.monotonic()
        data, self.statistics = load_fold(job.table, job.inputs, job.grouping, job.seed)
        fold = int(job.table.frame["fold"][0])
        where = f"method {job.method}, fold {fold}, seed {job.seed}"
        if data.groups is not None and not (data.groups[data.train] >= 0).any():
            raise InputError(
                f"The groups of all train clips are unknown for {where}. Take another group "
                "source, or fill in the attribute that it comes from."
            )
        erm = partial(train_erm, data, job.options, job.seed, where)
        kind = find_method(job.method)
        # Predictions that are drawn differ between folds, else pooled folds would repeat the draws.
        stream = np.random.SeedSequence([job.seed, fold])
        seed = job.seed if kind.trains else int(stream.generate_state(1)[0])
        with _named(where):
            method = kind(
                replace(data, train_erm=erm), torch.Generator().manual_seed(seed), **job.hyper
            )
            selection_parts(method)  # so that a fault is that of this job, not of all it joins
        weights = ModelWeights(_new_model(method, job.seed), getattr(data.features, "adapters", {}))
        self.job, self.cell = job, Cell(method, weights, job.seed, where)
        self.load_seconds = time.monotonic() - started

    def kind(self) -> Hashable | None:
        """Jobs of one kind can be trained as one; None for a job that is trained alone."""
        method = self.cell.method
        if not (method.stacks and method.trains) or self.cell.weights.adapters:
            return None
        clips = None if method.ragged else len(method.rows)
        return method.stack_key(), clips, self.job.options, bool(self.statistics)


def train_together(
    jobs: Sequence[PreparedJob], checkpoint: Checkpoint | None = None
) -> list[TrainingResult | InputError]:
    """Train one job, or several of one kind as one, and predict; see :func:`train_and_predict`.

    Returns:
        For each job its result, or what is wrong with it.
    """
    started = time.monotonic()
    progress = [TrainProgress() for _ in jobs]
    if jobs[0].cell.method.trains:
        trainer = Trainer([one.cell for one in jobs], jobs[0].job.options)
        progress = trainer.fit(checkpoint or Checkpoint())
    seconds = (time.monotonic() - started) / len(jobs)
    results: list[TrainingResult | InputError] = []
    for one, done in zip(jobs, progress, strict=True):
        try:
            results.append(_finish(one, done, seconds))
        except InputError as error:
            results.append(error)
    return results


def _finish(one: PreparedJob, done: TrainProgress, seconds: float) -> TrainingResult:
    """What follows the training of a job, which took so many seconds."""
    if done.fault:
        raise InputError(done.fault)
    method, model = one.cell.method, one.cell.weights.model
    started = time.monotonic()
    value = done.best if method.trains else None
    if method.trains and type(method).finish is not Method.finish:
        with _named(one.cell.where):
            method.finish(model)
        (value,) = Development([method]).measure(method, model)[1]
    finished = time.monotonic()
    predictions = _predict(method, model, one.job.table, one.cell.where)
    times = {
        "load": one.load_seconds,
        "train": seconds + finished - started,
        "predict": time.monotonic() - finished,
    }
    return TrainingResult(
        tensors={**one.cell.weights.copy(), **one.statistics},
        history=pl.DataFrame(done.history, HISTORY, orient="row"),
        predictions=predictions,
        best_epoch=done.best_epoch,
        selected_value=value,
        seconds={name: round(value, 3) for name, value in times.items()},
    )


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Adds the name of the run to messages of its method, which does not know it."""
    try:
        yield
    except InputError as error:
        named = (one if where in one else f"{where}: {one}" for one in error.faults)
        raise InputError(*named) from error


def _new_model(method: Method, seed: int) -> nn.Module:
    """The initial model, the same on every device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return method.build()


def train_erm(
    data: FoldData, options: TrainOptions, seed: int, where: str, epochs: int | None = None
) -> nn.Module:
    """The model of ERM after so many epochs or, with None, that of the best epoch of all.

    Raises:
        InputError: the loss is not finite.
    """
    method = ERM(data, torch.Generator().manual_seed(seed))
    weights = ModelWeights(_new_model(method, seed), {})
    options = options if epochs is None else replace(options, epochs=epochs)
    trainer = Trainer([Cell(method, weights, seed, f"ERM for {where}")], options)
    (done,) = trainer.fit(Checkpoint(), last=epochs is not None)
    if done.fault:
        raise InputError(done.fault)
    return weights.model


@torch.no_grad()
def _predict(method: Method, model: nn.Module, table: ClipTable, where: str) -> pl.DataFrame:
    """Probabilities of the development and test clips, in the table's order."""
    tested = table.frame["split"].is_in(PREDICTED)
    frame, rows = table.frame.filter(tested), torch.from_numpy(np.flatnonzero(tested.to_numpy()))
    parts = evaluation_batches(method, rows.to(method.data.targets.device))
    shares = torch.cat([method.probabilities(model, part) for part in parts]).cpu()
    bad = ~shares.isfinite().all(dim=1)
    if bad.any():
        clip = frame["clip"][int(bad.nonzero()[0])]
        raise InputError(
            f"The prediction for clip '{clip}' is not finite ({int(bad.sum())} clip(s)) with "
            f"{where}. Look for features of this clip that are NaN or of extreme size."
        )
    values = shares.numpy()
    return frame.select("clip", "split").with_columns(
        pl.Series(name, values[:, column]) for column, name in enumerate(table.classes)
    )
