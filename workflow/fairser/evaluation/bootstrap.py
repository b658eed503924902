"""Estimates with their uncertainty: means over folds and seeds, and a bootstrap over speakers.

Every metric follows from counts of clips, positives, predicted positives and hits, which add up
over speakers. One resample draws as many speakers of a test fold as it has, with replacement; it
is a vector of weights, and all resamples of all counts are one matrix product. All runs of a fold
get the same resamples, so that two methods are compared speaker by speaker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.core.files import read_json
from fairser.evaluation.metrics import Floats, class_gaps, performance, rms

LEVEL = 0.95
COUNTS = ("clips", "positives", "predicted", "hits")


@dataclass(frozen=True)
class Gap:
    """A gap of a table: attribute, rate and variant (:mod:`fairser.evaluation.metrics`)."""

    attribute: str
    rate: str
    variant: str


@dataclass(frozen=True, eq=False)  # compared and hashed as the object that it is
class RunCounts:
    """One run of the grid with its counts on test.

    Attributes:
        method, source, k, fold, seed: the cell of the grid.
        counts: a row per speaker, combination of attributes and class: ``speaker``, the attributes,
            ``class``, ``clips``, ``positives``, ``predicted``, ``hits``.
    """

    method: str
    source: str
    k: int
    fold: int
    seed: int
    counts: pl.DataFrame


def read_counts(metrics: Iterable[str], counts: Iterable[str]) -> list[RunCounts]:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each, in order."""
    names = ("method", "source", "k", "fold", "seed")
    runs = []
    for run, table in zip(metrics, counts, strict=True):
        record = read_json(run)
        cell = {name: record[name] for name in names}
        runs.append(RunCounts(**cell, counts=pl.read_parquet(table)))
    return runs


def draw_weights(generator: np.random.Generator, speakers: int, resamples: int) -> NDArray[Any]:
    """Times [R, S] that each of S speakers counts when S are drawn with replacement, R times."""
    return generator.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)


class Bootstrap:
    """Values of every run under the data as they are and under each resample of its speakers.

    Args:
        resamples: R, their number.
        seed: of the draw; folds draw independently.
        gaps: gaps by the name of their column.
    """

    def __init__(self, resamples: int, seed: int, gaps: dict[str, Gap]) -> None:
        self.resamples, self.seed, self.gaps = resamples, seed, gaps
        self._weights: dict[tuple[int, int], Floats] = {}

    def values(self, run: RunCounts) -> dict[str, Floats]:
        """F1, accuracy and the gaps of a run, each [1 + R]: as measured, then by resample.

        A value that does not exist, such as the gap of a resample with one group, is NaN.
        """
        classes = run.counts["class"].unique(maintain_order=True).to_list()
        speakers = run.counts["speaker"].unique().sort().to_list()
        weights = self._weights_of(run.fold, len(speakers))
        total = weights @ self._table(run.counts, speakers, classes).reshape(len(speakers), -1)
        values = performance(total.reshape(len(weights), len(classes), 4))
        for name, gap in self.gaps.items():
            values[name] = self._gap(run.counts, gap, weights, speakers, classes)
        return values

    def _gap(
        self,
        counts: pl.DataFrame,
        gap: Gap,
        weights: Floats,
        speakers: Sequence[str],
        classes: Sequence[str],
    ) -> Floats:
        if gap.attribute not in counts.columns:
            return np.full(len(weights), np.nan)
        by_group = []
        for _, part in counts.drop_nulls(gap.attribute).group_by(
            gap.attribute, maintain_order=True
        ):
            table = self._table(part, speakers, classes).reshape(len(speakers), -1)
            by_group.append((weights @ table).reshape(len(weights), len(classes), 4))
        if not by_group:
            return np.full(len(weights), np.nan)
        return rms(class_gaps(np.stack(by_group, axis=1), gap.rate)[gap.variant])

    def _table(
        self, counts: pl.DataFrame, speakers: Sequence[str], classes: Sequence[str]
    ) -> Floats:
        """Counts [S, C, 4]."""
        table = np.zeros((len(speakers), len(classes), len(COUNTS)))
        row = counts["speaker"].replace_strict(speakers, range(len(speakers))).to_numpy()
        column = counts["class"].replace_strict(classes, range(len(classes))).to_numpy()
        np.add.at(table, (row, column), counts.select(COUNTS).to_numpy().astype(np.float64))
        return table

    def _weights_of(self, fold: int, speakers: int) -> Floats:
        """Times that each speaker counts [1 + R, S]; the first row is the data as they are."""
        key = (fold, speakers)
        if key not in self._weights:
            generator = np.random.default_rng([self.seed, fold])
            drawn = draw_weights(generator, speakers, self.resamples)
            self._weights[key] = np.vstack([np.ones(speakers), drawn])
        return self._weights[key]


@dataclass(frozen=True)
class Estimate:
    """A number of a table.

    Attributes:
        value: mean over folds of the mean over the runs of a fold; NaN where it does not exist.
        std: sample standard deviation (ddof 1) over folds, NaN with one fold.
        seed_std: root mean square over folds of the sample standard deviation over seeds.
        resampled: the value by resample [R].
        signed: whether the number can be negative, as a gain can.
    """

    value: float
    std: float
    seed_std: float
    resampled: Floats
    signed: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        return interval(self.value, self.resampled, self.signed)


def interval(value: float, resampled: Floats, signed: bool = False) -> tuple[float, float]:
    """Percentile interval of 95 % over the resamples, shifted by their bias.

    A gap is a difference of extremes, which drawing speakers anew widens: the resamples lie
    above the measured gap on average. The shift takes that out; what is left is their spread.

    Args:
        value: the number as measured; without it there is no interval.
        resampled: the number by resample [R]; NaN where a resample lacks it.
        signed: whether it can be negative.
    """
    found = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not found.size:
        return float("nan"), float("nan")
    ends = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = ends - (found.mean() - value)
    return float(low if signed else max(low, 0.0)), float(high)


def estimate(runs: Iterable[RunCounts], values: dict[RunCounts, Floats]) -> Estimate:
    """One number from the runs of a table's row.

    Args:
        runs: runs of any folds, seeds and, for a row over several methods, methods.
        values: the metric of each run [1 + R].
    """
    by_fold: dict[int, dict[int, list[Floats]]] = {}
    for run in runs:
        by_fold.setdefault(run.fold, {}).setdefault(run.seed, []).append(values[run])
    seeds = {
        fold: np.stack([_nanmean(np.stack(found)) for found in part.values()])
        for fold, part in by_fold.items()
    }
    folds = np.stack([_nanmean(part) for part in seeds.values()])
    by_seed = [part[:, 0][~np.isnan(part[:, 0])] for part in seeds.values()]
    spread = [np.std(found, ddof=1) for found in by_seed if len(found) > 1]
    mean = _nanmean(folds)
    measured = folds[:, 0][~np.isnan(folds[:, 0])]
    return Estimate(
        value=float(mean[0]),
        std=float(np.std(measured, ddof=1)) if len(measured) > 1 else float("nan"),
        seed_std=float(np.sqrt(np.mean(np.square(spread)))) if spread else float("nan"),
        resampled=mean[1:],
    )


def p_value(ours: Estimate, reference: Estimate) -> float:
    """Two-sided bootstrap p-value of the difference to a reference with the same resamples.

    Twice the share of resamples in which the difference has the rarer sign, counting the data as
    they are as one more resample, so that it is never 0; at most 1. For gaps close to 0 it is
    conservative, since resampling widens them.
    """
    difference = ours.resampled - reference.resampled
    difference = difference[~np.isnan(difference)]
    if not difference.size:
        return float("nan")
    rarer = min((difference <= 0).sum(), (difference >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (difference.size + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction of p-values; NaN stays NaN and counts for nothing."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def _nanmean(values: Floats) -> Floats:
    """Mean over the first axis of what exists; NaN where nothing does."""
    exists = ~np.isnan(values)
    count = exists.sum(axis=0)
    total = np.where(exists, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
