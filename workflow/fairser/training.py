"""Training and prediction: one loop for all methods (Interspeech 2025, appendix A)."""

import time
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from fairser.corpora.clips import SPLITS, ClipTable
from fairser.encoders.store import FeatureStore, train_statistics
from fairser.errors import InputError
from fairser.groups import encode_groups
from fairser.jobs import logger
from fairser.methods.base import FoldData, Method, find_method

PREDICTED = ("development", "test")
EVALUATION_BATCH = 4096
STAGES = ("load", "train", "predict")


@dataclass(frozen=True)
class Options:
    """Settings of the training, named as in the configuration's ``train``."""

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-4
    clip_norm: float | None = 1.0


@dataclass(frozen=True)
class Run:
    """What a training run leaves behind.

    Attributes:
        tensors: parameters of the best model, and ``features.mean`` and ``features.std``
            [L, D] where the features were standardised.
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


def load_fold(
    table: ClipTable,
    store: FeatureStore,
    standardise: bool,
    grouping: pl.DataFrame | None = None,
) -> tuple[FoldData, dict[str, torch.Tensor]]:
    """One fold's clips in memory, and the statistics that its features were standardised with.

    Args:
        table: the (biased) clip table of one fold, sorted as rows are to be numbered.
        store: features of all clips.
        standardise: whether to give each feature mean 0 and standard deviation 1 over train;
            a feature that is constant there is only centred.
        grouping: groups of the fold's clips (:mod:`fairser.groups`), None for the source none.

    Raises:
        InputError: the features lack clips, or the groups are those of another split.
    """
    frame = table.frame
    array = store.array[store.rows(frame["clip"])].astype(np.float32)
    rows = {
        split: torch.from_numpy(np.flatnonzero((frame["split"] == split).to_numpy()))
        for split in SPLITS
    }
    statistics = {}
    if standardise:
        mean, std = train_statistics(array[rows["train"].numpy()])
        with np.errstate(invalid="ignore", over="ignore"):
            array = ((array - mean) / std).astype(np.float32)
        statistics = {
            "features.mean": torch.from_numpy(mean.astype(np.float32)),
            "features.std": torch.from_numpy(std.astype(np.float32)),
        }
    classes = pl.Series("class", table.classes)
    index = frame["majority"].replace_strict(classes, range(len(classes)), default=-1)
    data = FoldData(
        features=torch.from_numpy(array),
        targets=torch.from_numpy(frame.select(table.classes).to_numpy().astype(np.float32)),
        majority=torch.from_numpy(index.cast(pl.Int64).to_numpy().copy()),
        **rows,
        **_load_groups(grouping, frame),
    )
    return data, statistics


def _load_groups(grouping: pl.DataFrame | None, frame: pl.DataFrame) -> dict[str, torch.Tensor]:
    """The group fields of :class:`FoldData` for the rows of a fold."""
    if grouping is None:
        return {}
    ordered = frame.select("clip").join(grouping, on="clip", how="left", maintain_order="left")
    if ordered["split"].null_count():
        lost = ordered.filter(pl.col("split").is_null())["clip"][0]
        raise InputError(f"The groups lack clip '{lost}'; make them again from this split.")
    numbers, shares = encode_groups(ordered)
    fields = {"groups": torch.from_numpy(numbers)}
    if shares is not None:
        fields["probabilities"] = torch.from_numpy(shares)
    return fields


def train_and_predict(
    name: str,
    table: ClipTable,
    store: FeatureStore,
    standardise: bool,
    options: Options,
    seed: int,
    grouping: pl.DataFrame | None = None,
    hyper: dict[str, Any] | None = None,
) -> Run:
    """Train a method on one fold and predict its development and test clips.

    The same seed gives the same initial head and the same order of batches to every method, so
    that methods differ by what they do, not by the draw.

    Args:
        name: of the method.
        table: biased clip table of the fold.
        store: features of all clips.
        standardise: see :func:`load_fold`.
        options: settings of the training.
        seed: of initial weights, batch order and the method's own draws.
        grouping: groups of the fold's clips, for methods that use them.
        hyper: hyper-parameters of the method that are not at their defaults.

    Raises:
        InputError: the loss is not finite, the features lack clips, or no train clip is left.
    """
    times = [time.monotonic()]
    data, statistics = load_fold(table, store, standardise, grouping)
    times.append(time.monotonic())
    where = f"method {name}, fold {table.frame['fold'][0]}, seed {seed}"
    if data.groups is not None and not (data.groups[data.train] >= 0).any():
        raise InputError(
            f"Nothing to go by for {where}: the groups of all train clips are unknown. Take "
            "another group source, or fill in the attribute that it comes from."
        )
    kind = find_method(name)
    method = kind(data, torch.Generator().manual_seed(seed), kind.Options(**(hyper or {})))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = method.build()
    history: list[tuple[int, float, float]] = []
    best_epoch = None
    if method.trains:
        history, best_epoch = _fit(method, model, options, seed, where)
    times.append(time.monotonic())
    predictions = _predict(method, model, table, where)
    times.append(time.monotonic())
    schema = {"epoch": pl.Int64, "train_loss": pl.Float64, "development_loss": pl.Float64}
    return Run(
        tensors={**model.state_dict(), **statistics},
        history=pl.DataFrame(history, schema, orient="row"),
        predictions=predictions,
        best_epoch=best_epoch,
        seconds={
            name: round(end - start, 3)
            for name, start, end in zip(STAGES, times, times[1:], strict=False)
        },
    )


def _fit(
    method: Method,
    model: nn.Module,
    options: Options,
    seed: int,
    where: str,
) -> tuple[list[tuple[int, float, float]], int]:
    """Train ``model`` in place and leave it at its best epoch on development."""
    shuffle = torch.Generator().manual_seed(seed)
    # Adam treats each number on its own: one optimizer is as good as one for each part.
    optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate, fused=True)
    parts = method.parts(model)
    total = options.epochs * -(-len(method.rows) // options.batch_size)
    history: list[tuple[int, float, float]] = []
    best, best_epoch, step = float("inf"), 0, 0
    state = model.state_dict()
    for epoch in range(1, options.epochs + 1):
        order = method.rows[torch.randperm(len(method.rows), generator=shuffle)]
        losses = []
        for rows in order.split(options.batch_size):
            loss = method.loss(model, rows, step / total)
            optimizer.zero_grad()
            loss.backward()
            if options.clip_norm is not None:
                for part in parts:
                    nn.utils.clip_grad_norm_(part, options.clip_norm)
            optimizer.step()
            losses.append(loss.detach() * len(rows))
            step += 1
        train_loss = torch.stack(losses)
        if not train_loss.isfinite().all():
            first = step - len(losses) + int((~train_loss.isfinite()).nonzero()[0])
            raise InputError(
                f"The loss is not finite at step {first} (epoch {epoch}) of {where}. Lower "
                "'train.learning_rate', and look for features of extreme size."
            )
        development_loss = _development_loss(method, model)
        if not isfinite(development_loss):
            raise InputError(
                f"The loss on development is not finite after epoch {epoch} (step {step}) of "
                f"{where}. Lower 'train.learning_rate', and look for features of extreme size."
            )
        history.append((epoch, float(train_loss.sum()) / len(order), development_loss))
        if development_loss < best:
            best, best_epoch = development_loss, epoch
            state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        if epoch % 10 == 0 or epoch == options.epochs:
            logger.info(
                "%s: epoch %d of %d, development loss %.4f",
                where,
                epoch,
                options.epochs,
                development_loss,
            )
    model.load_state_dict(state)
    return history, best_epoch


@torch.no_grad()
def _development_loss(method: Method, model: nn.Module) -> float:
    """Mean class-balanced cross-entropy on development, with the train weights."""
    rows = method.data.development
    losses = [
        method.clip_losses(method.logits(model, part), part).sum()
        for part in rows.split(EVALUATION_BATCH)
    ]
    return float(torch.stack(losses).sum()) / len(rows)


@torch.no_grad()
def _predict(method: Method, model: nn.Module, table: ClipTable, where: str) -> pl.DataFrame:
    """Probabilities softmax(z) of the development and test clips, in the table's order."""
    frame = table.frame.with_row_index("number").filter(pl.col("split").is_in(PREDICTED))
    rows = torch.from_numpy(frame["number"].cast(pl.Int64).to_numpy().copy())
    logits = torch.cat([method.logits(model, part) for part in rows.split(EVALUATION_BATCH)])
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
