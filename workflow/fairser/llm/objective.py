"""The gradient of the objective: ERM with the weighted largest gap (MinMaxGAP), batch by batch.

The gap takes in the whole batch, however few clips pass through the model at once. Each part holds
clips of one language and gender, and their gradients are kept apart. When all losses of the batch
are known, the gradients are combined with the factors of :class:`fairser.llm.gaps.Step`. This is
the exact gradient without another pass; it needs memory for one set of adapters per stratum. Other
parts draw other dropout; without dropout they change rounding alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fairser.llm.clips import Clips, Stratum
from fairser.llm.gaps import GapTracker, Step


@dataclass(frozen=True)
class Objective:
    """What the adapters of a model are trained for.

    ``micro_batch`` clips pass through the model at once; ``gaps`` has the state of the gap.
    """

    llm: Any
    clips: Clips
    parameters: Sequence[nn.Parameter]
    micro_batch: int
    gaps: GapTracker

    def parts(self, rows: Sequence[int], weight: float) -> list[list[int]]:
        """Rows that pass through the model together in :meth:`gradient`, in its order."""
        if len(rows) <= self.micro_batch:
            return [list(rows)]
        groups = [range(len(rows))] if weight == 0 else self._strata(rows).values()
        places = [part for group in groups for part in self._split(group)]
        return [[rows[i] for i in part] for part in places]

    def gradient(self, rows: Sequence[int], weight: float) -> Step:
        """Take a step's batch; leaves the gradient for this lambda in the parameters."""
        if len(rows) <= self.micro_batch:
            losses = self.llm.losses(self.clips, rows).float()
            step = self.gaps.step(rows, losses.detach().cpu(), weight)
            (losses @ step.factors.to(losses)).backward()
            return step
        if weight == 0:
            losses = self._in_parts(rows, range(len(rows)), len(rows))
            return self.gaps.step(rows, losses, weight)
        return self._by_strata(rows, weight)

    def _by_strata(self, rows: Sequence[int], weight: float) -> Step:
        """The same from one sum of gradients for each stratum."""
        members = self._strata(rows)
        losses, gradients = torch.zeros(len(rows)), {}
        for stratum, places in members.items():
            losses += self._in_parts(rows, places, 1)
            gradients[stratum] = [parameter.grad for parameter in self.parameters]
            for parameter in self.parameters:
                parameter.grad = None
        step = self.gaps.step(rows, losses, weight)
        for stratum, parts in gradients.items():
            factor = float(step.factors[members[stratum][0]])
            for parameter, part in zip(self.parameters, parts, strict=True):
                if part is not None:
                    part = part * factor
                    parameter.grad = part if parameter.grad is None else parameter.grad + part
        return step

    def _in_parts(self, rows: Sequence[int], places: Sequence[int], divisor: int) -> torch.Tensor:
        """Losses [B] of the clips at some places, 0 elsewhere; adds the gradient of their sum."""
        found = torch.zeros(len(rows))
        for part in self._split(places):
            losses = self.llm.losses(self.clips, [rows[i] for i in part]).float()
            (losses.sum() / divisor).backward()
            found[part] = losses.detach().cpu()
        return found

    def _strata(self, rows: Sequence[int]) -> dict[Stratum, list[int]]:
        """Places of the clips of each stratum in a batch, in the order of the strata."""
        members: dict[Stratum, list[int]] = {}
        for place, row in enumerate(rows):
            members.setdefault(self.clips.strata[row], []).append(place)
        return dict(sorted(members.items()))

    def _split(self, places: Sequence[int]) -> list[list[int]]:
        """Places in parts that pass through the model together."""
        size = self.micro_batch
        return [list(places[start : start + size]) for start in range(0, len(places), size)]
