"""The class-balanced soft-target cross-entropy (Cui et al. 2019; Interspeech 2025, section 4)."""

import torch
from torch.nn.functional import log_softmax


def class_balanced_weights(targets: torch.Tensor) -> torch.Tensor:
    """Weights of the classes by their effective number of clips, float64 [C], sum C.

    w_c = (1 - beta) / (1 - beta^n_c) with beta = (N - 1) / N and n_c the clips that are positive
    for c, then scaled. A class without a positive clip gets weight 0.

    Args:
        targets: soft targets [N, C]; a clip is positive where the value is above 1 / C.
    """
    clips, classes = targets.shape
    positives = (targets > 1 / classes).sum(dim=0).double()
    beta = torch.tensor((clips - 1) / clips, dtype=torch.float64)
    weights = torch.where(positives > 0, (1 - beta) / (1 - beta**positives), 0.0)
    return weights * classes / weights.sum().clamp_min(torch.finfo(torch.float64).tiny)


def clip_losses(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Loss of each clip [..., B]: -(sum_c w_c t_c) (sum_c t_c log softmax(z)_c).

    Args:
        logits: z [..., B, C].
        targets: t [B, C] or [..., B, C].
        weights: w [..., C].
    """
    weight = (targets @ weights[..., None])[..., 0]
    return -weight * (targets * log_softmax(logits, dim=-1)).sum(dim=-1)


def majority_probabilities(logits: torch.Tensor, majority: torch.Tensor) -> torch.Tensor:
    """Softmax probability p_y of each clip's majority class [..., B]; 0 for a clip without one.

    Args:
        logits: z [..., B, C].
        majority: y [B] or [..., B], -1 for a clip without one.
    """
    index = majority.clamp_min(0)[..., None].expand(*logits.shape[:-1], 1)
    return logits.softmax(dim=-1).gather(-1, index)[..., 0] * (majority >= 0)
