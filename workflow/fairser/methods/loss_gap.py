"""ERM-MinMaxGAP (Pang et al. 2026): the largest loss gap between groups, and its weight lambda.

L_lg is the mean loss of the clips of language l and group g (gender). The gap of a language is
Delta_l = max_g L_lg - min_g L_lg, for two genders |L_lF - L_lM|; Delta_max = max_l Delta_l; the
objective of round k is L_ERM + lambda_k Delta_max^p. After the round

    lambda_{k+1} = clip(lambda_k + eta (Delta_dev - epsilon), 0, lambda_max)

with Delta_dev the Delta_max of a full pass over development. A language with fewer than two groups
has no gap. Of equal largest gaps the first language is taken, and its first groups (a choice of
subgradient); a gap of 0 has the gradient 0.
"""

from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Options:
    """Hyper-parameters, all of them choices: the paper's values are not published, but p = 2.

    p: exponent of the gap, 1 or 2.
    weighting: ``adaptive`` updates lambda after each round, ``fixed`` leaves it at lambda_0.
    lambda_0: weight of the first round.
    eta: step size of lambda.
    epsilon: gap on development that is tolerated.
    lambda_max: largest weight.
    """

    p: Literal[1, 2] = 2
    weighting: Literal["adaptive", "fixed"] = "adaptive"
    lambda_0: float = 1.0
    eta: float = 1.0
    epsilon: float = 0.05
    lambda_max: float = 10.0

    def updated(self, weight: float, gap: float | None) -> float:
        """lambda of the next round from this round's; without a gap (None) it stays."""
        if self.weighting == "fixed" or gap is None:
            return weight
        return min(max(weight + self.eta * (gap - self.epsilon), 0.0), self.lambda_max)


def language_gaps(means: torch.Tensor, counts: torch.Tensor) -> list[float | None]:
    """Delta_l of each language, None for one with fewer than two groups.

    Args:
        means: L_lg [L, G], any number where there is no clip.
        counts: clips [L, G].
    """
    found = [row[present] for row, present in zip(means, counts > 0, strict=True)]
    return [float(known.max() - known.min()) if len(known) > 1 else None for known in found]


def widest(means: torch.Tensor, counts: torch.Tensor) -> tuple[int, int, int] | None:
    """The language with the largest gap, and its groups of largest and of smallest mean loss.

    Returns:
        l, g, g', or None where no language has two groups.
    """
    gaps = [-1.0 if gap is None else gap for gap in language_gaps(means.detach(), counts)]
    if max(gaps, default=-1.0) < 0:
        return None
    language = gaps.index(max(gaps))
    row, present = means[language].detach(), counts[language] > 0
    upper = torch.where(present, row, -torch.inf).tolist()
    lower = torch.where(present, row, torch.inf).tolist()
    return language, upper.index(max(upper)), lower.index(min(lower))


def penalty(means: torch.Tensor, counts: torch.Tensor, p: int) -> torch.Tensor:
    """Delta_max^p, a scalar with a gradient to the means; 0 where there is no gap."""
    found = widest(means, counts)
    if found is None:
        return means.sum() * 0.0
    language, high, low = found
    return (means[language, high] - means[language, low]) ** p


def factors(
    sums: torch.Tensor, counts: torch.Tensor, total: int, weight: float, p: int
) -> torch.Tensor:
    """What each clip's loss is multiplied by in the objective's gradient, by stratum [L, G].

    The gradient of L_ERM + lambda Delta_max^p is sum_i f_i grad l_i, with the same factor f for
    all clips of a stratum. So the strata of a batch can go backward one by one, and their
    gradients are combined when the gap of the whole batch is known.

    Args:
        sums: sum of the losses of a batch in each stratum [L, G].
        counts: its clips in each stratum [L, G].
        total: clips of the batch, those of unknown group included, whose factor is 1 / total.
        weight: lambda.
        p: exponent.
    """
    means = (sums.detach() / counts.clamp_min(1)).requires_grad_()
    (slope,) = torch.autograd.grad(penalty(means, counts, p), means)
    return 1 / total + weight * slope / counts.clamp_min(1)
