"""The loss gap between genders, and what it would be if the genders did not matter.

The gap of a few clips is above 0 whatever the model does. Its expectation without any gap is the
mean gap for genders that are permuted among the clips of a language, within each batch. So every
batch keeps its number of women and men, and the losses their course over the training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from fairser.corpora.genders import GENDERS
from fairser.llm.clips import Clips
from fairser.methods.gap_estimators import BatchMeans, make_estimator
from fairser.methods.group_labels import memberships
from fairser.methods.loss_gap import Options, language_gaps, largest, penalty

PERMUTATIONS = 20


@dataclass(frozen=True)
class Step:
    """A batch in the objective: its losses [B], and the factors [B] that give its gradient.

    ``gap`` is the estimated Delta_max, ``chance`` its mean over permuted genders; both are NaN
    where no language has a gap.
    """

    losses: torch.Tensor
    factors: torch.Tensor
    gap: float
    chance: float


class GapTracker:
    """Estimates the gap of train clips from batch to batch, beside that of permuted genders."""

    def __init__(self, clips: Clips, options: Options) -> None:
        self.clips, self.p = clips, options.p
        strata = len(clips.languages) * len(GENDERS)
        self.estimator = make_estimator(options, 1 + PERMUTATIONS, strata)
        self.generator = torch.Generator().manual_seed(0)  # of the permutations

    def state(self) -> dict[str, Any]:
        """What the next steps depend on."""
        return {"estimator": self.estimator.state_dict(), "generator": self.generator.get_state()}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from a :meth:`state`."""
        self.estimator.load_state_dict(state["estimator"])
        self.generator.set_state(state["generator"])

    def step(self, rows: Sequence[int], losses: torch.Tensor, weight: float) -> Step:
        """Take a batch with its losses [B]; the gradient for this lambda is that of its factors.

        The gradient of L_ERM + lambda Delta_max^p is sum_i f_i grad l_i, with the same factor f for
        all clips of a stratum. So the strata of a batch can go backward one by one, and their
        gradients are combined when the gap is known.
        """
        shares = _streams(self.clips, rows, self.generator)
        means, counts = _by_language(self.estimator(losses.expand(len(shares), -1), shares))
        _, slopes = penalty(means[0], counts[0], self.p)
        per_clip = slopes.flatten().to(shares) / shares[0].sum(dim=0).clamp_min(1)
        factors = 1 / len(rows) + weight * (shares[0] @ per_clip)
        gaps = largest(language_gaps(means, counts))
        return Step(losses, factors, float(gaps[0]), float(gaps[1:].mean()))


def split_gaps(clips: Clips, losses: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Gap of each language [L] in a full pass over clips, NaN without both genders.

    The second number is the mean of the largest gap over permuted genders, NaN without any gap.
    """
    shares = _streams(clips, range(len(clips)), torch.Generator().manual_seed(0))
    means, counts = _by_language(BatchMeans()(losses.double().expand(len(shares), -1), shares))
    gaps = language_gaps(means, counts)
    return gaps[0], float(largest(gaps[1:]).mean())


def _by_language(estimates: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Estimates [..., L * G] as [..., L, G]."""
    return [part.unflatten(-1, (-1, len(GENDERS))) for part in estimates]


def _streams(clips: Clips, rows: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    """Memberships of clips as they are, then with permuted genders [1 + P, B, L * G]."""
    keys = torch.rand(PERMUTATIONS, len(rows), generator=generator)
    places = clips.places[list(rows)]
    streams = places.repeat(1 + PERMUTATIONS, 1)
    languages = torch.where(places < 0, -1, places // len(GENDERS))
    for language in range(len(clips.languages)):
        (among,) = (languages == language).nonzero(as_tuple=True)
        streams[1:, among] = places[among][keys[:, among].argsort(dim=1)]
    return memberships(streams, len(clips.languages) * len(GENDERS))
