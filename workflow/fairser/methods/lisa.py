"""LISA, selective augmentation (Yao et al. 2022), with soft targets.

Each clip i of a batch is mixed with a random train clip j: with a probability of one half of its
majority class and another group, otherwise of its group and another class. Features and targets are
m x_i + (1 - m) x_j and m t_i + (1 - m) t_j, m from Beta(alpha, alpha), and the loss is that of the
mixed clip. The head is affine, so that mixing logits is mixing features. A clip without such a j,
or whose class or group is unknown, stays as it is. All is drawn for each clip on its own.
"""

import numpy as np
import torch
from torch import nn

from fairser.methods.base import Method
from fairser.methods.group_labels import group_labels
from fairser.methods.losses import clip_losses

METHOD = {
    "title": "LISA",
    "description": "Selective augmentation by mixing clips (Yao et al. 2022).",
    "order": 33,
    "groups": "any",
    "settings": {
        "alpha": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 2.0,
            "description": "Both parameters of the beta distribution of the mixture's shares.",
        },
        "same_class": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0.5,
            "description": "Probability to mix with a clip of the same class and another group, "
            "instead of the same group and another class.",
        },
    },
}


class LISA(Method):
    """Buffers ``class_order`` and ``class_places``, and those of the group (:func:`partners`)."""

    stacks = True
    class_order: torch.Tensor
    class_places: torch.Tensor
    group_order: torch.Tensor
    group_places: torch.Tensor

    def prepare(self) -> None:
        majority, groups = self.data.majority, group_labels(self.data)
        for name, same, other in (("class", majority, groups), ("group", groups, majority)):
            order, places = partners(same, other, self.rows)
            self.keep(f"{name}_order", order)
            self.keep(f"{name}_places", places)

    def loss(self, model: nn.Module, rows: torch.Tensor, progress: float) -> torch.Tensor:
        kind, which, share = self._draws(rows.shape[-1])
        by_class, by_group = (
            draw(order, self.of_rows(places, rows), which)
            for order, places in (
                (self.class_order, self.class_places),
                (self.group_order, self.group_places),
            )
        )
        other = torch.where(kind < self.options.same_class, by_class, by_group)
        both = torch.cat([rows.expand(other.shape), torch.where(other < 0, rows, other)], dim=-1)
        share = torch.where(other < 0, 1.0, share).to(self.data.targets)[..., None]
        logits = mixed(self.logits(model, both), share)
        targets = mixed(self.data.targets[both], share)
        return clip_losses(logits, targets, self.weights).mean(dim=-1)

    def _draws(self, count: int) -> torch.Tensor:
        """Three numbers for each clip [3, ..., count], float64: uniform, uniform and beta."""
        drawn = []
        for one in self.generators:  # that of torch has no beta distribution
            random = np.random.default_rng(int(torch.randint(2**62, (), generator=one)))
            share = random.beta(self.options.alpha, self.options.alpha, count)
            drawn.append(torch.from_numpy(np.stack([*random.random((2, count)), share])))
        whole = torch.stack(drawn, dim=1) if self.cells else drawn[0]
        return whole.to(self.rows.device)


def mixed(pairs: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Values [..., B, C]: shares [..., B, 1] of the first half of pairs [..., 2 B, C], and the rest
    of the second."""
    own, partner = pairs.chunk(2, dim=-2)
    return share * own + (1 - share) * partner


def partners(
    same: torch.Tensor, other: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the clips are that a clip can be mixed with: equal in one label, not in the other.

    Args:
        same: the label that is equal [N], int64, -1 where unknown.
        other: the label that differs [N], likewise.
        rows: of the train clips, from which partners are taken.

    Returns:
        The train clips with both labels, sorted by them [n]. For each clip [N, 4]: place of the
        first clip of its label there, and their number; how many of these come before those that
        are also equal in the other label, and the number of those. Without partners all are 0.
    """
    rows = rows[(same[rows] >= 0) & (other[rows] >= 0)]
    labels, others = int(same.max()) + 2, int(other.max()) + 2  # the last one is for unknown
    key = same.remainder(labels) * others + other.remainder(others)
    counts = key[rows].bincount(minlength=labels * others).view(labels, others)
    before = counts.cumsum(dim=1) - counts
    sizes = counts.sum(dim=1)
    starts = sizes.cumsum(dim=0) - sizes
    columns = [starts[:, None].expand_as(counts), sizes[:, None].expand_as(counts), before, counts]
    places = torch.stack(columns, dim=-1).flatten(end_dim=1)[key]
    unknown = (same < 0) | (other < 0)
    order = rows[key[rows].argsort(stable=True)]
    if not len(order):
        order = order.new_zeros(1)  # no one's place, but there
    return order, places * ~unknown[:, None]


def draw(order: torch.Tensor, places: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Rows of random partners [..., B], each of a clip's equally likely; -1 where it has none.

    Args:
        order: sorted train clips [n], or of stacked cells [S, n].
        places: of the clips [..., B, 4] (:func:`partners`).
        uniform: numbers from 0 to below 1 [..., B].
    """
    start, size, before, own = places.unbind(dim=-1)
    count = size - own
    place = (uniform * count).long().clamp_max(count - 1)
    place = torch.where(place < before, place, place + own) + start
    index = torch.where(count > 0, place, 0)
    return torch.where(count > 0, order.gather(-1, index), -1)
