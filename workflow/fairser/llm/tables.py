"""The tables of the second study, in percentage points.

After the measures come, for each number x: ``x_low`` and ``x_high`` (95 % interval, bootstrap over
speakers), ``x_seed_std`` (over seeds, where there are several) and ``x_p`` (p-value of the
difference to ERM of the same modality, Holm-corrected over the table's tested rows).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.evaluation.bootstrap import Estimate, RunCounts, estimate, holm, p_value
from fairser.evaluation.metrics import Floats
from fairser.llm.grid import OBJECTIVES, LLMCell
from fairser.llm.measures import ALL, COLUMNS, count_array, measures

NAMES = {"zero_shot": "zero-shot", "erm": "ERM", "minmaxgap": "ERM-MinMaxGAP"}
SIGNIFICANT = 0.05
LEGEND = (
    "percentage points [95 % interval, bootstrap over speakers]; * differs from ERM, "
    "Holm-corrected p < 0.05"
)
Runs = dict[LLMCell, RunCounts]


Head = dict[str, str | int | None]


@dataclass(frozen=True)
class Row:
    """A row: its first columns, its cells, the clips it is about, and ERM's cells to compare."""

    head: Head
    cells: Sequence[LLMCell]
    scope: str
    reference: Sequence[LLMCell] = ()


def read_runs(metrics: Iterable[str], counts: Iterable[str]) -> Runs:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each."""
    names = LLMCell.__dataclass_fields__
    runs = {}
    for run, table in zip(metrics, counts, strict=True):
        record = read_json(run)
        cell = LLMCell(**{name: record[name] for name in names})
        # One fold: the splits are the corpus' own.
        runs[cell] = RunCounts(
            method=cell.objective,
            source=cell.modality,
            k=cell.p,
            fold=1,
            seed=cell.seed,
            counts=pl.read_parquet(table),
        )
    return runs


class Resamples:
    """Measures of runs under the data as they are and under resamples of the speakers.

    Args:
        resamples: R, their number.
        seed: of the draw; runs of the same speakers get the same resamples.
    """

    def __init__(self, resamples: int, seed: int) -> None:
        self.resamples, self.seed = resamples, seed

    def values(self, run: RunCounts, scope: str) -> dict[str, Floats]:
        """Each measure [1 + R]: as measured, then by resample."""
        speakers = run.counts["speaker"].unique().sort().to_list()
        table = count_array(run.counts, scope, speakers)
        shares = np.full(len(speakers), 1 / len(speakers))
        drawn = np.random.default_rng(self.seed).multinomial(
            len(speakers), shares, size=self.resamples
        )
        weights = np.vstack([np.ones(len(speakers)), drawn])
        total = weights @ table.reshape(len(speakers), -1)
        return measures(total.reshape(len(weights), *table.shape[1:]))


def performance(runs: Runs, resamples: Resamples, p: int, weighting: str) -> pl.DataFrame:
    """Performance and gaps by modality, objective and language, with all clips as ``all``.

    Args:
        runs: of the grid.
        resamples: of the speakers.
        p: exponent of the variant of minmaxgap that is shown.
        weighting: likewise.
    """
    rows = []
    for languages, modality in _pairs(runs):
        erm = _cells(runs, languages, modality, "erm")
        for objective in OBJECTIVES:
            found = _cells(runs, languages, modality, objective)
            if objective == "minmaxgap":
                found = [c for c in found if (c.p, c.weighting) == (p, weighting)]
            for scope in (ALL, *languages.split("-")):
                head: Head = {"languages": languages, "modality": modality}
                head |= {"objective": NAMES[objective], "language": scope}
                tested = erm if objective == "minmaxgap" else []
                rows += [Row(head, found, scope, tested)] if found else []
    return _table(rows, runs, resamples)


def ablation(runs: Runs, resamples: Resamples) -> pl.DataFrame:
    """ERM and every variant of minmaxgap over p and weighting, on all clips."""
    rows = []
    for languages, modality in _pairs(runs):
        erm = _cells(runs, languages, modality, "erm")
        head: Head = {"languages": languages, "modality": modality}
        if erm:
            line = {**head, "objective": NAMES["erm"], "p": None, "weighting": "none"}
            rows.append(Row(line, erm, ALL))
        cells = _cells(runs, languages, modality, "minmaxgap")
        for p, weighting in dict.fromkeys((c.p, c.weighting) for c in cells):
            found = [c for c in cells if (c.p, c.weighting) == (p, weighting)]
            line = {**head, "objective": NAMES["minmaxgap"], "p": p, "weighting": weighting}
            rows.append(Row(line, found, ALL, erm))
    return _table(rows, runs, resamples)


def gains(table: pl.DataFrame, published: pl.DataFrame) -> pl.DataFrame:
    """What minmaxgap gains, beside the published gains, whose baseline is not named.

    Args:
        table: of :func:`performance`.
        published: ``modality``, ``column``, ``gain`` (percentage points; below 0 for a gap that
            closes).

    Returns:
        ``languages``, ``modality``, ``column``, ``baseline``, ``ours``, ``published``,
        ``difference``.
    """
    whole = table.filter(pl.col("language") == ALL)
    keys = ["languages", "modality"]
    parts = []
    for baseline in ("zero_shot", "erm"):
        pair = [
            whole.filter(pl.col("objective") == NAMES[name]).select(*keys, *COLUMNS)
            for name in ("minmaxgap", baseline)
        ]
        long = [part.unpivot(COLUMNS, index=keys, variable_name="column") for part in pair]
        both = long[0].join(long[1], on=[*keys, "column"], suffix="_base", maintain_order="left")
        change = pl.col("value") - pl.col("value_base")
        named = pl.lit(NAMES[baseline]).alias("baseline")
        parts.append(both.select(*keys, "column", named, change.cast(pl.Float64).alias("ours")))
    reported = published.select("modality", "column", pl.col("gain").alias("published"))
    joined = pl.concat(parts).join(
        reported, on=["modality", "column"], how="inner", maintain_order="left"
    )
    return joined.with_columns((pl.col("ours") - pl.col("published")).alias("difference"))


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table with each number and its interval in one cell (:data:`LEGEND`)."""
    head = table.columns[: table.columns.index(COLUMNS[0])]
    cells = [pl.Series(n, [_cell(row, n) for row in table.to_dicts()]) for n in COLUMNS]
    return table.select(*head, *cells)


def _cell(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return ""
    p = row[f"{name}_p"]
    mark = "*" if p is not None and p < SIGNIFICANT else ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    ends = "" if low is None else f" [{low:.1f}, {high:.1f}]"
    return f"{row[name]:.1f}{mark}{ends}"


def _pairs(runs: Runs) -> list[tuple[str, str]]:
    return list(dict.fromkeys((cell.languages, cell.modality) for cell in runs))


def _cells(runs: Runs, languages: str, modality: str, objective: str) -> list[LLMCell]:
    wanted = (languages, modality, objective)
    return [c for c in runs if (c.languages, c.modality, c.objective) == wanted]


def _table(rows: Sequence[Row], runs: Runs, resamples: Resamples) -> pl.DataFrame:
    if not rows:
        raise InputError("No run of the grid belongs to this table; mend 'llm.grid'.")

    def estimates(cells: Sequence[LLMCell], scope: str) -> dict[str, Estimate]:
        chosen = [runs[cell] for cell in cells]
        values = {run: resamples.values(run, scope) for run in chosen}
        return {n: estimate(chosen, {run: v[n] for run, v in values.items()}) for n in COLUMNS}

    found = [estimates(row.cells, row.scope) for row in rows]
    bases = [estimates(row.reference, row.scope) if row.reference else None for row in rows]
    lines: list[dict[str, Any]] = [
        row.head | {n: one[n].value for n in COLUMNS} for row, one in zip(rows, found, strict=True)
    ]
    for name in COLUMNS:
        pairs = [(one[name], base and base[name]) for one, base in zip(found, bases, strict=True)]
        p_values = holm([p_value(one, base) if base else float("nan") for one, base in pairs])
        for line, (one, _), p in zip(lines, pairs, p_values, strict=True):
            low, high = one.interval
            line |= {f"{name}_low": low, f"{name}_high": high, f"{name}_seed_std": one.seed_std}
            line[f"{name}_p"] = p
    for line, row in zip(lines, rows, strict=True):
        line["seeds"] = len({cell.seed for cell in row.cells})
    return pl.DataFrame(lines, infer_schema_length=None).fill_nan(None)
