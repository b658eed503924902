"""Milliseconds of an optimisation step on pooled features, beside the bare floor of the same run.

    python tests/bench/step.py [--layers 13] [--dim 768] [--batch 32] [--steps 500]

One core. *Floor*: what no implementation avoids when it touches each number once: gathering the
batch, the weighted layer sum and its gradient, the three matrix products of the first linear
layer. *Plain*: the same head with an ordinary gather and einsum, fused Adam, gradient clipping.
*fair-ser*: the project's own loop, a whole training over its number of steps.
The three are timed in turn, several rounds; the table holds medians.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.methods.base import FoldData
from fairser.methods.erm import ERM
from fairser.methods.head import HIDDEN
from fairser.methods.losses import clip_losses
from fairser.training.checkpoints import Checkpoint
from fairser.training.fitting import ModelWeights, Trainer, TrainOptions

CLASSES = 6
ROUNDS = 7


class PlainHead(nn.Module):
    def __init__(self, layers: int, dim: int) -> None:
        super().__init__()
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.first, self.second = nn.Linear(dim, HIDDEN), nn.Linear(HIDDEN, CLASSES)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        shares = self.layer_weights.softmax(dim=0)
        return self.second(self.first(torch.einsum("l,bld->bd", shares, batch)))


def time_steps(step: Callable[[torch.Tensor], object], batches: list[torch.Tensor]) -> float:
    """Milliseconds per step."""
    start = time.perf_counter()
    for rows in batches:
        step(rows)
    return (time.perf_counter() - start) / len(batches) * 1000


def make_floor(features: torch.Tensor) -> Callable[[torch.Tensor], object]:
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


def make_plain(data: FoldData, weights: torch.Tensor) -> Callable[[torch.Tensor], object]:
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("clips", 1776), ("layers", 13), ("dim", 768), ("batch", 32)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--steps", type=int, default=500, help="steps per round")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    clips = options.clips + 1
    rows = torch.arange(clips)
    data = FoldData(
        features=torch.randn(clips, options.layers, options.dim),
        targets=torch.randn(clips, CLASSES).softmax(dim=1),
        majority=torch.zeros(clips, dtype=torch.int64),
        train=rows[:-1],
        development=rows[-1:],  # one clip: the epoch's evaluation costs next to nothing
        test=rows[-1:],
    )
    method = ERM(data, torch.Generator())
    batches = [torch.randint(0, options.clips, (options.batch,)) for _ in range(options.steps)]
    floor, plain = make_floor(data.features), make_plain(data, method.weights)
    epochs = max(1, options.steps * options.batch // options.clips)
    steps = epochs * -(-options.clips // options.batch)
    times: dict[str, list[float]] = {"floor": [], "plain": [], "fair-ser": []}
    for _ in range(ROUNDS):
        times["floor"].append(time_steps(floor, batches))
        times["plain"].append(time_steps(plain, batches))
        weights = ModelWeights(method.build(), {})
        trainer = Trainer(method, weights, TrainOptions(epochs, options.batch), 0, "benchmark")
        start = time.perf_counter()
        trainer.fit(Checkpoint())
        times["fair-ser"].append((time.perf_counter() - start) / steps * 1000)
    ratio = {
        name: statistics.median(t / f for t, f in zip(values, times["floor"], strict=True))
        for name, values in times.items()
    }
    print(f"{options.layers} x {options.dim}, batch {options.batch}, torch {torch.__version__}")
    print("| loop | ms per step | times the floor |\n|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {statistics.median(values):.2f} | {ratio[name]:.2f} |")


if __name__ == "__main__":
    main()
