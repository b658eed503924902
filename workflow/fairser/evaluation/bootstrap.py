"""The numbers of a run, under resamples of its test speakers and permutations of their groups.

Every metric follows from counts of clips, positives, predicted positives and hits, which add up
over speakers; :mod:`fairser.evaluation.resampling` draws these. All runs with the same test
speakers get the same draws, so that two methods are compared speaker by speaker.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairser.core.checksums import check_files, read_record
from fairser.core.table_files import read_made
from fairser.corpora.clips import MULTI, TEST_SET
from fairser.corpora.people import is_nobody
from fairser.evaluation.metrics import (
    COUNTS,
    Floats,
    class_gaps,
    performance,
    rms,
)
from fairser.evaluation.resampling import NAN, resample, shuffle

POOLED = 0  # in place of a fold's number: the test clips of all folds together


@dataclass(frozen=True)
class Gap:
    """A gap of a table: attribute, rate and variant (:mod:`fairser.evaluation.metrics`)."""

    attribute: str
    rate: str
    variant: str


@dataclass(frozen=True)
class Places:
    """Rows of counts, and the speaker, group and class that each belongs to.

    ``index`` has their numbers, ``shape`` how many there are: S, G and C.
    """

    rows: pl.DataFrame
    groups: list[str]
    classes: list[str]
    index: tuple[NDArray[np.int64], ...]
    shape: tuple[int, int, int]

    def counts(self) -> Floats:
        """Counts [S, G, C, 4]."""
        table = np.zeros((*self.shape, len(COUNTS)))
        np.add.at(table, self.index, self.rows.select(COUNTS).to_numpy().astype(np.float64))
        return table


@dataclass(frozen=True, eq=False)  # compared and hashed by identity
class RunCounts:
    """One run of the grid, and :func:`fairser.evaluation.evaluate.speaker_counts` on test.

    The rows may also be those of single clips, which add up to the same. ``test_set`` names the one
    that the counts are of (:func:`by_test_set`); None: all test clips.
    """

    method: str
    source: str
    k: int
    fold: int
    seed: int
    counts: pl.DataFrame
    task: str = MULTI
    test_set: str | None = None

    def places(self, attribute: str | None) -> "Places":
        """Where the rows of known group belong; None: one group of all."""
        known = self.counts
        column = pl.lit("") if attribute is None else pl.lit(None, pl.String)
        if attribute in known.columns:
            column = pl.col(str(attribute))
        known = known.with_columns(column.alias("group")).drop_nulls("group")
        speakers, groups = (known[name].unique().sort() for name in ("speaker", "group"))
        classes = self.counts["class"].unique(maintain_order=True)
        index = tuple(
            known[name].replace_strict(names, range(len(names))).to_numpy().astype(np.int64)
            for name, names in (("speaker", speakers), ("group", groups), ("class", classes))
        )
        shape = (len(speakers), len(groups), len(classes))
        return Places(known, groups.to_list(), classes.to_list(), index, shape)

    def by_group(self, attribute: str | None) -> tuple[list[str], Floats]:
        """Groups of an attribute, and counts [S, G, C, 4] by speaker; None: one group of all."""
        found = self.places(attribute)
        return found.groups, found.counts()

    def people(self, attribute: str | None) -> dict[str, int]:
        """Known speakers of each group of an attribute; None: one group of all.

        Clips without a speaker may be of anyone, so they do not count as people.
        """
        known = pl.col("speaker").filter(~is_nobody()).n_unique()
        if attribute is None:
            return {"": int(self.counts.select(known).item())}
        if attribute not in self.counts.columns:
            return {}
        by_group = self.counts.drop_nulls(attribute).group_by(attribute)
        return dict(by_group.agg(known).sort(attribute).iter_rows())


def read_counts(metrics: Iterable[str], counts: Iterable[str]) -> list[RunCounts]:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each, in order."""
    runs = []
    for run, table in zip(metrics, counts, strict=True):
        record = read_record(run)
        cell = {name: record[name] for name in ("method", "source", "k", "fold", "seed", "task")}
        check_files(run, record, [Path(table).name])
        runs.append(RunCounts(**cell, counts=read_made(table)))
    return runs


def by_test_set(runs: Iterable[RunCounts]) -> list[RunCounts]:
    """The runs, those with several test sets once for each of them."""
    found = []
    for run in runs:
        if TEST_SET not in run.counts.columns:
            found.append(run)
            continue
        parts = run.counts.partition_by(TEST_SET, as_dict=True, include_key=False).items()
        found += [replace(run, counts=part, test_set=str(name)) for (name,), part in parts]
    return found


Run = TypeVar("Run", bound=RunCounts)


def pooled(runs: Iterable[Run]) -> dict[Run, Run]:
    """For each run, the one with the test clips of all folds that stands for it."""
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        key = (run.method, run.source, run.k, run.seed, run.test_set)
        found.setdefault(key, []).append(run)
    return {run: whole for part in found.values() for whole in [_joined(part)] for run in part}


def _joined(runs: Sequence[Run]) -> Run:
    counts = pl.concat([run.counts for run in runs], how="diagonal")
    return replace(runs[0], fold=POOLED, counts=counts)


@dataclass(frozen=True)
class Sample:
    """A number of one run.

    Attributes:
        values: as measured, then by resample [1 + R]; NaN where it does not exist.
        speakers: known ones of each group that the number compares; one entry for performance.
        chance: a gap by permutation of the groups among the speakers [R].
    """

    values: Floats
    speakers: Mapping[str, int]
    chance: Floats = field(default_factory=lambda: np.array([NAN]))


class Bootstrap:
    """Numbers of every run for the test speakers as they are, R resamples and R permutations.

    Folds draw independently. ``gaps`` are by the name of their column; ``over`` is the setting
    ``statistics.over``.
    """

    def __init__(
        self, resamples: int, seed: int, gaps: Mapping[str, Gap], over: str | None = "folds"
    ) -> None:
        self.resamples, self.seed, self.gaps, self.over = resamples, seed, gaps, over

    @property
    def attributes(self) -> list[str]:
        return list(dict.fromkeys(gap.attribute for gap in self.gaps.values()))

    def samples(self, run: RunCounts) -> dict[str, Sample]:
        """The metrics of performance and the gaps of a run."""
        _, table = run.by_group(None)
        counts = resample(table, self.resamples, self.generator(run, ""))[:, 0]
        scores = performance(counts, run.task)
        found = {name: Sample(values, run.people(None)) for name, values in scores.items()}
        by_attribute = {name: self._gaps(run, name) for name in self.attributes}
        return found | {name: by_attribute[gap.attribute][name] for name, gap in self.gaps.items()}

    def _gaps(self, run: RunCounts, attribute: str) -> dict[str, Sample]:
        """The gaps of one attribute."""
        groups, table = run.by_group(attribute)
        speakers = run.people(attribute)
        mine = {name: gap for name, gap in self.gaps.items() if gap.attribute == attribute}
        if not groups:
            return dict.fromkeys(mine, Sample(np.full(1 + self.resamples, NAN), {}))
        generator = self.generator(run, attribute)
        counts = [f(table, self.resamples, generator) for f in (resample, shuffle)]
        found = {}
        for name, gap in mine.items():
            values, chance = (rms(class_gaps(c, gap.rate)[gap.variant]) for c in counts)
            found[name] = Sample(values, speakers, chance)
        return found

    def generator(self, run: RunCounts, attribute: str) -> np.random.Generator:
        """The same for all runs of a fold, which have the same test speakers."""
        name = f"{attribute} {run.test_set or ''}".encode()
        return np.random.default_rng([self.seed, run.fold, *name])
