"""The tables of the second study, in percentage points.

After the measures come, for each number x: ``x_low`` and ``x_high`` (95 % interval, bootstrap over
speakers), ``x_seed_std`` (over seeds, where there are several) and ``x_p`` (p-value of the
difference to ERM of the same modality, Holm-corrected over the tested rows of the table); for a gap
also ``x_chance`` and ``x_chance_high`` (with the genders shuffled among the speakers).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from fairser.core.checksums import check_files, read_record
from fairser.core.errors import InputError
from fairser.core.table_files import read_made
from fairser.core.text import SIGNIFICANT
from fairser.corpora.genders import GENDERS
from fairser.evaluation.bootstrap import RunCounts, Sample
from fairser.evaluation.estimates import Estimate, estimate, p_value
from fairser.evaluation.resampling import resample, shuffle
from fairser.llm.grid import OBJECTIVES, LLMCell
from fairser.llm.measures import ALL, COLUMNS, GAPS, PERFORMANCE, count_array, measures
from fairser.results import estimate_tables

NAMES = {"zero_shot": "zero-shot", "erm": "ERM", "minmaxgap": "ERM-MinMaxGAP"}
LEGEND = (
    "percentage points [95 % interval, bootstrap over speakers]; * differs from ERM, "
    f"Holm-corrected p < {SIGNIFICANT}; by chance: the gap with the genders shuffled among the "
    "speakers, mean to 95 % quantile; ° not larger than that quantile"
)
Runs = dict[LLMCell, RunCounts]


@dataclass(frozen=True)
class TableRow:
    """A row: its first columns, a variant of :func:`_variants`, and a language or ``all``."""

    head: dict[str, str | int | None]
    variant: LLMCell
    scope: str = ALL


def read_runs(metrics: Iterable[str], counts: Iterable[str]) -> Runs:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each."""
    runs = {}
    for run, table in zip(metrics, counts, strict=True):
        record = read_record(run)
        check_files(run, record, [Path(table).name])
        cell = LLMCell(**{name: record[name] for name in LLMCell.__dataclass_fields__})
        fold = 1  # the splits are those of the corpus
        key = (cell.objective, cell.modality, cell.p, fold, cell.seed)
        runs[cell] = RunCounts(*key, counts=read_made(table))
    return runs


@dataclass(frozen=True)
class Resamples:
    """Measures of runs on the data as they are, on R resamples and R permutations of the genders.

    Runs of the same speakers get the same draws.
    """

    resamples: int
    seed: int

    def samples(self, run: RunCounts, scope: str) -> dict[str, Sample]:
        """Each measure of a run."""
        speakers = run.counts["speaker"].unique().sort().to_list()
        table = count_array(run.counts, scope, speakers)
        generator = np.random.default_rng(self.seed)
        values = measures(resample(table, self.resamples, generator))
        shuffled = shuffle(table[:, :2], self.resamples, generator)
        chance = measures(np.pad(shuffled, ((0, 0), (0, 1), (0, 0), (0, 0))))
        member = table[..., 0].max(axis=2) > 0
        everyone = {"": int(member.any(axis=1).sum())}
        by_gender = dict(zip(GENDERS, member.sum(axis=0)[:2].tolist(), strict=True))
        return {
            name: Sample(values[name], everyone)
            if name in PERFORMANCE
            else Sample(values[name], by_gender, chance[name])
            for name in COLUMNS
        }


def performance(runs: Runs, resamples: Resamples, p: int, weighting: str) -> pl.DataFrame:
    """Performance and gaps by modality, objective and language, with all clips as ``all``.

    One language alone is ``all`` clips, and a second row would be tested twice. Of minmaxgap, the
    variant with this p and weighting is shown.
    """
    rows = [
        TableRow({**_head(variant), "language": scope}, variant, scope)
        for variant in _variants(runs)
        if variant.objective != "minmaxgap" or (variant.p, variant.weighting) == (p, weighting)
        for scope in _scopes(variant)
    ]
    return _table(rows, runs, resamples)


def ablation(runs: Runs, resamples: Resamples) -> pl.DataFrame:
    """ERM and every variant of minmaxgap over p and weighting, on all clips."""
    rows = [
        TableRow({**_head(v), "p": v.p or None, "weighting": v.weighting}, v)
        for v in _variants(runs)
        if v.objective != "zero_shot"
    ]
    return _table(rows, runs, resamples)


def gains(table: pl.DataFrame, published: pl.DataFrame) -> pl.DataFrame:
    """What minmaxgap gains in a table of :func:`performance`, beside the published gains.

    The paper does not name its baseline. A gain is below 0 for a gap that closes.
    """
    keys = ["languages", "modality"]
    numbers = table.filter(language=ALL).unpivot(
        COLUMNS, index=[*keys, "objective"], variable_name="column"
    )
    ours = numbers.filter(objective=NAMES["minmaxgap"]).drop("objective")
    parts = [
        ours.join(
            numbers.filter(objective=NAMES[baseline]),
            on=[*keys, "column"],
            suffix="_base",
            maintain_order="left",
        )
        for baseline in ("zero_shot", "erm")
    ]
    change = (pl.col("value") - pl.col("value_base")).cast(pl.Float64)
    both = pl.concat(parts).select(*keys, "column", baseline="objective", ours=change)
    reported = published.select("modality", "column", published="gain")
    joined = both.join(reported, on=["modality", "column"], maintain_order="left")
    return joined.with_columns(difference=pl.col("ours") - pl.col("published"))


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table with each number and its interval in one cell (:data:`LEGEND`)."""
    return estimate_tables.readable(table, digits=1, last=())


def _variants(runs: Runs) -> dict[LLMCell, list[LLMCell]]:
    """Cells that differ only by their seed, by such a cell with seed 0; in the order of tables."""
    places = list(dict.fromkeys((cell.languages, cell.modality) for cell in runs))

    def order(cell: LLMCell) -> tuple[int, int]:
        return places.index((cell.languages, cell.modality)), OBJECTIVES.index(cell.objective)

    found: dict[LLMCell, list[LLMCell]] = {}
    for cell in sorted(runs, key=order):
        found.setdefault(replace(cell, seed=0), []).append(cell)
    return found


def _scopes(cell: LLMCell) -> list[str]:
    languages = cell.languages.split("-")
    return [ALL, *(languages if len(languages) > 1 else ())]


def _head(cell: LLMCell) -> dict[str, str]:
    names = {"languages": cell.languages, "modality": cell.modality}
    return names | {"objective": NAMES[cell.objective]}


def _table(rows: Sequence[TableRow], runs: Runs, resamples: Resamples) -> pl.DataFrame:
    if not rows:
        raise InputError("No run of the grid belongs to this table; extend 'llm.grid'.")
    variants = _variants(runs)

    @cache
    def estimates(variant: LLMCell, scope: str) -> dict[str, Estimate]:
        chosen = [runs[cell] for cell in variants[variant]]
        found = {run: resamples.samples(run, scope) for run in chosen}
        return {n: estimate(chosen, {run: v[n] for run, v in found.items()}) for n in COLUMNS}

    def difference(row: TableRow, name: str) -> float:
        """p-value of the difference to ERM, NaN where it is not tested."""
        base = replace(row.variant, objective="erm", p=0, weighting="none")
        if row.variant.objective != "minmaxgap" or base not in variants:
            return float("nan")
        ours, erm = (estimates(variant, row.scope)[name] for variant in (row.variant, base))
        return p_value(ours, erm)

    table = estimate_tables.estimate_table(
        [row.head for row in rows],
        {name: [estimates(row.variant, row.scope)[name] for row in rows] for name in COLUMNS},
        {name: [difference(row, name) for row in rows] for name in COLUMNS},
        ("low", "high", "seed_std", "p"),
        (*GAPS, "avg_gap"),
    )
    seeds = [len(variants[row.variant]) for row in rows]
    return table.with_columns(pl.Series("seeds", seeds))
