"""Which train clips an epoch uses, and in which order."""

import torch

from fairser.methods.base import Method


def epoch_rows(method: Method, generator: torch.Generator) -> torch.Tensor:
    """Rows of the clips of an epoch [n], as many as the method uses, in the order of the batches.

    With the sampler ``shuffle`` they are the method's rows in random order. With ``balanced`` they
    are drawn with replacement (:func:`balanced_weights`), as by the published code of group DRO.

    Args:
        method: with its train clips, groups and sampler.
        generator: of the random order or draws.
    """
    count = len(method.rows)
    if method.sampler == "shuffle":
        return method.rows[torch.randperm(count, generator=generator)]
    weights = balanced_weights(method.group_shares()[method.rows])
    return method.rows[weights.multinomial(count, replacement=True, generator=generator)]


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
