"""Estimates of the mean losses of groups while a model is trained, whose gap MinMaxGAP takes.

A batch has few clips of each group, so the gap of its means is mostly noise. An estimator that also
uses the losses of earlier batches has less noise, but follows the model with a delay. Its gradient
is that of the batch's means, as if they were the estimates: earlier losses have none. This is
stochastic compositional gradient descent (Wang, Fang and Liu 2017).

An estimator is called with the losses of each batch [..., B] and the membership of its clips in the
groups [..., B, S], 0 or 1, all 0 for a clip of unknown group. It gives the estimates [..., S], and
what they rest on, 0 for a group that has not been seen. The dimensions before the last are streams
that do not influence each other. The state is in buffers.
"""

from typing import Any

import torch
from torch import nn

from fairser.methods.loss_gap import Options

Estimates = tuple[torch.Tensor, torch.Tensor]


def batch_sums(losses: torch.Tensor, shares: torch.Tensor) -> Estimates:
    """Sum of the losses of each group in a batch, and the number of its clips [..., S]."""
    sums = (losses[..., None, :] @ shares.to(losses))[..., 0, :]
    return sums, shares.sum(dim=-2).to(losses)


class BatchMeans(nn.Module):
    """The means of the batch, as Pang et al. (2026) have them; no state."""

    def forward(self, losses: torch.Tensor, shares: torch.Tensor) -> Estimates:
        sums, counts = batch_sums(losses, shares)
        return sums / counts.clamp_min(1), counts


class MovingAverages(nn.Module):
    """Exponential moving averages of the batches' means.

    A group's sum and number of clips are multiplied by the momentum before those of a batch that
    has the group are added. Their ratio is the estimate, which has no bias at the start.
    """

    sums: torch.Tensor
    counts: torch.Tensor

    def __init__(self, momentum: float, *shape: int) -> None:
        super().__init__()
        self.momentum = momentum
        for name in ("sums", "counts"):
            self.register_buffer(name, torch.zeros(*shape, dtype=torch.float64))

    def forward(self, losses: torch.Tensor, shares: torch.Tensor) -> Estimates:
        sums, counts = batch_sums(losses.double(), shares)
        kept = torch.where(counts > 0, self.momentum, 1.0)
        self.sums, self.counts = self.sums * kept + sums, self.counts * kept + counts
        # The smallest number that a group can rest on is one clip.
        return self.sums / self.counts.clamp_min(1), self.counts


class Memory(nn.Module):
    """Means over the clips of the batch and the ``size`` clips of the group before them."""

    store: torch.Tensor
    seen: torch.Tensor

    def __init__(self, size: int, *shape: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("store", torch.zeros(*shape, size, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros(*shape, dtype=torch.int64))

    def forward(self, losses: torch.Tensor, shares: torch.Tensor) -> Estimates:
        losses = losses.double()
        sums, counts = batch_sums(losses, shares)
        sums, total = self.store.sum(dim=-1) + sums, self.seen.clamp_max(self.size) + counts
        place = shares.cumsum(dim=-2).long() - 1  # among the batch's clips of the group
        number = counts.long()[..., None, :]
        kept = (shares > 0) & (place >= number - self.size)
        *stream, clip, group = kept.nonzero(as_tuple=True)
        slot = (self.seen[..., None, :] + place)[kept] % self.size
        self.store[(*stream, group, slot)] = losses[(*stream, clip)]
        self.seen += counts.long()
        return sums / total.clamp_min(1), total


def make_estimator(options: Options, *shape: int) -> Any:
    """The estimator that the options name, for groups and streams of this shape [..., S]."""
    if options.estimator == "batch":
        return BatchMeans()
    if options.estimator == "moving_average":
        return MovingAverages(options.momentum, *shape)
    return Memory(options.memory_size, *shape)
