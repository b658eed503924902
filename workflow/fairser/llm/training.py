"""The training of the adapters: ERM, and ERM with the weighted largest gap (MinMaxGAP)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, isnan
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.core.jobs import Progress, logger
from fairser.evaluation.metrics import or_none
from fairser.llm.adapters import trainable
from fairser.llm.clips import Clips, batches
from fairser.llm.gaps import GapTracker
from fairser.llm.objective import Objective
from fairser.llm.scoring import Pass, score
from fairser.methods import loss_gap
from fairser.training.checkpoints import Checkpoint

ERM = loss_gap.Options.of(weighting="fixed", lambda_0=0.0)


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of the training, as in ``llm.train``; the defaults are choices of this project."""

    rounds: int = 3  # passes over train; lambda is updated after each
    batch_size: int = 24  # clips of a step
    micro_batch: int = 4  # clips at once in the model; changes dropout's draws, else rounding alone
    learning_rate: float = 1e-4  # of AdamW, constant, without weight decay
    clip_norm: float | None = 1.0  # largest norm of the gradient; None for no limit
    select: Literal["w_f1", "gap"] = "w_f1"  # the best round on development by this is kept
    checkpoint_steps: int = 50  # between two checkpoints


@dataclass(frozen=True)
class Plan:
    """What a training does."""

    options: TrainingOptions
    gap: loss_gap.Options  # of the regulariser; :data:`ERM` has none
    seed: int  # of batches and dropout
    where: str  # name of the run in messages
    rule: str = "sum"  # see :func:`fairser.llm.scoring.score`


@dataclass
class TrainingProgress:
    """The state of a training."""

    weight: float  # lambda of the current round
    round: int = 0  # rounds that are done
    step: int = 0  # steps of the current round that are done: the state of the sampler
    best: float = float("-inf")  # value of the best round so far, larger is better
    best_round: int | None = None
    loss: float = 0.0  # sum of the losses of the round's clips
    gap: float = 0.0  # sum of the gaps of the round's steps
    chance: float = 0.0  # sum of their expectations without any gap
    gaps: int = 0  # steps with a gap
    history: list[dict[str, float | int | None]] = field(default_factory=list)  # a row per round


class Trainer:
    """Trains the adapters of a model in place; development determines lambda and the best round."""

    def __init__(self, llm: Any, train: Clips, development: Clips, plan: Plan) -> None:
        self.llm, self.train, self.development, self.plan = llm, train, development, plan
        self.options, self.adapters = plan.options, trainable(llm.model)
        parameters = list(self.adapters.values())
        self.gaps = GapTracker(train, plan.gap)
        self.objective = Objective(llm, train, parameters, self.options.micro_batch, self.gaps)
        rate = self.options.learning_rate
        self.optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
        self.done = TrainingProgress(weight=plan.gap.lambda_0)
        self.best = self.copy()

    def copy(self) -> dict[str, torch.Tensor]:
        """A copy of the adapters by name, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.adapters.items()}

    @torch.no_grad()
    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Set the adapters to what :meth:`copy` gave."""
        for name, value in self.adapters.items():
            value.copy_(tensors[name])

    def fit(self, checkpoint: Checkpoint) -> None:
        """Train, from the checkpoint if it holds a state; leave the adapters of the best round.

        Raises:
            InputError: the loss is not finite.
        """
        if state := checkpoint.load():
            self.load(state["adapters"])
            self.best = state["best"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.gaps.load(state["gaps"])
            self.done = TrainingProgress(**state["progress"])
            report = "%s: resumed at round %d, step %d"
            logger.info(report, self.plan.where, self.done.round + 1, self.done.step + 1)
        while self.done.round < self.options.rounds:
            self._round(checkpoint)
            self._close(self.develop())
            self._save(checkpoint)
        self.load(self.best)

    def develop(self) -> Pass:
        """A full pass over development."""
        self.llm.model.eval()
        size = 2 * self.options.micro_batch
        return score(self.llm, self.development, size, self.plan.rule, "development clips")

    def frame(self) -> pl.DataFrame:
        """The history of the training, a row per round.

        ``round``, ``weight`` (lambda), ``train_loss``, ``train_gap`` (the estimate in the
        objective, mean over the steps), ``development_loss``, ``development_gap`` (Delta_dev), each
        gap with its expectation without any gap (``_chance``, :mod:`fairser.llm.gaps`), ``gap_`` of
        each language, and ``w_f1``, ``acc``, ``avg_gap`` on development.
        """
        return pl.DataFrame(self.done.history, infer_schema_length=None)

    def _round(self, checkpoint: Checkpoint) -> None:
        done = self.done
        parts = batches(self.train.strata, self.options.batch_size, self.plan.seed, done.round)
        self.llm.model.train()
        coming = (self.objective.parts(rows, done.weight) for rows in parts[done.step :])
        self.llm.expect(self.train, (part for step in coming for part in step))
        with Progress(len(parts), "steps") as bar:
            bar.add(done.step)
            for rows in parts[done.step :]:
                # The dropout of a step depends on its number alone, so a resumed training repeats
                # it.
                step = np.random.SeedSequence([self.plan.seed, done.round, done.step])
                torch.manual_seed(int(step.generate_state(1)[0]))
                self._step(rows)
                done.step += 1
                bar.add(1)
                if done.step % self.options.checkpoint_steps == 0:
                    self._save(checkpoint)

    def _step(self, rows: Sequence[int]) -> None:
        self.optimizer.zero_grad()
        step = self.objective.gradient(rows, self.done.weight)
        if not step.losses.isfinite().all():
            raise self._not_finite("loss", f", step {self.done.step + 1}")
        if self.options.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.adapters.values(), self.options.clip_norm)
        self.optimizer.step()
        self.done.loss += float(step.losses.sum())
        if not isnan(step.gap):
            self.done.gap += step.gap
            self.done.chance += step.chance
            self.done.gaps += 1

    def _close(self, found: Pass) -> None:
        """End a round: record it, keep the best adapters, update lambda."""
        done, measures = self.done, found.measures()
        if not isfinite(found.loss):
            raise self._not_finite("loss on development")
        done.round, done.step = done.round + 1, 0
        row: dict[str, float | int | None] = {
            "round": done.round,
            "weight": done.weight,
            "train_loss": done.loss / len(self.train),
            "train_gap": done.gap / done.gaps if done.gaps else None,
            "train_gap_chance": done.chance / done.gaps if done.gaps else None,
            "development_loss": found.loss,
            "development_gap": or_none(found.gap),
            "development_gap_chance": or_none(found.chance),
        }
        gaps = map(or_none, found.gaps.tolist())
        row |= dict(zip((f"gap_{n}" for n in self.train.languages), gaps, strict=True))
        done.history.append(row | {name: measures[name] for name in ("w_f1", "acc", "avg_gap")})
        value = measures["w_f1"] if self.options.select == "w_f1" else -(or_none(found.gap) or 0.0)
        if value > done.best:
            done.best, done.best_round, self.best = value, done.round, self.copy()
        logger.info("%s: %s", self.plan.where, row)
        done.weight = self.plan.gap.updated(done.weight, found.gap)
        done.loss, done.gap, done.chance, done.gaps = 0.0, 0.0, 0.0, 0

    def _save(self, checkpoint: Checkpoint) -> None:
        state = {"adapters": self.copy(), "best": self.best, "progress": asdict(self.done)}
        state |= {"optimizer": self.optimizer.state_dict()}
        checkpoint.save({**state, "gaps": self.gaps.state()})

    def _not_finite(self, what: str, step: str = "") -> InputError:
        return InputError(
            f"The {what} is not finite in round {self.done.round + 1}{step} of {self.plan.where}. "
            "Lower 'llm.train.learning_rate'."
        )
