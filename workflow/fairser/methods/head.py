"""The trainable head on pooled features.

Softmax-weighted sum over the layers, Linear to 256, Linear to C; no activation, no dropout. All
of it is linear, so the mean over frames commutes with it and is taken once, beforehand: training
on pooled features is the same mathematics as training on frames.
"""

import torch
from torch import nn
from torch.nn.functional import embedding_bag

from fairser.extraction.features import Features

HIDDEN = 256


class LayerEncoder(nn.Module):
    """Weighted layer sum and the first linear layer: features of L x D to a vector of 256."""

    def __init__(self, layers: int, dim: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.linear = nn.Linear(dim, hidden)

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Hidden vectors [B, hidden] of the given rows [B] of the features [N, L, D].

        The rows are gathered and summed in one pass: with one clip as a bag of its L layers, the
        weighted sum never writes the batch of B x L x D values to memory.
        """
        if not isinstance(features, torch.Tensor):
            features, rows = features.batch(rows), torch.arange(len(rows))
        layers, dim = features.shape[1:]
        bags = rows[:, None] * layers + torch.arange(layers, device=rows.device)
        shares = self.layer_weights.softmax(dim=0).expand(len(rows), layers).contiguous()
        table = features.view(-1, dim)
        pooled = embedding_bag(bags, table, mode="sum", per_sample_weights=shares)
        return self.linear(pooled)


class Head(nn.Module):
    """The whole head: features of L x D to C logits."""

    def __init__(self, layers: int, dim: int, classes: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.encoder = LayerEncoder(layers, dim, hidden)
        self.classifier = nn.Linear(hidden, classes)

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Logits [B, C] of the given rows [B] of the features [N, L, D]."""
        return self.classifier(self.encoder(features, rows))
