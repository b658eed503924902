"""The tables of the second study, in percentage points.

After the measures come, for each number x: ``x_low`` and ``x_high`` (95 % interval, bootstrap over
speakers), ``x_seed_std`` (over seeds, where there are several) and ``x_p`` (p-value of the
difference to ERM of the same modality, Holm-corrected over the tested rows of the table).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.core import text
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.evaluation.bootstrap import (
    Estimate,
    RunCounts,
    draw_weights,
    estimate,
    holm,
    p_value,
)
from fairser.evaluation.metrics import Floats
from fairser.llm.grid import OBJECTIVES, LLMCell
from fairser.llm.measures import ALL, COLUMNS, count_array, measures

NAMES = {"zero_shot": "zero-shot", "erm": "ERM", "minmaxgap": "ERM-MinMaxGAP"}
LEGEND = (
    "percentage points [95 % interval, bootstrap over speakers]; * differs from ERM, "
    f"Holm-corrected p < {text.SIGNIFICANT}"
)
Runs = dict[LLMCell, RunCounts]


@dataclass(frozen=True)
class TableRow:
    """A row: its first columns, its cells, a language or ``all``, and ERM's cells to compare."""

    head: dict[str, str | int | None]
    cells: Sequence[LLMCell]
    scope: str = ALL
    reference: Sequence[LLMCell] = ()


def read_runs(metrics: Iterable[str], counts: Iterable[str]) -> Runs:
    """The runs of ``metrics.json`` files and of the ``counts.parquet`` beside each."""
    runs = {}
    for run, table in zip(metrics, counts, strict=True):
        record = read_json(run)
        cell = LLMCell(**{name: record[name] for name in LLMCell.__dataclass_fields__})
        runs[cell] = RunCounts(
            method=cell.objective,
            source=cell.modality,
            k=cell.p,
            fold=1,  # the splits are those of the corpus
            seed=cell.seed,
            counts=pl.read_parquet(table),
        )
    return runs


@dataclass(frozen=True)
class Resamples:
    """Measures of runs under the data as they are and under resamples of the speakers.

    Attributes:
        resamples: R, their number.
        seed: of the draw; runs of the same speakers get the same resamples.
    """

    resamples: int
    seed: int

    def values(self, run: RunCounts, scope: str) -> dict[str, Floats]:
        """Each measure [1 + R]: as measured, then by resample."""
        speakers = run.counts["speaker"].unique().sort().to_list()
        table = count_array(run.counts, scope, speakers)
        drawn = draw_weights(np.random.default_rng(self.seed), len(speakers), self.resamples)
        weights = np.vstack([np.ones(len(speakers)), drawn])
        total = weights @ table.reshape(len(speakers), -1)
        return measures(total.reshape(len(weights), *table.shape[1:]))


def performance(runs: Runs, resamples: Resamples, p: int, weighting: str) -> pl.DataFrame:
    """Performance and gaps by modality, objective and language, with all clips as ``all``.

    Args:
        runs: of the grid.
        resamples: of the speakers.
        p: exponent of the variant of minmaxgap that is shown.
        weighting: weighting of that variant.
    """
    rows = []
    for languages, modality in _pairs(runs):
        erm = _cells(runs, languages, modality, "erm")
        for objective in OBJECTIVES:
            found = _cells(runs, languages, modality, objective)
            if objective == "minmaxgap":
                found = [c for c in found if (c.p, c.weighting) == (p, weighting)]
            head = {"languages": languages, "modality": modality, "objective": NAMES[objective]}
            tested = erm if objective == "minmaxgap" else []
            scopes = (ALL, *languages.split("-")) if found else ()
            rows += [TableRow({**head, "language": s}, found, s, tested) for s in scopes]
    return _table(rows, runs, resamples)


def ablation(runs: Runs, resamples: Resamples) -> pl.DataFrame:
    """ERM and every variant of minmaxgap over p and weighting, on all clips."""
    rows = []
    for languages, modality in _pairs(runs):
        erm = _cells(runs, languages, modality, "erm")
        cells = erm + _cells(runs, languages, modality, "minmaxgap")
        variants: dict[tuple[str, int, str], list[LLMCell]] = {}
        for cell in cells:
            variants.setdefault((cell.objective, cell.p, cell.weighting), []).append(cell)
        for (objective, p, weighting), found in variants.items():
            head = {"languages": languages, "modality": modality, "objective": NAMES[objective]}
            tested = erm if objective == "minmaxgap" else []
            rows.append(
                TableRow({**head, "p": p or None, "weighting": weighting}, found, ALL, tested)
            )
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
    keys = ["languages", "modality"]
    by_objective = {
        objective: table.filter(language=ALL, objective=name)
        .select(*keys, *COLUMNS)
        .unpivot(COLUMNS, index=keys, variable_name="column")
        for objective, name in NAMES.items()
    }
    parts = []
    for baseline in ("zero_shot", "erm"):
        both = by_objective["minmaxgap"].join(
            by_objective[baseline], on=[*keys, "column"], suffix="_base", maintain_order="left"
        )
        change = (pl.col("value") - pl.col("value_base")).cast(pl.Float64).alias("ours")
        parts.append(
            both.select(*keys, "column", pl.lit(NAMES[baseline]).alias("baseline"), change)
        )
    reported = published.select("modality", "column", published="gain")
    joined = pl.concat(parts).join(reported, on=["modality", "column"], maintain_order="left")
    return joined.with_columns(difference=pl.col("ours") - pl.col("published"))


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table with each number and its interval in one cell (:data:`LEGEND`)."""
    head = table.columns[: table.columns.index(COLUMNS[0])]
    rows = table.to_dicts()
    cells = {name: [text.estimate(row, name, digits=1) for row in rows] for name in COLUMNS}
    return table.select(head).with_columns(pl.Series(n, values) for n, values in cells.items())


def _pairs(runs: Runs) -> list[tuple[str, str]]:
    return list(dict.fromkeys((cell.languages, cell.modality) for cell in runs))


def _cells(runs: Runs, languages: str, modality: str, objective: str) -> list[LLMCell]:
    wanted = (languages, modality, objective)
    return [c for c in runs if (c.languages, c.modality, c.objective) == wanted]


def _table(rows: Sequence[TableRow], runs: Runs, resamples: Resamples) -> pl.DataFrame:
    if not rows:
        raise InputError("No run of the grid belongs to this table; extend 'llm.grid'.")

    def estimates(cells: Sequence[LLMCell], scope: str) -> dict[str, Estimate]:
        chosen = [runs[cell] for cell in cells]
        values = {run: resamples.values(run, scope) for run in chosen}
        return {n: estimate(chosen, {run: v[n] for run, v in values.items()}) for n in COLUMNS}

    found = [estimates(row.cells, row.scope) for row in rows]
    bases = [estimates(row.reference, row.scope) if row.reference else None for row in rows]
    lines: list[dict[str, Any]] = [
        {**row.head, **{n: ours[n].value for n in COLUMNS}}
        for row, ours in zip(rows, found, strict=True)
    ]
    for n in COLUMNS:
        pairs = zip(found, bases, strict=True)
        p_values = holm([p_value(ours[n], base[n]) if base else np.nan for ours, base in pairs])
        for line, ours, p in zip(lines, found, p_values, strict=True):
            line[f"{n}_low"], line[f"{n}_high"] = ours[n].interval
            line |= {f"{n}_seed_std": ours[n].seed_std, f"{n}_p": p}
    for line, row in zip(lines, rows, strict=True):
        line["seeds"] = len({cell.seed for cell in row.cells})
    return pl.DataFrame(lines, infer_schema_length=None).fill_nan(None)
