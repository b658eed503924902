"""The gradient of the objective: ERM with the weighted largest gap (MinMaxGAP), batch by batch.

The gap is that of the whole batch, however few clips pass through the model at once. Each part
holds clips of one language and gender, and their gradients are kept apart. When all losses of the
batch are known, the gradients are combined with the factors of
:func:`fairser.methods.loss_gap.factors`. This is the exact gradient without another pass; it needs
memory for one set of adapters per stratum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fairser.llm.clips import Clips, Stratum
from fairser.methods.loss_gap import factors, penalty


@dataclass(frozen=True)
class Objective:
    """What the adapters of a model are trained for.

    ``micro_batch`` clips pass through the model at once; ``p`` is the exponent of the gap.
    """

    llm: Any
    clips: Clips
    parameters: Sequence[nn.Parameter]
    micro_batch: int
    p: int

    def gradient(self, rows: Sequence[int], weight: float) -> torch.Tensor:
        """Losses [B] of a batch; leaves the gradient for this lambda in the parameters."""
        if len(rows) <= self.micro_batch:
            losses = self.llm.losses(self.clips, rows).float()
            sums, counts = self.clips.sums(rows, losses)
            gap = penalty(sums / counts.clamp_min(1), counts, self.p)
            (losses.mean() + weight * gap).backward()
            return losses.detach().cpu()
        if weight == 0:
            return self._in_parts(rows, range(len(rows)), len(rows))
        return self._by_strata(rows, weight)

    def _by_strata(self, rows: Sequence[int], weight: float) -> torch.Tensor:
        """The same from one sum of gradients for each stratum."""
        members: dict[Stratum, list[int]] = {}
        for place, row in enumerate(rows):
            members.setdefault(self.clips.strata[row], []).append(place)
        losses, gradients = torch.zeros(len(rows)), {}
        for stratum, places in sorted(members.items()):
            losses += self._in_parts(rows, places, 1)
            gradients[stratum] = [parameter.grad for parameter in self.parameters]
            for parameter in self.parameters:
                parameter.grad = None
        sums, counts = self.clips.sums(rows, losses)
        table = factors(sums, counts, len(rows), weight, self.p)
        for (language, gender), parts in gradients.items():
            factor = 1 / len(rows) if gender < 0 else float(table[language, gender])
            for parameter, part in zip(self.parameters, parts, strict=True):
                if part is not None:
                    part = part * factor
                    parameter.grad = part if parameter.grad is None else parameter.grad + part
        return losses

    def _in_parts(self, rows: Sequence[int], places: Sequence[int], divisor: int) -> torch.Tensor:
        """Losses [B] of the clips at some places, 0 elsewhere; adds the gradient of their sum."""
        found = torch.zeros(len(rows))
        for part in torch.tensor(list(places)).split(self.micro_batch):
            losses = self.llm.losses(self.clips, [rows[i] for i in part.tolist()]).float()
            (losses.sum() / divisor).backward()
            found[part] = losses.detach().cpu()
        return found
