"""Which epoch is kept: the one with the lowest value on development, by the setting ``selection``.

- ``loss``: the mean loss of the development clips (Interspeech 2025, appendix A);
- ``worst_class``: the largest mean loss of the clips of a majority class;
- ``worst_group``: the largest mean loss of the clips of a group of the run's own source (Sagawa et
  al. 2020; Idrissi et al. 2022 select by the worst group, too).

A loss is the class-balanced cross-entropy with the class weights of train. Classes and groups
without development clips do not count, nor do clips whose class or group is unknown.
"""

from collections.abc import Sequence

import torch
from torch import nn

from fairser.core.errors import InputError
from fairser.extraction.inputs import MappedFeatures
from fairser.methods.base import Method, stack_values
from fairser.methods.group_labels import group_means, memberships

EVALUATION_BATCH = MappedFeatures.at_once  # so that sums are the same in memory and from a file
Parts = torch.Tensor | None


class Development:
    """Measures models on development, all cells of a stack at once.

    Args:
        methods: of one cell, or of each stacked cell; they may have different rules.

    Raises:
        InputError: no development clip has a class or a group for the rule.
    """

    def __init__(self, methods: Sequence[Method]) -> None:
        self.rows = methods[0].data.development
        parts = [selection_parts(method) for method in methods]
        self.parts: Parts = None
        if any(part is not None for part in parts):
            # All clips as one part give nothing that counts: these cells have their mean loss.
            whole = torch.ones(len(self.rows), 1, device=self.rows.device)
            filled = [whole if part is None else part for part in parts]
            self.parts = stack_values(filled) if len(methods) > 1 else filled[0]
        rules = torch.tensor([part is None for part in parts], device=self.rows.device)
        self.by_mean = rules if len(methods) > 1 else rules[0]

    @torch.no_grad()
    def measure(self, method: Method, model: nn.Module) -> tuple[list[float], list[float]]:
        """Mean loss of each cell [S], and its value by the rule [S], the lower the better.

        Args:
            method: of the cell, or of all as one (:func:`fairser.methods.base.stack`).
            model: of the cell, or of all as one.
        """
        losses = [
            method.clip_losses(method.logits(model, part), part)
            for part in evaluation_batches(method, self.rows)
        ]
        sums = torch.stack([part.sum(dim=-1) for part in losses]).sum(dim=0)
        means = (sums / len(self.rows)).reshape(-1)
        if self.parts is None:
            found: list[float] = means.tolist()
            return found, found
        every = torch.cat(losses, dim=-1)
        of_parts, present = group_means(every, self.parts.to(every))
        worst = torch.where(present, of_parts, -torch.inf).amax(dim=-1)
        values = torch.where(self.by_mean, means.view_as(worst), worst).reshape(-1)
        both: list[list[float]] = torch.stack([means, values]).tolist()
        return both[0], both[1]


def selection_parts(method: Method) -> Parts:
    """Membership [D, G] of the development clips in the parts whose largest mean loss counts.

    Returns:
        None for the rule ``loss``, by which all clips count.

    Raises:
        InputError: no development clip is known to be of a part.
    """
    data, rule = method.data, method.selection
    if rule == "loss":
        return None
    if rule == "worst_class":
        labels, lack = data.majority, "a majority class"
    elif data.groups is not None:
        labels, lack = data.groups, "a known group"
    else:
        raise InputError(
            f"'selection' is {rule}, but this method has no groups. Set it to loss or worst_class."
        )
    labels = labels[data.development]
    if not (labels >= 0).any():
        other = "" if rule == "worst_class" else ", or take another group source"
        raise InputError(
            f"'selection' is {rule}, but none of the {len(labels)} development clips has {lack}. "
            f"Set it to loss{other}."
        )
    return memberships(labels)


def evaluation_batches(method: Method, rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The rows in parts whose logits are computed together."""
    return rows.split(getattr(method.data.features, "at_once", EVALUATION_BATCH))
