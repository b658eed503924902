"""Estimates with their uncertainty: means over folds and seeds, and a bootstrap over speakers.

Every metric follows from counts of clips, positives, predicted positives and hits, which add up
over speakers. One resample draws as many speakers of a test fold as it has, with replacement; it
is a vector of weights, and all resamples of all counts are one matrix product. All runs of a fold
get the same resamples, so that two methods are compared on the same draws.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.core.files import read_json
from fairser.corpora.clips import MULTI
from fairser.evaluation.metrics import (
    COUNTS,
    Floats,
    class_gaps,
    class_mean,
    performance,
    rms,
)

LEVEL = 0.95
NAN = float("nan")


@dataclass(frozen=True)
class Gap:
    """A gap of a table: attribute, rate and variant (:mod:`fairser.evaluation.metrics`)."""

    attribute: str
    rate: str
    variant: str


@dataclass(frozen=True, eq=False)  # compared and hashed by identity
class RunCounts:
    """One run of the grid, and :func:`fairser.evaluation.evaluate.speaker_counts` on test."""

    method: str
    source: str
    k: int
    fold: int
    seed: int
    counts: pl.DataFrame
    task: str = MULTI


def read_counts(metrics: Iterable[str], counts: Iterable[str]) -> list[RunCounts]:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each, in order."""
    runs = []
    for run, table in zip(metrics, counts, strict=True):
        record = read_json(run)
        cell = {name: record[name] for name in ("method", "source", "k", "fold", "seed")}
        runs.append(RunCounts(**cell, counts=pl.read_parquet(table), task=record["task"]))
    return runs


def draw_weights(generator: np.random.Generator, speakers: int, resamples: int) -> NDArray[Any]:
    """Times [R, S] that each of S speakers counts when S are drawn with replacement, R times."""
    return generator.multinomial(speakers, np.full(speakers, 1 / speakers), size=resamples)


class Bootstrap:
    """Values of every run for the test speakers as they are and for R resamples of them.

    Folds draw independently. ``gaps`` are by the name of their column.
    """

    def __init__(self, resamples: int, seed: int, gaps: dict[str, Gap]) -> None:
        self.resamples, self.seed, self.gaps = resamples, seed, gaps
        self._weights: dict[tuple[int, int], Floats] = {}

    def values(self, run: RunCounts) -> dict[str, Floats]:
        """F1, accuracy and the gaps of a run, each [1 + R]: as measured, then by resample.

        A value that does not exist, such as the gap of a resample with one group, is NaN.
        """
        classes = run.counts["class"].unique(maintain_order=True)
        speakers = run.counts["speaker"].unique().sort()
        weights = self.weights(run.fold, len(speakers))

        def totals(counts: pl.DataFrame) -> Floats:
            """Counts [1 + R, C, 4] over the speakers."""
            table = np.zeros((len(speakers), len(classes), len(COUNTS)))
            row = counts["speaker"].replace_strict(speakers, range(len(speakers))).to_numpy()
            column = counts["class"].replace_strict(classes, range(len(classes))).to_numpy()
            np.add.at(table, (row, column), counts.select(COUNTS).to_numpy().astype(np.float64))
            return np.tensordot(weights, table, axes=1)

        by_group = {}  # [1 + R, G, C, 4] of each attribute
        for attribute in {gap.attribute for gap in self.gaps.values()} & {*run.counts.columns}:
            known = run.counts.drop_nulls(attribute)
            if known.height:
                parts = known.partition_by(attribute, maintain_order=True)
                by_group[attribute] = np.stack([totals(part) for part in parts], axis=1)
        values = performance(totals(run.counts), run.task)
        for name, gap in self.gaps.items():
            values[name] = np.full(len(weights), NAN)
            if gap.attribute in by_group:
                values[name] = rms(class_gaps(by_group[gap.attribute], gap.rate)[gap.variant])
        return values

    def weights(self, fold: int, speakers: int) -> Floats:
        """Times that each speaker counts [1 + R, S]; the first row is 1 for all."""
        key = (fold, speakers)
        if key not in self._weights:
            generator = np.random.default_rng([self.seed, fold])
            drawn = draw_weights(generator, speakers, self.resamples)
            self._weights[key] = np.vstack([np.ones(speakers), drawn])
        return self._weights[key]


@dataclass(frozen=True)
class Estimate:
    """A number of a table; NaN where it does not exist."""

    value: float  # mean over folds of the mean over the runs of a fold
    std: float  # sample standard deviation (ddof 1) over folds
    seed_std: float  # root mean square over folds of the sample standard deviation over seeds
    resampled: Floats  # the value by resample [R]
    signed: bool = False  # whether the number can be negative, as a gain can

    @property
    def interval(self) -> tuple[float, float]:
        return interval(self.value, self.resampled, self.signed)


def interval(value: float, resampled: Floats, signed: bool = False) -> tuple[float, float]:
    """Percentile interval of 95 % over the resamples [R], shifted by their bias; they may be NaN.

    A gap is a difference of extremes, which drawing speakers anew widens: the resamples lie
    above the measured gap on average. The shift removes this bias and keeps their spread.
    """
    found = resampled[~np.isnan(resampled)]
    if np.isnan(value) or not found.size:
        return NAN, NAN
    ends = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    low, high = ends - (found.mean() - value)
    return float(low if signed else max(low, 0.0)), float(high)


def estimate(runs: Iterable[RunCounts], values: dict[RunCounts, Floats]) -> Estimate:
    """One number from the runs of a table's row, which has any folds, seeds and methods.

    ``values`` hold the metric of each run [1 + R].
    """
    by_fold: dict[int, dict[int, list[Floats]]] = {}
    for run in runs:
        by_fold.setdefault(run.fold, {}).setdefault(run.seed, []).append(values[run])
    seeds = [
        np.stack([class_mean(np.stack(found), axis=0) for found in part.values()])
        for part in by_fold.values()
    ]
    folds = np.stack([class_mean(part, axis=0) for part in seeds])
    mean = class_mean(folds, axis=0)
    spreads = np.array([_std(part[:, 0]) for part in seeds])
    return Estimate(
        value=float(mean[0]),
        std=_std(folds[:, 0]),
        seed_std=float(rms(spreads[~np.isnan(spreads)])),
        resampled=mean[1:],
    )


def _std(values: Floats) -> float:
    """Sample standard deviation of the values that exist; NaN for fewer than two."""
    found = values[~np.isnan(values)]
    return float(np.std(found, ddof=1)) if len(found) > 1 else NAN


def p_value(ours: Estimate, reference: Estimate) -> float:
    """Two-sided bootstrap p-value of the difference to a reference with the same resamples.

    Twice the share of resamples in which the difference has the rarer sign, counting the data as
    they are as one more resample, so that it is never 0; at most 1. For gaps close to 0 it is
    conservative, since resampling widens them.
    """
    difference = ours.resampled - reference.resampled
    difference = difference[~np.isnan(difference)]
    if not difference.size:
        return NAN
    rarer = min((difference <= 0).sum(), (difference >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (difference.size + 1)))


def holm(p_values: Sequence[float | None]) -> list[float]:
    """Holm's step-down correction of p-values; None and NaN become NaN and are not counted."""
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), NAN)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()
