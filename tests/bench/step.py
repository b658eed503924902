"""Milliseconds of an optimisation step on pooled features, beside a lower bound.

    python tests/bench/step.py [--clips 1776] [--layers 13] [--dim 768] [--batch 32] [--steps 500]
        [--cells 8]

It uses one core. *Floor* is what no implementation avoids when it touches each number once:
gathering the batch, the weighted layer sum and its gradient, the three matrix products of the first
linear layer. *Plain* is the same head with gather, einsum, fused Adam and gradient clipping.
*fair-ser* is the project's own training of one cell, and of several cells as one, where a step is
that of one cell. Cells of one seed, such as those of a fold's methods, have the same batches;
others have their own. They are timed in turn; the table has medians over the rounds.
"""

import statistics
from collections.abc import Callable, Sequence

import torch
from shared.measuring import Parser, Row, Table, in_turn, paired_ratio, seconds_of
from torch import nn

from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.head import HIDDEN
from fairser.methods.losses import clip_losses
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import Cell, ModelWeights, Trainer, TrainOptions

CLASSES = 6
SMALLEST = {"clips": 64, "layers": 2, "dim": 16, "batch": 8, "steps": 8, "rounds": 1, "cells": 2}
Step = Callable[[torch.Tensor], object]


def parser() -> Parser:
    sizes = {"clips": 1776, "layers": 13, "dim": 768, "batch": 32, "steps": 500, "rounds": 7}
    sizes |= {"cells": 8}
    return Parser(__file__, __doc__, SMALLEST, **sizes)


class PlainHead(nn.Module):
    def __init__(self, layers: int, dim: int) -> None:
        super().__init__()
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.first, self.second = nn.Linear(dim, HIDDEN), nn.Linear(HIDDEN, CLASSES)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        shares = self.layer_weights.softmax(dim=0)
        return self.second(self.first(torch.einsum("l,bld->bd", shares, batch)))


def make_floor(features: torch.Tensor) -> Step:
    layers, dim = features.shape[1:]
    shares, weight = torch.full((layers,), 1 / layers), torch.randn(HIDDEN, dim)

    def step(rows: torch.Tensor) -> object:
        batch = features[rows]
        pooled = torch.einsum("l,bld->bd", shares, batch)
        hidden = pooled @ weight.T
        gradient = hidden.T @ pooled  # of the weight, with the output as its own gradient
        back = hidden @ weight
        return gradient, torch.einsum("bd,bld->l", back, batch)

    return step


def make_plain(data: FoldData, weights: torch.Tensor) -> Step:
    model = PlainHead(*data.features.shape[1:])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)

    def step(rows: torch.Tensor) -> object:
        loss = clip_losses(model(data.features[rows]), data.targets[rows], weights).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def random_fold(clips: int, layers: int, dim: int) -> FoldData:
    rows = torch.arange(clips + 1)
    return FoldData(
        features=torch.randn(len(rows), layers, dim),
        targets=torch.randn(len(rows), CLASSES).softmax(dim=1),
        majority=torch.zeros(len(rows), dtype=torch.int64),
        train=rows[:-1],
        development=rows[-1:],  # one clip, so that the evaluation takes almost no time
        test=rows[-1:],
    )


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = random_fold(options.clips, options.layers, options.dim)
    method = ERM(data, torch.Generator())
    batches = [torch.randint(0, options.clips, (options.batch,)) for _ in range(options.steps)]
    epochs = max(1, options.steps * options.batch // options.clips)
    steps = epochs * -(-options.clips // options.batch)

    def per_step(step: Step) -> Callable[[], float]:
        return lambda: seconds_of(lambda: [step(rows) for rows in batches]) / len(batches)

    def training(*seeds: int) -> Callable[[], float]:
        def run() -> float:
            cells = [
                Cell(method, ModelWeights(method.build(), {}), seed, "benchmark") for seed in seeds
            ]
            trainer = Trainer(cells, TrainOptions(epochs, options.batch))
            return seconds_of(lambda: trainer.fit(Checkpoint())) / steps / len(seeds)

        return run

    times = in_turn(
        options.rounds,
        {
            "floor": per_step(make_floor(data.features)),
            "plain": per_step(make_plain(data, method.weights)),
            "fair-ser": training(0),
            f"fair-ser, {options.cells} cells": training(*range(options.cells)),
            f"fair-ser, {options.cells} cells of one seed": training(*[0] * options.cells),
        },
    )
    table = Table({"loop": "", "ms per step": ".2f", "times the floor": ".2f", "speed-up": ".2f"})
    for name, values in times.items():
        ratio = paired_ratio(values, times["floor"])
        faster = paired_ratio(times["plain"], values)
        table.add(name, 1000 * statistics.median(values), ratio, faster)
    return table.rows


if __name__ == "__main__":
    main()
