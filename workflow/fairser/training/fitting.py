"""The optimisation: one loop for all methods (Interspeech 2025, appendix A)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from math import isfinite
from typing import Any

import torch
from torch import nn

from fairser.core.jobs import logger
from fairser.methods.base import ADAPTERS, Method, stack
from fairser.methods.head import stack_models
from fairser.methods.optimizers import Adam
from fairser.training.checkpoints import Checkpoint
from fairser.training.graphs import StepGraphs
from fairser.training.sampling import Sampler, draw_epoch
from fairser.training.selection import Development

ADVICE = "Lower 'train.learning_rate', and look for features of extreme size."


@dataclass(frozen=True)
class TrainOptions:
    """Settings of the training, named as in the configuration's ``train``."""

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-4
    clip_norm: float | None = 1.0


@dataclass
class TrainProgress:
    """How far the training of a cell is.

    Attributes:
        epoch: number of epochs that are done.
        best: lowest value on development by the method's rule (:mod:`fairser.training.selection`).
        best_epoch: its epoch, None before there is one.
        history: epoch, loss on train, loss on development, value by the rule.
        fault: why it could not go on, None as long as it can.
    """

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int | None = None
    history: list[tuple[int, float, float, float]] = field(default_factory=list)
    fault: str | None = None


class ModelWeights:
    """All that is trained: a model, and the adapters of its encoder if there are any."""

    def __init__(self, model: nn.Module, adapters: dict[str, nn.Parameter]) -> None:
        self.model, self.adapters = model, adapters

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.adapters.values()]

    def tensors(self) -> dict[str, torch.Tensor]:
        """Every tensor by its name."""
        adapters = {f"{ADAPTERS}{name}": value for name, value in self.adapters.items()}
        return {**self.model.state_dict(), **{n: a.detach() for n, a in adapters.items()}}

    def copy(self) -> dict[str, torch.Tensor]:
        """A copy of every tensor by its name, on the CPU."""
        return {name: tensor.cpu().clone() for name, tensor in self.tensors().items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the tensors to those of a :meth:`copy`."""
        heads = {n: tensor for n, tensor in tensors.items() if not n.startswith(ADAPTERS)}
        self.model.load_state_dict(heads)
        for name, parameter in self.adapters.items():
            parameter.copy_(tensors[f"{ADAPTERS}{name}"])


@dataclass(frozen=True)
class Cell:
    """What is trained in one cell of the grid.

    Attributes:
        method: of the cell.
        weights: trained in place.
        seed: gives the order of the clips.
        where: names the run in messages.
    """

    method: Method
    weights: ModelWeights
    seed: int
    where: str


class Trainer:
    """Trains one cell, or several of one kind as one, and keeps the best epoch of each.

    Several must have the same :meth:`Method.stack_key` and no adapters and, unless the method is
    ragged, the same number of train clips. Each is trained as it would be alone, up to the order of
    sums.
    """

    def __init__(self, cells: Sequence[Cell], options: TrainOptions) -> None:
        self.cells, self.options = cells, options
        self.samplers = [Sampler(cell.method, cell.seed) for cell in cells]
        self.development = Development([cell.method for cell in cells])
        self.progress = [TrainProgress() for _ in cells]
        self.method, self.weights = cells[0].method, cells[0].weights
        self.stacked = len(cells) > 1
        if self.stacked:
            self.method = stack([cell.method for cell in cells])
            models = [cell.weights.model for cell in cells]
            self.weights = ModelWeights(stack_models(models), {})
        self.counts = [len(sampler.rows) for sampler in self.samplers]
        # Adam treats each number on its own: one optimizer serves all cells, and the adapters.
        # Where cells have different numbers of batches, it has the parameters of each cell apart.
        self.own: list[list[nn.Parameter]] = []
        if len(set(self.counts)) > 1:
            parts = list(self.weights.model.parameters())
            self.own = [[nn.Parameter(p.data[c]) for p in parts] for c in range(len(cells))]
        trained = [one for cell in self.own for one in cell] or self.weights.parameters()
        features = self.method.data.features
        static = self.method.static and isinstance(features, torch.Tensor) and features.is_cuda
        self.graphs = StepGraphs() if static else None
        self.optimizer = Adam(trained, lr=options.learning_rate, fused=True, capturable=static)
        self.best = {name: tensor.clone() for name, tensor in self.weights.tensors().items()}

    def fit(self, checkpoint: Checkpoint, last: bool = False) -> list[TrainProgress]:
        """Train all epochs that are left, then set the weights to those of each best epoch.

        A cell whose loss is not finite is given up; the others go on.

        Args:
            checkpoint: of an interrupted training.
            last: whether to keep the weights of the last epoch instead.
        """
        if state := checkpoint.load():
            self.resume(state)
        epochs = self.options.epochs
        for epoch in range(self.progress[0].epoch + 1, epochs + 1):
            self._run_epoch(epoch)
            if all(done.fault for done in self.progress):
                break
            if epoch % 10 == 0 or epoch == epochs:
                for cell, done in zip(self.cells, self.progress, strict=True):
                    if not done.fault:
                        report = "%s: epoch %d of %d, development loss %.4f"
                        logger.info(report, cell.where, epoch, epochs, done.history[-1][2])
            if checkpoint.due():
                checkpoint.save(self.state())
        kept = self.weights.tensors() if last else self.best
        for number, cell in enumerate(self.cells):
            own = {n: tensor[number] for n, tensor in kept.items()} if self.stacked else kept
            cell.weights.load(own)
        return self.progress

    def state(self) -> dict[str, Any]:
        """All that the next epochs depend on."""
        return {
            "best": self.best,
            "weights": self.weights.copy(),
            "optimizer": self.optimizer.state_dict(),
            "samplers": [sampler.generator.get_state() for sampler in self.samplers],
            "method": self.method.state_dict(),
            "progress": [asdict(done) for done in self.progress],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        for name, tensor in self.best.items():
            tensor.copy_(state["best"][name])
        self.weights.load(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        for sampler, own in zip(self.samplers, state["samplers"], strict=True):
            sampler.generator.set_state(own)
        self.method.load_state_dict(state["method"])
        self.progress = [TrainProgress(**done) for done in state["progress"]]
        for cell, done in zip(self.cells, self.progress, strict=True):
            logger.info("%s: resumed at epoch %d", cell.where, done.epoch + 1)

    def _run_epoch(self, epoch: int) -> None:
        """Train one epoch, and keep the weights of the cells that it made better."""
        train = self._train_epoch(epoch)
        development, values = self.development.measure(self.method, self.weights.model)
        self.method.end_epoch(self.weights.model)
        better = []
        for number, (done, losses, loss, value) in enumerate(
            zip(self.progress, train, development, values, strict=True)
        ):
            clips = self.counts[number]
            done.epoch = epoch
            done.fault = done.fault or self._fault(number, epoch, losses, loss)
            if done.fault:
                continue
            done.history.append((epoch, sum(losses) / clips, loss, value))
            if value < done.best:
                done.best, done.best_epoch = value, epoch
                better.append(number)
        for name, tensor in self.weights.tensors().items():
            if not self.stacked and better:
                self.best[name].copy_(tensor)
            for number in better if self.stacked else []:
                self.best[name][number].copy_(tensor[number])

    def _fault(self, number: int, epoch: int, losses: list[float], loss: float) -> str | None:
        """What is wrong with the losses of a cell's batches, or with that on development."""
        where = self.cells[number].where
        for step, value in enumerate(losses, (epoch - 1) * len(losses)):
            if not isfinite(value):
                return f"The loss is not finite at step {step} (epoch {epoch}) of {where}. {ADVICE}"
        if not isfinite(loss):
            return f"The loss on development is not finite after epoch {epoch} of {where}. {ADVICE}"
        return None

    def _train_epoch(self, epoch: int) -> list[list[float]]:
        """One pass over the train clips; for each cell the summed loss of each batch."""
        options, method, model = self.options, self.method, self.weights.model
        parts = [list(part) for part in method.parts(model)]
        parts[0] += self.weights.adapters.values()
        # All batches are on the device before the first step: none waits for it.
        order = draw_epoch(self.samplers).to(method.data.targets.device)
        batches = order.split(options.batch_size, dim=-1)
        start, steps = (epoch - 1) * len(batches), len(batches) * options.epochs

        def take(rows: torch.Tensor, progress: float, there: Sequence[bool]) -> torch.Tensor:
            """A step; the summed loss of each cell."""
            loss = method.loss(model, rows, progress)
            for parameter in self.weights.parameters():
                parameter.grad = None
            loss.sum().backward()
            if options.clip_norm is not None:
                for part in parts:
                    clip_gradients(part, options.clip_norm, self.stacked)
            if self.own:
                self._give_gradients(there)
            self.optimizer.step()
            return loss.detach().reshape(-1) * (rows >= 0).sum(dim=-1)

        losses = []
        for step, rows in enumerate(batches, start):
            seen = (step - start) * options.batch_size
            there = tuple(count > seen for count in self.counts)
            run = partial(take, progress=step / steps, there=there)
            if self.graphs:
                losses.append(self.graphs((rows.shape, there), run, rows.contiguous()))
            else:
                losses.append(run(rows.contiguous()))
        by_cell: list[list[float]] = torch.stack(losses, dim=1).tolist()
        return by_cell

    def _give_gradients(self, there: Sequence[bool]) -> None:
        """Give each cell its gradients, and none to those that had all their clips before."""
        for number, own in enumerate(self.own):
            for one, whole in zip(own, self.weights.model.parameters(), strict=True):
                given = there[number] and whole.grad is not None
                one.grad = whole.grad[number] if given and whole.grad is not None else None


def clip_gradients(parameters: Sequence[nn.Parameter], most: float, stacked: bool) -> None:
    """Scale gradients in place whose norm over all parameters is larger than ``most``.

    Args:
        parameters: those without a gradient are left out.
        most: the largest norm.
        stacked: whether the first axis of each is that of cells, which are scaled one by one.
    """
    gradients = [one.grad for one in parameters if one.grad is not None]
    place = gradients[0].device  # an encoder with adapters may be on another than its head
    flat = [one.flatten(start_dim=int(stacked)) for one in gradients]
    norms = torch.stack([torch.linalg.vector_norm(one, dim=-1).to(place) for one in flat])
    factors = (most / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp_max(1.0)
    for one in gradients:
        own = factors.view(-1, *[1] * (one.ndim - 1)) if stacked else factors
        one.mul_(own.to(one.device))
