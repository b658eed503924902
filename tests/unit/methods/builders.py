"""Folds of a few clips in memory, and models whose losses are known beforehand."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from fairser.methods.base import FoldData


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
