"""Group thresholds: equal recall by post-processing (Hardt, Price and Srebro 2016).

The model is that of ERM. Class c is predicted for a clip of group g if its probability p_c is above
a threshold tau_gc instead of 1 / C. Thresholds are such that the recall of c on development is, in
each group, that of ERM over all of its clips of known group, to within half a clip. Of all
thresholds that give a recall, 1 / C is taken if it is one of them, else the middle.

Predictions are saved as values that are above 1 / C where p_c is above the threshold: p_c / (C tau)
up to the threshold, then linear up to 1. They keep the order of the clips within a class and group,
but do not sum to 1 over the classes. With one label per clip the largest value decides, and recalls
are equal only roughly.
"""

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.methods.early import all_logits
from fairser.methods.erm import ERM
from fairser.methods.group_labels import group_labels

METHOD = {
    "title": "Thresholds",
    "description": "ERM with thresholds of equal recall by group (Hardt et al. 2016).",
    "order": 38,
    "groups": "test",
    "colour": "#555555",
    "fill": "top",
}


class Thresholds(ERM):
    """``thresholds`` [G + 1, C] of the groups and, last, of clips of unknown group: 1 / C."""

    thresholds: torch.Tensor

    def finish(self, model: nn.Module) -> None:
        data, groups = self.data, group_labels(self.data)
        if not (groups[data.test] >= 0).any():
            raise InputError(
                "'thresholds' needs the groups of test clips, and all are unknown. Take another "
                "group source, or leave thresholds out of 'grid.methods'."
            )
        rows = data.development[groups[data.development] >= 0]
        shares = all_logits(model, data, rows).softmax(dim=1)
        count = int(groups.max()) + 1
        self.thresholds = recall_thresholds(shares, data.targets[rows], groups[rows], count)

    def probabilities(self, model: nn.Module, rows: torch.Tensor) -> torch.Tensor:
        shares = super().probabilities(model, rows)
        return adjusted(shares, self.thresholds[group_labels(self.data)[rows]])


def recall_thresholds(
    shares: torch.Tensor, targets: torch.Tensor, groups: torch.Tensor, count: int
) -> torch.Tensor:
    """Thresholds [count + 1, C] at which each group has the recall of all clips at 1 / C.

    The last row is 1 / C, as are those of a class and group without a positive clip.

    Args:
        shares: probabilities [n, C].
        targets: soft targets [n, C]; a clip is positive where they are above 1 / C.
        groups: number of each clip's group [n], from 0.
        count: number of groups.
    """
    classes = shares.shape[1]
    found = shares.new_full((count + 1, classes), 1 / classes)
    for label in range(classes):
        positive = targets[:, label] > 1 / classes
        recall = (shares[positive, label] > 1 / classes).double().mean()
        for group in range(count):
            values = shares[positive & (groups == group), label].sort(descending=True).values
            if len(values):
                wanted = int((recall * len(values) + 0.5).floor())
                found[group, label] = _between(values, wanted, 1 / classes)
    return found


def _between(values: torch.Tensor, wanted: int, usual: float) -> float:
    """A threshold above which so many of the values are, the usual one if it is such."""
    if int((values > usual).sum()) == wanted:
        return usual
    upper = float(values[wanted - 1]) if wanted else 1.0
    lower = float(values[wanted]) if wanted < len(values) else 0.0
    return (upper + lower) / 2


def adjusted(shares: torch.Tensor, thresholds: torch.Tensor) -> torch.Tensor:
    """Values [..., C] that are above 1 / C exactly where a probability is above its threshold.

    Args:
        shares: probabilities [..., C].
        thresholds: of each [..., C], from 0 to 1.
    """
    limit = torch.tensor(1 / shares.shape[-1]).to(shares)
    below = shares * limit / thresholds.clamp_min(torch.finfo(shares.dtype).tiny)
    rest = (1 - thresholds).clamp_min(torch.finfo(shares.dtype).tiny)
    above = limit + (shares - thresholds) * (1 - limit) / rest
    above = above.clamp(limit.nextafter(limit.new_ones(())), limit.new_ones(()))
    return torch.where(shares > thresholds, above, below.clamp(max=limit.nextafter(-limit)))
