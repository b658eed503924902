"""The optimisation: one loop for all methods (Interspeech 2025, appendix A)."""

from dataclasses import asdict, dataclass, field
from math import isfinite

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.extraction.inputs import MappedFeatures
from fairser.methods.base import Method
from fairser.training.checkpoints import Checkpoint

EVALUATION_BATCH = MappedFeatures.at_once  # sums of the same parts, in memory or not
ADAPTERS = "adapters."


@dataclass(frozen=True)
class Options:
    """Settings of the training, named as in the configuration's ``train``."""

    epochs: int = 50
    batch_size: int = 32
    learning_rate: float = 1e-4
    clip_norm: float | None = 1.0


class Weights:
    """All that is trained: a model, and the adapters of an encoder below it, if there are any."""

    def __init__(self, model: nn.Module, adapters: dict[str, nn.Parameter]) -> None:
        self.model, self.adapters = model, adapters

    def parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters(), *self.adapters.values()]

    def copy(self) -> dict[str, torch.Tensor]:
        """A copy of every tensor by its name, on the CPU."""
        adapters = {f"{ADAPTERS}{name}": value for name, value in self.adapters.items()}
        tensors = {**self.model.state_dict(), **adapters}
        return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`copy` gave."""
        heads = {n: tensor for n, tensor in tensors.items() if not n.startswith(ADAPTERS)}
        self.model.load_state_dict(heads)
        with torch.no_grad():
            for name, parameter in self.adapters.items():
                parameter.copy_(tensors[f"{ADAPTERS}{name}"])


@dataclass
class Progress:
    """How far a training is: epochs done, the best of them, and the loss after each.

    Attributes:
        epoch: epochs that are done.
        best: lowest loss on development.
        best_epoch: its epoch, None before there is one.
        history: epoch, loss on train, loss on development.
    """

    epoch: int = 0
    best: float = float("inf")
    best_epoch: int | None = None
    history: list[tuple[int, float, float]] = field(default_factory=list)


def fit(
    method: Method,
    weights: Weights,
    options: Options,
    seed: int,
    where: str,
    checkpoint: Checkpoint,
) -> Progress:
    """Train ``weights`` in place and leave them at their best epoch on development."""
    shuffle = torch.Generator().manual_seed(seed)
    # Adam treats each number on its own: one optimizer is as good as one for each part.
    optimizer = torch.optim.Adam(weights.parameters(), lr=options.learning_rate, fused=True)
    done, best = Progress(), weights.copy()
    if state := checkpoint.load():
        best = state["best"]
        weights.load(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        shuffle.set_state(state["shuffle"])
        method.resume(state["method"])
        done = Progress(**state["progress"])
        logger.info("%s: resumed at epoch %d", where, done.epoch + 1)
    while done.epoch < options.epochs:
        done.epoch += 1
        train_loss = _train_epoch(method, weights, optimizer, options, shuffle, done.epoch, where)
        development_loss = _development_loss(method, weights.model)
        if not isfinite(development_loss):
            raise InputError(
                f"The loss on development is not finite after epoch {done.epoch} of {where}. Lower "
                "'train.learning_rate', and look for features of extreme size."
            )
        done.history.append((done.epoch, train_loss, development_loss))
        method.end_epoch(weights.model)
        if development_loss < done.best:
            done.best, done.best_epoch = development_loss, done.epoch
            best = weights.copy()
        if done.epoch % 10 == 0 or done.epoch == options.epochs:
            report = "%s: epoch %d of %d, development loss %.4f"
            logger.info(report, where, done.epoch, options.epochs, development_loss)
        if checkpoint.due():
            checkpoint.save(
                {
                    "best": best,
                    "weights": weights.copy(),
                    "optimizer": optimizer.state_dict(),
                    "shuffle": shuffle.get_state(),
                    "method": method.state(),
                    "progress": asdict(done),
                }
            )
    weights.load(best)
    return done


def _train_epoch(
    method: Method,
    weights: Weights,
    optimizer: torch.optim.Optimizer,
    options: Options,
    shuffle: torch.Generator,
    epoch: int,
    where: str,
) -> float:
    """One pass over the train clips; returns the mean of their losses."""
    model = weights.model
    parts = [*method.parts(model)]
    if weights.adapters:
        parts[0] = [*parts[0], *weights.adapters.values()]
    steps = -(-len(method.rows) // options.batch_size)
    order = method.rows[torch.randperm(len(method.rows), generator=shuffle)]
    step = (epoch - 1) * steps
    losses = []
    for rows in order.split(options.batch_size):
        loss = method.loss(model, rows, step / (steps * options.epochs))
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
    return float(train_loss.sum()) / len(order)


@torch.no_grad()
def _development_loss(method: Method, model: nn.Module) -> float:
    """Mean class-balanced cross-entropy on development, with the train weights."""
    rows = method.data.development
    losses = [
        method.clip_losses(method.logits(model, part), part).sum()
        for part in rows.split(at_once(method))
    ]
    return float(torch.stack(losses).sum()) / len(rows)


def at_once(method: Method) -> int:
    """Clips that are predicted together."""
    return getattr(method.data.features, "at_once", EVALUATION_BATCH)
