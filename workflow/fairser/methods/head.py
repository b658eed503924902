"""The trainable head on pooled features.

Softmax-weighted sum over the layers, Linear to 256, Linear to C; no activation, no dropout. All
of it is linear, so the mean over frames commutes with it and is taken once, beforehand: training
on pooled features is the same mathematics as training on frames. For the same reason the two
linear layers are multiplied with each other first, C x D numbers, and not one after the other with
the batch.

Models of several cells are trained together as one whose parameters have a leading axis S, the
cells (:func:`stack_models`). Its batches are rows [B], which are those of all cells, or [S, B].
"""

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.functional import embedding_bag

from fairser.extraction.features import Features

HIDDEN = 256


class Linear(nn.Linear):
    """A linear layer that can be stacked: weight [S, out, in] of inputs [S, B, in]."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.weight.ndim == 2:
            return super().forward(inputs)
        return torch.baddbmm(self.bias[:, None], inputs, self.weight.mT)


class LayerEncoder(nn.Module):
    """Weighted layer sum and the first linear layer: features of L x D to a vector of 256."""

    def __init__(self, layers: int, dim: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.layer_weights = nn.Parameter(torch.zeros(layers))
        self.linear = Linear(dim, hidden)

    def pool(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Weighted sums over the layers [..., B, D] of the given rows of the features [N, L, D].

        Rows that differ between cells, or are of one cell, are gathered and summed in one pass:
        with one clip as a bag of its L layers, the batch of B x L x D values is never written.
        """
        if not isinstance(features, torch.Tensor):
            features = features.batch(rows.flatten())
            rows = torch.arange(rows.numel(), device=features.device).view(rows.shape)
        layers, dim = features.shape[1:]
        shared = self.layer_weights.ndim > rows.ndim
        if layers == 1:  # its share is 1, without a gradient
            pooled = features.view(-1, dim)[rows]
            return pooled.expand(len(self.layer_weights), *pooled.shape) if shared else pooled
        shares = self.layer_weights.softmax(dim=-1)
        if shared:  # one product of all cells with the layers of all clips
            by_layer = rows * layers + torch.arange(layers, device=rows.device)[:, None]
            sums = shares @ features.view(-1, dim)[by_layer].flatten(start_dim=1)
            return sums.view(-1, *rows.shape, dim)
        # Rows of -1 fill up a batch; any clip will do.
        bags = rows.clamp_min(0).reshape(-1, 1) * layers + torch.arange(layers, device=rows.device)
        weights = shares[..., None, :].expand(*rows.shape, layers).reshape(-1, layers)
        table = features.view(-1, dim)
        pooled = embedding_bag(bags, table, mode="sum", per_sample_weights=weights)
        return pooled.view(*rows.shape, dim)

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Hidden vectors [..., B, hidden] of the given rows of the features [N, L, D]."""
        return self.linear(self.pool(features, rows))


class Head(nn.Module):
    """The whole head: features of L x D to C logits."""

    def __init__(self, layers: int, dim: int, classes: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.encoder = LayerEncoder(layers, dim, hidden)
        self.classifier = Linear(hidden, classes)

    def forward(self, features: Features, rows: torch.Tensor) -> torch.Tensor:
        """Logits [..., B, C] of the given rows of the features [N, L, D]."""
        return self._classify(self.encoder.pool(features, rows))

    def with_hidden(
        self, features: Features, rows: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same logits, bit by bit, and before them the hidden vectors [..., B, hidden]."""
        pooled = self.encoder.pool(features, rows)
        return self.encoder.linear(pooled), self._classify(pooled)

    def _classify(self, pooled: torch.Tensor) -> torch.Tensor:
        first, second = self.encoder.linear, self.classifier
        bias = (second.weight @ first.bias[..., None])[..., 0] + second.bias
        # In this order the gradient of the product has the layout that is fast in its own products.
        logits = (second.weight @ first.weight) @ pooled.mT + bias[..., None]
        return logits.mT


def stack_models(models: Sequence[nn.Module]) -> nn.Module:
    """One model of those of S cells, all of one class and shape; its parameters are new."""
    stacked = copy.deepcopy(models[0])
    owners = dict(_owners(stacked))
    for (owner, name), *own in zip(
        owners.values(), *(model.parameters() for model in models), strict=True
    ):
        setattr(owner, name, nn.Parameter(torch.stack([one.detach() for one in own])))
    return stacked


def _owners(model: nn.Module) -> Iterator[tuple[str, tuple[nn.Module, str]]]:
    """The submodule that has each parameter, and its name there, by the parameter's full name."""
    for full, _ in model.named_parameters():
        prefix, _, name = full.rpartition(".")
        yield full, (model.get_submodule(prefix), name)
