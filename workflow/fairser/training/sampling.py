"""Which train clips an epoch uses, and in which order."""

import torch

from fairser.methods.base import Method


class Sampler:
    """Draws the rows of each epoch, as many as the method uses, in the order of the batches.

    With the sampler ``shuffle`` they are the method's rows in random order. With ``balanced`` they
    are drawn with replacement (:func:`balanced_weights`), as by the published code of group DRO.

    Args:
        method: of one cell, with its train clips, groups and sampler.
        seed: of the random order or draws; they are the same on every device.
    """

    def __init__(self, method: Method, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.rows = method.rows.cpu()
        self.weights: torch.Tensor | None = None
        if method.sampler == "balanced":
            self.weights = balanced_weights(method.group_shares().cpu()[self.rows])

    def draw(self) -> torch.Tensor:
        """Rows of the clips of an epoch [n], on the CPU."""
        count = len(self.rows)
        if self.weights is None:
            return self.rows[torch.randperm(count, generator=self.generator)]
        drawn = self.weights.multinomial(count, replacement=True, generator=self.generator)
        return self.rows[drawn]


def draw_epoch(samplers: list[Sampler]) -> torch.Tensor:
    """Rows of an epoch [n] where all samplers draw the same, else of each of S cells [S, n]."""
    drawn = [sampler.draw() for sampler in samplers]
    same = all(torch.equal(drawn[0], other) for other in drawn[1:])
    return drawn[0] if same else torch.stack(drawn)


def balanced_weights(shares: torch.Tensor) -> torch.Tensor:
    """Weights [n], float64, that draw each clip as follows: a group, all being equally likely, then
    a clip with a probability proportional to its share in this group.

    With certain groups the weight of a clip is 1 / n_g, n_g the clips of its group. A clip of
    unknown group has the weight 0; a group without clips is not counted.

    Args:
        shares: membership of the clips in the groups [n, G].
    """
    shares = shares.double()
    sizes = shares.sum(dim=0)
    return (shares / torch.where(sizes > 0, sizes, 1.0)).sum(dim=1)
