"""XRM, cross-risk minimisation (Pezeshki et al. 2024): two models check each other's clips.

Each train clip is held in by one of two heads, chosen at random, and held out by the other. A head
learns from the clips that it holds in. After each step the label of a clip of the batch becomes the
held-out prediction with the probability (p - 1/C) C / (C - 1), p its confidence: both heads forget
the clips that are hard to explain without memory, and agree on the easy explanation. A group is a
majority class, and whether either head is wrong on it in the end.

The original chooses hyper-parameters by the number of label flips, which is noted; here they are
those of the runs (``train``).
"""

from typing import Any

import polars as pl
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from fairser.extraction.features import Features
from fairser.groups.base import Fold
from fairser.groups.early import SEED, fold_data, labelled, train
from fairser.groups.errors import error_groups
from fairser.methods.base import Method
from fairser.methods.early import all_logits
from fairser.methods.head import Head
from fairser.training.fitting import TrainOptions

SOURCE = {
    "title": "xrm",
    "description": "Each class by whether cross-risk minimisation is right (Pezeshki et al. 2024).",
    "order": 7,
    "marker": "X",
    "needs": "encoder",
    "test": False,
}


class TwinHeads(nn.Module):
    """Two heads of one shape; a call gives the mean of their logits."""

    def __init__(self, layers: int, dim: int, classes: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(layers, dim, classes) for _ in range(2))

    def both(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Logits [2, B, C] of the heads."""
        return torch.stack([head(features, rows) for head in self.heads])

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        return self.both(features, rows).mean(dim=0)


class CrossRisk(Method):
    """Buffers of each clip [N]: ``labels``, at first the majority class, and ``holder``, the number
    of the head that holds it in. ``flips`` counts the labels that changed."""

    labels: torch.Tensor
    holder: torch.Tensor
    flips: torch.Tensor

    def select(self, train: torch.Tensor) -> torch.Tensor:
        return train[self.data.majority[train] >= 0]

    def prepare(self) -> None:
        self.register_buffer("labels", self.data.majority.clone())
        self.register_buffer("flips", torch.zeros((), dtype=torch.int64))
        drawn = torch.randperm(len(self.labels), generator=self.generator) % 2
        self.keep("holder", drawn)

    @staticmethod
    def new_model(layers: int, dim: int, classes: int) -> nn.Module:
        return TwinHeads(layers, dim, classes)

    def parts(self, model: Any) -> list[list[nn.Parameter]]:
        return [list(head.parameters()) for head in model.heads]

    def loss(self, model: Any, rows: torch.Tensor, progress: float) -> torch.Tensor:
        """Sum over the labels in the batch of the mean loss of their clips; then labels flip."""
        logits = model.both(self.data.features, rows)
        place, holder = torch.arange(len(rows)), self.holder[rows]
        labels = self.labels[rows]
        losses = cross_entropy(logits[holder, place], labels, reduction="none")
        loss = (losses / labels.bincount(minlength=logits.shape[-1])[labels]).sum()
        self._flip(logits[1 - holder, place].detach(), rows)
        return loss

    def _flip(self, held_out: torch.Tensor, rows: torch.Tensor) -> None:
        """Draw which labels become the prediction of the held-out logits [B, C]."""
        confidence, predicted = held_out.softmax(dim=1).max(dim=1)
        classes = held_out.shape[1]
        chance = (confidence - 1 / classes) * classes / (classes - 1)
        drawn = torch.rand(len(rows), generator=self.generator) < chance
        new = torch.where(drawn, predicted, self.labels[rows])
        self.flips += (new != self.labels[rows]).sum()
        self.labels[rows] = new


def infer_groups(fold: Fold) -> pl.DataFrame:
    """Groups ``CLASS wrong`` (either head is wrong on the original label) and ``CLASS right``.

    Notes ``errors``, the share of the train clips that are wrong, and ``flips``, the number of
    labels that changed.

    Raises:
        InputError: the heads get none or all of the train clips wrong.
    """
    data = fold_data(fold)
    method = CrossRisk(data, torch.Generator().manual_seed(SEED))
    epochs = TrainOptions(**fold.train).epochs
    model: Any = train(method, fold, epochs)
    rows = labelled(data)
    logits = torch.stack([all_logits(head, data, rows) for head in model.heads])
    wrong = (logits.argmax(dim=-1) != data.majority[rows]).any(dim=0)
    fold.notes["flips"] = int(method.flips)
    return error_groups(fold, rows.numpy(), wrong.numpy(), "train.epochs", epochs)
