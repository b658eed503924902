"""HSIC between the hidden vector and the group as a penalty (Gretton et al. 2005; Li et al. 2022).

HSIC = tr(K H L H) / (n - 1)^2 over the n clips of the batch with a known group, with
K_ij = exp(-||h_i - h_j||^2 / (2 s^2)), L_ij = 1 for clips of one group and else 0, and H = I - 1/n.
s is the median distance between two of these clips, without a gradient.
"""

from typing import Any

import torch

from fairser.methods.group_labels import check_several
from fairser.methods.penalised import Penalised

METHOD = {
    "title": "HSIC",
    "description": "ERM with the dependence of hidden vector and group as a penalty (Gretton et "
    "al. 2005).",
    "order": 30,
    "groups": "any",
    "finetune": True,
    "settings": {
        "weight": {
            "type": "number",
            "minimum": 0,
            "default": 10.0,
            "description": "Weight lambda of the penalty (choice).",
        },
    },
}


class HSIC(Penalised):
    stacks = True

    def prepare(self) -> None:
        check_several(self.data, self.rows, "hsic")
        super().prepare()

    def terms(
        self, model: Any, rows: torch.Tensor, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        hidden, logits = model.with_hidden(self.data.features, rows)
        return logits, hsic(hidden, self.of_rows(self.shares, rows))


def hsic(vectors: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """HSIC [...] of vectors and groups; 0 with fewer than two clips of known group.

    Args:
        vectors: of the clips [..., B, H].
        shares: membership of the clips in the groups [..., B, G], 0 or 1, all 0 where unknown.
    """
    known = shares.sum(dim=-1, keepdim=True)  # [..., B, 1]
    count = known.sum(dim=-2, keepdim=True)
    kernel = gaussian_kernel(vectors, known * known.mT > 0)
    # tr(K H L H) = sum_g a_g' K a_g with a_g the centred membership in g, 0 where unknown.
    centred = (shares - shares.sum(dim=-2, keepdim=True) / count.clamp_min(1)) * known
    trace = (centred * (kernel @ centred)).sum(dim=(-2, -1))
    return trace / (count[..., 0, 0] - 1).clamp_min(1).square()


def gaussian_kernel(vectors: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """K [..., B, B] of vectors, as wide as the median distance of the pairs.

    Args:
        vectors: h [..., B, H].
        pairs: which two vectors count for the median [..., B, B]; a vector is no pair with itself.
    """
    vectors = vectors - vectors.mean(dim=-2, keepdim=True)  # small numbers lose less
    size = vectors.square().sum(dim=-1, keepdim=True)
    squares = (size + size.mT - 2 * vectors @ vectors.mT).clamp_min(0)
    own = torch.eye(vectors.shape[-2], dtype=torch.bool, device=vectors.device)
    others = torch.where(pairs & ~own, squares.detach(), torch.nan)
    width = others.flatten(start_dim=-2).nanmedian(dim=-1).values[..., None, None]
    return (squares / torch.where(width > 0, -2 * width, -1.0)).exp()
