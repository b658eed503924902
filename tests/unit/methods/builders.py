"""Folds of a few clips in memory, and models whose losses are known beforehand."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from fairser.methods.base import FoldData
from fairser.methods.head import Head


def fold(
    classes: Sequence[int],
    groups: Sequence[int] | None = None,
    probabilities: Sequence[Sequence[float]] | None = None,
    train: Sequence[int] | None = None,
    count: int = 2,
    dim: int = 4,
) -> FoldData:
    """A fold with random features [N, 2, dim] whose clips all are for one class.

    Args:
        classes: class of each clip, from 0; -1 for a clip with even labels.
        groups: number of each clip's group, -1 where unknown.
        probabilities: of the groups.
        train: rows of the train clips, all by default; development and test are all rows.
        count: number of classes.
        dim: of the features.
    """
    majority = torch.tensor(classes)
    hot = nn.functional.one_hot(majority.clamp_min(0), count).float()
    rows = torch.arange(len(classes))
    return FoldData(
        features=torch.randn(len(classes), 2, dim, generator=torch.Generator().manual_seed(1)),
        targets=torch.where((majority >= 0)[:, None], hot, 1 / count),
        majority=majority,
        train=rows if train is None else torch.tensor(train),
        development=rows,
        test=rows,
        groups=None if groups is None else torch.tensor(groups),
        probabilities=None if probabilities is None else torch.tensor(probabilities),
    )


def soft_fold(seed: int = 0, groups: int = 3, clips: int = 60) -> FoldData:
    """A fold in float64 with soft labels of three classes; some clips have no class or no group.

    Two thirds of the clips are train. ERM's model is a head with random weights.

    Args:
        seed: of the groups; all else is the same.
        groups: their number.
        clips: their number.
    """
    random = np.random.default_rng(7)
    targets = torch.from_numpy(random.dirichlet([0.4] * 3, clips))
    top, majority = targets.max(dim=1)
    data = fold(
        torch.where(top > 0.5, majority, -1).tolist(),
        np.random.default_rng(seed).integers(-1, groups, clips).tolist(),
        train=list(range(clips * 2 // 3)),
        count=3,
    )
    erm = head(3)
    return replace(
        data, features=data.features.double(), targets=targets, train_erm=lambda epochs: erm
    )


def head(seed: int) -> Head:
    """A head for the clips of :func:`soft_fold`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Head(2, 4, 3).double()


LossOf = Callable[[nn.Module, torch.Tensor], torch.Tensor]
STEPS = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12], [13], [4, 5, 20, 21, 22, 23, 30], [7, 9, 39]]


def descend(
    model: nn.Module, loss: LossOf, batches: Iterable[Sequence[int]] = STEPS, rate: float = 0.5
) -> list[float]:
    """Losses of the batches while a model takes a step of gradient descent after each."""
    losses = []
    for rows in batches:
        value = loss(model, torch.tensor(rows))
        gradients = torch.autograd.grad(value, list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= rate * gradient
        losses.append(value.item())
    return losses


def plain_losses(data: FoldData, logits: torch.Tensor, rows: Sequence[int]) -> list[torch.Tensor]:
    """The class-balanced loss of each clip, by the formula."""
    train = data.targets[data.train]
    clips, classes = train.shape
    beta = (clips - 1) / clips
    counts = [int((train[:, c] > 1 / classes).sum()) for c in range(classes)]
    weights = [(1 - beta) / (1 - beta**n) if n else 0.0 for n in counts]
    weights = [w * classes / sum(weights) for w in weights]
    found = []
    for z, row in zip(logits, rows, strict=True):
        t, chances = data.targets[row], z.exp() / z.exp().sum()
        weight = sum(weights[c] * t[c] for c in range(classes))
        found.append(-weight * sum(t[c] * chances[c].log() for c in range(classes)))
    return found


class Known(nn.Module):
    """Gives every clip the logits [N, 2] for which its cross-entropy has a known value."""

    def __init__(self, data: FoldData, cross_entropies: Sequence[float]) -> None:
        super().__init__()
        # p_y = 1 / (1 + (e^l - 1)) = e^-l: the other class has the logit log(e^l - 1).
        other = torch.tensor(cross_entropies).expm1().log()
        rows = torch.arange(len(other))
        logits = torch.zeros(len(other), 2)
        logits[rows, 1 - data.majority] = other
        self.table = nn.Parameter(logits)

    def forward(self, features: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self.table[rows]


# Three clips of the classes 0, 0, 1 and the groups 0, 1, 0. The class weights are 3/4 and 5/4
# (N = 3, beta = 2/3: 3/5 and 1, scaled to the sum 2), so that these cross-entropies make the
# losses l = 1, 2, 4.
CLASSES, GROUPS = [0, 0, 1], [0, 1, 0]
CROSS_ENTROPIES = [4 / 3, 8 / 3, 16 / 5]
LOSSES = np.array([1.0, 2.0, 4.0])
