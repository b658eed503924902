"""What values are compared with: published thresholds, and simulated ones for the sizes at hand.

Published are those of arXiv 2312.06270 and of its list of tests (github.com/audeering/ser-tests).
Those of fairness tests come from a simulation there: the random model has no bias, so the largest
difference between a group and all groups that it shows in 1,000 repetitions is chance. They hold
for the sizes that were simulated. For others the same simulation runs here, with the labels at hand
kept and the predictions drawn anew. A threshold is the largest value of any group; for recall and
precision, of one class, as a rare class differs more by chance.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairser.evaluation.metrics import Floats, Labels, divide, uar
from fairser.model_tests.outcomes import (
    AT_LEAST,
    AT_MOST,
    CHOSEN,
    SIMULATED,
    WITHIN,
    Threshold,
)
from fairser.model_tests.reference import gaussian, same_chance
from fairser.model_tests.sums import MIDDLE, MOMENTS, differences, is_single, spread

CORRECTNESS = {
    "answered": Threshold(1.0, AT_LEAST, CHOSEN),
    **{name: Threshold(0.5, AT_LEAST) for name in ("uar", "uap", "recall", "precision")},
    "share": Threshold(0.15, WITHIN),
    "speaker_share_error": Threshold(0.1, AT_MOST),
    "speaker_rank": Threshold(0.7, AT_LEAST),
    "ccc": Threshold(0.5, AT_LEAST),
    "pearson": Threshold(0.5, AT_LEAST),
    "mean_absolute_error": Threshold(0.1, AT_MOST),
    "distribution": Threshold(0.2, AT_MOST),
    "speaker_mean_error": Threshold(0.1, AT_MOST),
}
# Share of clips with the same prediction, by the group of the condition.
SAME_PREDICTION = {"small changes": 0.95, "background noise": 0.9, "recording": 0.8}
PHONE = 0.5  # of a recording through a phone codec
CHANGE = Threshold(-0.05, AT_LEAST)  # of UAR or CCC, with background noise
PART = 2_000_000  # numbers of a simulation that are in memory at once: 16 MB


@dataclass(frozen=True)
class PublishedGroups:
    """Published thresholds of an attribute, and the sizes that they were simulated for."""

    groups: int
    clips: int  # of each group
    values: dict[str, float]
    bins: dict[str, float]  # where the classes are the bins of a dimension
    classes: int = 4  # of the simulation of recall and precision


SEX = PublishedGroups(
    groups=2,
    clips=1000,
    values={"uar_difference": 0.075, "recall_difference": 0.175, "precision_difference": 0.075},
    bins={"ccc_difference": 0.075, "recall_difference": 0.1, "precision_difference": 0.1},
)
PITCH = PublishedGroups(
    groups=3,
    clips=1000,
    values={"uar_difference": 0.075, "recall_difference": 0.225, "precision_difference": 0.1},
    bins={"ccc_difference": 0.1, "recall_difference": 0.125, "precision_difference": 0.125},
)
ACCENT = PublishedGroups(
    groups=30,
    clips=60,
    values={"share_difference": 0.225},
    bins={"share_difference": 0.225, "mean_difference": 0.075},
)
LANGUAGE = PublishedGroups(
    groups=6,
    clips=1000,
    values={"share_difference": 0.1},
    bins={"share_difference": 0.1, "mean_difference": 0.03},
)
BY_ATTRIBUTE = {
    **dict.fromkeys(("gender", "sex"), SEX),
    "pitch": PITCH,
    **dict.fromkeys(("accent", "native_language"), ACCENT),
    "language": LANGUAGE,
}


def same_prediction(group: str, condition: str) -> Threshold:
    """The smallest share of clips whose prediction a condition may leave as it is."""
    phone = group == "recording" and "phone" in condition
    return Threshold(PHONE if phone else SAME_PREDICTION[group], AT_LEAST)


@dataclass(frozen=True)
class GroupSizes:
    """The groups of an attribute in a corpus."""

    attribute: str
    sizes: NDArray[np.int64]  # clips of each [G]
    classes: int  # of the corpus
    task: str

    def are(self, known: PublishedGroups) -> bool:
        """Whether the published thresholds were simulated for such groups."""
        as_many = (len(self.sizes), self.classes) == (known.groups, known.classes)
        return as_many and bool((self.sizes == known.clips).all())


def of_groups(test: str, groups: GroupSizes, simulated: float) -> Threshold:
    """The threshold of a difference between groups: the published one if the sizes are the same.

    Args:
        test: such as ``uar_difference``.
        groups: that are compared.
        simulated: the value for these sizes.
    """
    known = BY_ATTRIBUTE.get(groups.attribute)
    values = {} if known is None else known.bins if groups.task == "dimensions" else known.values
    if known is None or test not in values:
        return Threshold(simulated, WITHIN, SIMULATED)
    if groups.are(known):
        return Threshold(values[test], WITHIN)
    return Threshold(simulated, WITHIN, SIMULATED, published=values[test])


@dataclass(frozen=True)
class Simulation:
    """The random model on some clips.

    Attributes:
        truth: classes of the clips [N, C]; all False without labels.
        index: group of each clip [N], from 0.
        groups: G.
        chance: probability of each class by the random model [C].
        task: of the corpus.
        repetitions: R.
        generator: of the draws.
    """

    truth: Labels
    index: NDArray[np.int64]
    groups: int
    chance: Floats
    task: str
    repetitions: int
    generator: np.random.Generator

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.bincount(self.index, minlength=self.groups)

    def counts(self) -> Floats:
        """Counts [R, G, C, 4] of as many repetitions."""
        classes = self.truth.shape[1]
        positives = np.zeros((self.groups, classes), np.int64)
        np.add.at(positives, self.index, self.truth.astype(np.int64))
        size, shape = self.sizes, (self.repetitions, self.groups, classes)
        if is_single(self.task):
            rest = size - positives.sum(axis=1)  # clips without a label
            by_class = np.concatenate([positives, rest[:, None]], axis=1)
            drawn = self.generator.multinomial(
                by_class, self.chance, size=(shape[0], *by_class.shape)
            )
            predicted = drawn.sum(axis=2)
            hits = np.diagonal(drawn[:, :, :classes], axis1=2, axis2=3)
        else:
            hits = self.generator.binomial(positives, self.chance, shape)
            predicted = hits + self.generator.binomial(
                size[:, None] - positives, self.chance, shape
            )
        clips = np.broadcast_to(size[:, None], shape)
        parts = [clips, np.broadcast_to(positives, shape), predicted, hits]
        return np.stack(parts, axis=-1).astype(np.float64)

    def largest_differences(self) -> dict[str, Floats]:
        """Largest absolute difference between a group and all.

        ``uar_difference`` is one number; ``recall_difference``, ``precision_difference`` and
        ``share_difference`` are by class [C], the last one also by group [G, C], whose sizes
        differ without labels. NaN where none exists.
        """
        found = {name: np.abs(values) for name, values in differences(self.counts()).items()}
        keeps = {"uar_difference": (0, 1), "share_difference": (0,)}
        return {
            name: np.fmax.reduce(values, axis=keeps.get(name, (0, 1)))
            for name, values in found.items()
        }

    def largest_uar_gap(self) -> float:
        """Largest change of the gap in UAR when all predictions are drawn anew."""
        before, after = (spread(uar(self.counts())) for _ in range(2))
        return float(np.fmax.reduce(after - before))

    def largest_same_gap(self) -> float:
        """Largest gap between the groups in the share of predictions that stay the same."""
        chance = same_chance(self.truth.shape[1], self.task)
        shape = (self.repetitions, self.groups)
        same = self.generator.binomial(self.sizes, chance, shape)
        return float(spread(divide(same, self.sizes)).max())

    def largest_difference(self, truth: Floats, of: Callable[[Floats], Floats]) -> Floats:
        """Largest absolute difference between a group and all [G] of a number of a dimension.

        Args:
            truth: of the dimension [N].
            of: the number, of moments [..., 7].
        """
        found = np.full(self.groups, np.nan)
        for sums in self._parts(truth):
            part = np.abs(of(sums) - of(sums.sum(axis=1, keepdims=True)))
            found = np.fmax(found, np.fmax.reduce(part, axis=0))
        return found

    def largest_gap(self, truth: Floats, of: Callable[[Floats], Floats]) -> float:
        """Largest change of the gap in a number of a dimension when all is drawn anew."""
        before, after = (np.concatenate([spread(of(s)) for s in self._parts(truth)]) for _ in "ab")
        return float(np.fmax.reduce(after - before))

    def _parts(self, truth: Floats) -> Iterator[Floats]:
        """Moments [r, G, 7], in parts of the R repetitions."""
        member = np.eye(self.groups)[self.index]
        x = truth - MIDDLE
        fixed = [part @ member for part in (np.ones_like(x), x, x * x)]
        step = max(1, PART // len(truth))
        for start in range(0, self.repetitions, step):
            size = min(step, self.repetitions - start)
            y = gaussian(self.generator, (size, len(truth))) - MIDDLE
            drawn = [part @ member for part in (y, y * y, y * x, np.abs(y - x))]
            sums = np.empty((size, self.groups, len(MOMENTS)))
            for place, part in zip((0, 1, 3, 2, 4, 5, 6), (*fixed, *drawn), strict=True):
                sums[..., place] = part
            yield sums
