"""Group labels as the methods use them."""

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import one_hot

from fairser.core.errors import InputError

if TYPE_CHECKING:
    from fairser.methods.base import FoldData


def group_labels(data: "FoldData") -> torch.Tensor:
    """Group numbers [N] of the clips, int64, -1 where unknown."""
    if data.groups is None:
        raise ValueError("this method needs a group source, the source 'none' has no groups")
    return data.groups


def memberships(labels: torch.Tensor, count: int | None = None) -> torch.Tensor:
    """One-hot labels [..., count], float32; 0 in all columns where the label is unknown.

    Args:
        labels: numbers [...], int64, -1 where unknown.
        count: number of columns; by default as many as the largest label needs, and at least one.
    """
    if count is None:
        count = max(int(labels.max()) + 1, 1)
    return one_hot(labels.clamp_min(0), count).float() * (labels >= 0)[..., None]


def by_class(data: "FoldData", shares: torch.Tensor) -> torch.Tensor:
    """Membership of each clip in each majority class and group [N, C * G], class by class.

    Args:
        data: the clips.
        shares: their membership in the groups [N, G].
    """
    classes = memberships(data.majority, data.targets.shape[1])
    return (classes[:, :, None] * shares[:, None, :]).flatten(start_dim=1)


def check_several(data: "FoldData", rows: torch.Tensor, method: str) -> None:
    """Refuse train clips of fewer than two groups, for a method that is pointless with them.

    Args:
        data: the clips.
        rows: of the train clips.
        method: its name, for the message.

    Raises:
        InputError: fewer than two groups have train clips.
    """
    groups = group_labels(data)[rows]
    count = len(groups[groups >= 0].unique())
    if count < 2:
        raise InputError(
            f"The method '{method}' compares groups, but the train clips are of {count} group(s). "
            "Take a group source with several groups, or take the method out of 'grid.methods'."
        )


def cell_counts(data: "FoldData", rows: torch.Tensor) -> torch.Tensor:
    """Number of clips N_cg of each majority class and group [C, G], float32.

    Clips whose class or group is unknown are not counted.
    """
    classes = memberships(data.majority, data.targets.shape[1])
    return classes[rows].T @ memberships(group_labels(data))[rows]


def group_means(losses: torch.Tensor, shares: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean loss of each group in a batch, and which groups the batch has.

    Args:
        losses: losses of the clips [..., B].
        shares: membership of the clips in the groups [..., B, G], 0 or 1 or probabilities.

    Returns:
        L_g = sum_i p_ig l_i / sum_i p_ig [..., G], 0 for a group that is not in the batch; and
        [..., G] bool.
    """
    size = shares.sum(dim=-2)
    present = size > 0
    return (losses[..., None, :] @ shares)[..., 0, :] / torch.where(present, size, 1.0), present
