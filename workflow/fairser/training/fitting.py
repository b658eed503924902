"""The optimisation: one loop for all methods (Interspeech 2025, appendix A)."""

from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.extraction.inputs import MappedFeatures
from fairser.methods.base import ADAPTERS, Method
from fairser.training.checkpoints import Checkpoint
from fairser.training.sampling import epoch_rows

EVALUATION_BATCH = MappedFeatures.at_once  # so that sums are the same in memory and from a file
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
    """How far a training is.

    Attributes:
        epoch: number of epochs that are done.
        best: lowest loss on development.
        best_epoch: its epoch, None before there is one.
        history: epoch, loss on train, loss on development.
    """

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int | None = None
    history: list[tuple[int, float, float]] = field(default_factory=list)


class ModelWeights:
    """All that is trained: a model, and the adapters of its encoder if there are any."""

    def __init__(self, model: nn.Module, adapters: dict[str, nn.Parameter]) -> None:
        self.model, self.adapters = model, adapters

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.adapters.values()]

    def copy(self) -> dict[str, torch.Tensor]:
        """A copy of every tensor by its name, on the CPU."""
        adapters = {f"{ADAPTERS}{name}": value for name, value in self.adapters.items()}
        tensors = {**self.model.state_dict(), **adapters}
        return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the tensors to those of a :meth:`copy`."""
        heads = {n: tensor for n, tensor in tensors.items() if not n.startswith(ADAPTERS)}
        self.model.load_state_dict(heads)
        for name, parameter in self.adapters.items():
            parameter.copy_(tensors[f"{ADAPTERS}{name}"])


class Trainer:
    """Trains weights in place, epoch by epoch, and keeps their best epoch on development.

    ``seed`` gives the order of the clips, ``where`` names the run in messages.
    """

    def __init__(
        self, method: Method, weights: ModelWeights, options: TrainOptions, seed: int, where: str
    ) -> None:
        self.method, self.weights, self.options, self.where = method, weights, options, where
        self.shuffle = torch.Generator().manual_seed(seed)
        # Adam treats each number on its own: one optimizer serves the model and the adapters.
        self.optimizer = torch.optim.Adam(
            weights.parameters(), lr=options.learning_rate, fused=True
        )
        self.progress, self.best = TrainProgress(), weights.copy()

    def fit(self, checkpoint: Checkpoint, last: bool = False) -> TrainProgress:
        """Train all epochs that are left, then set the weights to those of the best epoch.

        Args:
            checkpoint: of an interrupted training.
            last: whether to keep the weights of the last epoch instead.

        Raises:
            InputError: a loss is not finite.
        """
        if state := checkpoint.load():
            self.resume(state)
        done, epochs = self.progress, self.options.epochs
        while done.epoch < epochs:
            done.epoch += 1
            train_loss, development_loss = self._train_epoch(), self._development_loss()
            done.history.append((done.epoch, train_loss, development_loss))
            self.method.end_epoch(self.weights.model)
            if development_loss < done.best:
                done.best, done.best_epoch = development_loss, done.epoch
                self.best = self.weights.copy()
            if done.epoch % 10 == 0 or done.epoch == epochs:
                report = "%s: epoch %d of %d, development loss %.4f"
                logger.info(report, self.where, done.epoch, epochs, development_loss)
            if checkpoint.due():
                checkpoint.save(self.state())
        if not last:
            self.weights.load(self.best)
        return done

    def state(self) -> dict[str, Any]:
        """All that the next epochs depend on."""
        return {
            "best": self.best,
            "weights": self.weights.copy(),
            "optimizer": self.optimizer.state_dict(),
            "shuffle": self.shuffle.get_state(),
            "method": self.method.state_dict(),
            "progress": asdict(self.progress),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.best = state["best"]
        self.weights.load(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.shuffle.set_state(state["shuffle"])
        self.method.load_state_dict(state["method"])
        self.progress = TrainProgress(**state["progress"])
        logger.info("%s: resumed at epoch %d", self.where, self.progress.epoch + 1)

    def _train_epoch(self) -> float:
        """One pass over the train clips; the mean of their losses."""
        options, method, model = self.options, self.method, self.weights.model
        parts = list(method.parts(model))
        parts[0] = [*parts[0], *self.weights.adapters.values()]
        order = epoch_rows(method, self.shuffle)
        batches = order.split(options.batch_size)
        start = (self.progress.epoch - 1) * len(batches)
        losses = []
        for step, rows in enumerate(batches, start):
            loss = method.loss(model, rows, step / (len(batches) * options.epochs))
            self.optimizer.zero_grad()
            loss.backward()
            if options.clip_norm is not None:
                for part in parts:
                    nn.utils.clip_grad_norm_(part, options.clip_norm)
            self.optimizer.step()
            losses.append(loss.detach() * len(rows))
        train_loss = torch.stack(losses)
        bad = ~train_loss.isfinite()
        if bad.any():
            raise InputError(
                f"The loss is not finite at step {start + int(bad.nonzero()[0])} (epoch "
                f"{self.progress.epoch}) of {self.where}. {ADVICE}"
            )
        return float(train_loss.sum()) / len(order)

    @torch.no_grad()
    def _development_loss(self) -> float:
        """Mean class-balanced cross-entropy on development, with the class weights of train."""
        method, rows = self.method, self.method.data.development
        losses = [
            method.clip_losses(method.logits(self.weights.model, part), part).sum()
            for part in evaluation_batches(method, rows)
        ]
        loss = float(torch.stack(losses).sum()) / len(rows)
        if not isfinite(loss):
            raise InputError(
                f"The loss on development is not finite after epoch {self.progress.epoch} of "
                f"{self.where}. {ADVICE}"
            )
        return loss


def evaluation_batches(method: Method, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The rows in parts whose logits are computed together."""
    return rows.split(getattr(method.data.features, "at_once", EVALUATION_BATCH))
