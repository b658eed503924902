"""What the methods share that use group labels."""

import torch

from fairser.methods.base import FoldData


def group_labels(data: FoldData) -> torch.Tensor:
    """Group numbers [N] of the clips, int64, -1 where unknown."""
    if data.groups is None:
        raise ValueError("this method needs a group source, the source 'none' has no groups")
    return data.groups


def cell_counts(data: FoldData, rows: torch.Tensor) -> torch.Tensor:
    """Clips of each majority class and group [C, G] among the rows; unknown ones are not counted.

    The symbols of the paper: N_cg, and N_c its sum over the groups.
    """
    groups = group_labels(data)[rows]
    majority = data.majority[rows]
    known = (groups >= 0) & (majority >= 0)
    shape = (data.targets.shape[1], max(int(group_labels(data).max()) + 1, 1))
    counts = torch.zeros(shape, dtype=torch.int64)
    one = torch.ones(int(known.sum()), dtype=torch.int64)
    return counts.index_put_((majority[known], groups[known]), one, accumulate=True)


def group_means(losses: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean loss of each group in a batch, and which groups are in it at all.

    Args:
        losses: losses of the clips [B].
        shares: membership of the clips in the groups [B, G], 0 or 1 or probabilities.

    Returns:
        L_g = sum_i p_ig l_i / sum_i p_ig [G], 0 for a group that is not in the batch; and [G] bool.
    """
    size = shares.sum(dim=0)
    present = size > 0
    return (losses @ shares) / torch.where(present, size, 1.0), present
