"""ERM-MinMaxGAP (Pang et al. 2026): the largest loss gap between groups, and its weight lambda.

L_lg is the mean loss of the clips of language l and group g (gender). The gap of a language is
Delta_l = max_g L_lg - min_g L_lg, for two genders |L_lF - L_lM|; Delta_max = max_l Delta_l; the
objective of round k is L_ERM + lambda_k Delta_max^p. After the round

    lambda_{k+1} = clip(lambda_k + eta (Delta_dev - epsilon), 0, lambda_max)

with Delta_dev the Delta_max of a full pass over development. A language with fewer than two groups
has no gap. Of equal largest gaps the first language is taken, and its first groups (a choice of
subgradient); a gap of 0 has the gradient 0. While training, the L_lg are those of an estimator
(:mod:`fairser.methods.gap_estimators`).
"""

from dataclasses import dataclass, fields
from math import isnan
from typing import Any, Literal

import torch

from fairser.config.extensions import extension


@dataclass(frozen=True)
class Options:
    """Hyper-parameters, as :mod:`fairser.methods.minmaxgap` declares and describes them."""

    p: Literal[1, 2]
    weighting: Literal["adaptive", "fixed"]
    lambda_0: float
    eta: float
    epsilon: float
    lambda_max: float
    estimator: Literal["batch", "moving_average", "memory"]
    momentum: float
    memory_size: int

    @classmethod
    def of(cls, **settings: Any) -> "Options":
        """These settings, and the declared defaults of the others."""
        declared = extension("METHOD", "minmaxgap").defaults()
        return cls(**{part.name: declared[part.name] for part in fields(cls)} | settings)

    def updated(self, weight: float, gap: float) -> float:
        """lambda of the next round from this round's; without a gap (NaN) it stays."""
        if self.weighting == "fixed" or isnan(gap):
            return weight
        return min(max(weight + self.eta * (gap - self.epsilon), 0.0), self.lambda_max)


def language_gaps(means: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Delta_l of each language [..., L], NaN for one with fewer than two groups.

    Args:
        means: L_lg [..., L, G], any number where there is no clip.
        counts: what they rest on [..., L, G], 0 where there is no clip.
    """
    upper = torch.where(counts > 0, means, -torch.inf).amax(dim=-1)
    lower = torch.where(counts > 0, means, torch.inf).amin(dim=-1)
    return torch.where((counts > 0).sum(dim=-1) > 1, upper - lower, torch.nan)


def largest(gaps: torch.Tensor) -> torch.Tensor:
    """Delta_max [...] of the gaps of languages [..., L], NaN where none has a gap."""
    found = torch.where(gaps.isnan(), -torch.inf, gaps).amax(dim=-1)
    return torch.where(found < 0, torch.nan, found)


def penalty(means: torch.Tensor, counts: torch.Tensor, p: int) -> tuple[float, torch.Tensor]:
    """Delta_max^p, and its derivatives with respect to the means [L, G]; 0 without any gap.

    Arguments are those of :func:`language_gaps`, without dimensions before the languages.
    """
    gaps, slopes = language_gaps(means, counts), torch.zeros_like(means)
    gap = float(largest(gaps))
    if isnan(gap):
        return 0.0, slopes
    language = gaps.tolist().index(gap)
    row, present = means[language], counts[language] > 0
    slope = p * gap ** (p - 1)
    upper = torch.where(present, row, -torch.inf).tolist()
    lower = torch.where(present, row, torch.inf).tolist()
    slopes[language, upper.index(max(upper))] += slope
    slopes[language, lower.index(min(lower))] -= slope
    return gap**p, slopes
