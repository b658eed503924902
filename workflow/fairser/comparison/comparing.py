"""Two results folders cell by cell: by how much they differ, and whether that is beyond noise.

The noise of the speakers is that of :mod:`fairser.evaluation.bootstrap`. Where both runs of a fold
tested the same speakers, they get the same resamples, so that the difference is taken speaker by
speaker; elsewhere the resamples are independent. The noise of training shows where a folder has
several seeds: a difference must then exceed it, too, so the larger of the two p-values counts.
Holm corrects over all differences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.comparison.cells import compare_cell, values_of
from fairser.comparison.stored_runs import (
    CELLS,
    IDENTICAL,
    SAME,
    Cell,
    RunPair,
    StoredRun,
    by_cell,
    check_comparable,
    equal,
    folds_of,
    partners,
    what_differs,
)
from fairser.core.errors import InputError, nearest
from fairser.core.text import interval, is_significant, number
from fairser.core.words import joined, shortened
from fairser.evaluation.bootstrap import Gap, holm
from fairser.evaluation.metrics import metric_names
from fairser.llm.measures import COLUMNS as LLM_METRICS
from fairser.results.tables import table_gaps
from fairser.results.writing import markdown, write_table

# Resamples per test: the smallest p-value, 2 / (resamples + 1), must pass the first step of Holm.
RESAMPLES = 100
COLUMNS = (
    *("metric", "a", "b", "difference", "low", "high", "p_value", "a_seed_std", "b_seed_std"),
    *("seed_margin", "p_training", "p_holm", "folds", "a_seeds", "b_seeds", "paired"),
    "beyond_noise",
)
LEGEND = "difference: b - a [95 % interval over speakers]; Holm p: corrected over all differences"
SEEDS = "; margin: half the 95 % interval over trainings, from the spread over seeds"
SHOWN = 20  # lines of a list; files hold the rest


@dataclass
class Comparison:
    """What is known of two folders a and b.

    Attributes:
        keys: names of what makes a cell.
        table: a row per compared cell and metric (:func:`compare`).
        differences: what differs in the runs' records, ``key: a -> b``.
        equal: cells with the same predictions, and those with other probabilities but the same
            counts of every speaker and class.
        only_a, only_b: cells that the other folder lacks.
        notes: what limits the comparison, a sentence each.
    """

    keys: tuple[str, ...]
    table: pl.DataFrame
    differences: list[str]
    equal: dict[str, list[Cell]] = field(default_factory=lambda: {IDENTICAL: [], SAME: []})
    only_a: list[Cell] = field(default_factory=list)
    only_b: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def beyond(self) -> pl.DataFrame:
        """Rows of the table that differ beyond noise."""
        return self.table.filter("beyond_noise")

    @property
    def verdict(self) -> str:
        """Such as ``3 of 24 cells differ beyond noise (identical byte for byte: 2).``"""
        compared, beyond = (t.select(self.keys).unique().height for t in (self.table, self.beyond))
        total = compared + sum(map(len, self.equal.values()))
        counts = ", ".join(f"{what}: {len(cells)}" for what, cells in self.equal.items() if cells)
        more = f" ({counts})" if counts else ""
        return f"{beyond} of {total} cells differ beyond noise{more}."

    @property
    def legend(self) -> str:
        return LEGEND + (SEEDS if self.table["seed_margin"].count() else "")


def compare(
    a: Sequence[StoredRun],
    b: Sequence[StoredRun],
    attributes: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare the cells that two folders share, over the folds that a cell has in both.

    Args:
        a: runs of one folder.
        b: runs of the other.
        attributes: whose gaps are compared; None for all that both folders have. Fewer tests
            detect smaller differences.
        resamples: of the speakers; at least :data:`RESAMPLES` for each test are drawn.
        seed: of the draw.

    Returns:
        With a table of the cell's keys and :data:`COLUMNS`. ``low``, ``high`` and ``p_value`` are
        over speakers; ``seed_margin`` (half a 95 % interval) and ``p_training`` over trainings,
        where there are several seeds; ``p_holm`` is of the larger p-value; ``paired`` counts folds.

    Raises:
        InputError: other studies, classes or corpora, no cell in common, an unknown attribute.
    """
    check_comparable(a, b)
    keys, cells = CELLS[a[0].study], by_cell(a, b)
    shared = {cell: pair for cell, pair in cells.items() if all(pair)}
    if not shared:
        raise InputError(
            f"No cell of {', '.join(keys)} is in both folders: the first has {named(a[0].cell)}, "
            f"the second {named(b[0].cell)}."
        )
    pairs = [pair for one, other in shared.values() for pair in partners(one, other)]
    result = Comparison(keys, pl.DataFrame(), what_differs(pairs))
    result.only_a = [cell for cell, (_, other) in cells.items() if not other]
    result.only_b = [cell for cell, (one, _) in cells.items() if not one]
    tested = []
    for cell, (one, other) in shared.items():
        if same := equal(one, other):
            result.equal[same].append(cell)
        elif folds_of(one) & folds_of(other):
            tested.append(cell)
        else:
            result.notes.append(f"{named(cell)}: no fold is in both folders.")
    metrics, gaps = _metrics(a, b, attributes, result.notes)
    draws = max(resamples, RESAMPLES * len(tested) * len(metrics))
    paired, independent = (values_of(a[0].study, gaps, draws, seed + i) for i in (0, 1))
    rows = []
    for cell in tested:
        head = dict(zip(keys, cell, strict=True))
        rows += [head | row for row in compare_cell(*shared[cell], paired, independent, metrics)]
    result.table = _finished(rows, keys)
    result.notes += _notes({cell: shared[cell] for cell in tested}, result.table)
    return result


def _metrics(
    a: Sequence[StoredRun],
    b: Sequence[StoredRun],
    attributes: Sequence[str] | None,
    notes: list[str],
) -> tuple[list[str], dict[str, Gap]]:
    """Metrics of the study, and the gaps among them that are defined by an attribute."""
    if a[0].study == "minmaxgap":
        return list(LLM_METRICS), {}
    ours, theirs = (runs[0].record["config"]["metrics"] for runs in (a, b))
    if ours != theirs:
        notes.append(f"Gaps are defined as in a, {ours}; the tables of b show {theirs}.")
    known = [list(runs[0].record["attributes"]) for runs in (a, b)]
    common = [name for name in known[0] if name in known[1]]
    if lost := [name for names in known for name in names if name not in common]:
        notes.append(f"Only one folder has {joined(lost)}: their gaps are not compared.")
    for name in attributes or []:
        if name not in common:
            raise InputError(
                f"'{name}' is not an attribute of both folders.{nearest(name, common)} "
                f"They share: {joined(common) or 'none'}."
            )
    gaps = table_gaps(attributes or common, ours)
    return [*metric_names("performance"), *gaps], gaps


def _finished(rows: list[dict[str, Any]], keys: Sequence[str]) -> pl.DataFrame:
    """The table with Holm's correction and the decision of each row."""
    if not rows:
        names = [*keys, *COLUMNS]
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {"beyond_noise": pl.Boolean})
    larger = [float(np.fmax(row["p_value"], row["p_training"])) for row in rows]
    for row, p in zip(rows, holm(larger), strict=True):
        row |= {"p_holm": p, "beyond_noise": is_significant(p)}
    return pl.DataFrame(rows, infer_schema_length=None).select(*keys, *COLUMNS).fill_nan(None)


def _notes(tested: dict[Cell, RunPair], table: pl.DataFrame) -> list[str]:
    if not tested:
        return []
    notes = []
    if fewer := sum(folds_of(one) != folds_of(other) for one, other in tested.values()):
        notes.append(f"Cells whose folds differ between a and b: {fewer}; common folds count.")
    apart = table.filter(pl.col("paired") < pl.col("folds"))
    if apart.height:
        cells = apart.select(pl.struct(table.columns[: table.columns.index("metric")]).n_unique())
        notes.append(
            f"Cells with folds whose test speakers differ between a and b: {cells.item()}. These "
            "folds are compared unpaired, which detects less."
        )
    if table["seed_margin"].count():
        notes.append(
            "Several seeds: a difference is beyond noise if it is larger than other speakers and "
            "other trainings explain; the larger of the two p-values counts."
        )
    else:
        notes.append(
            "One seed in each folder: the p-values cover other speakers, not other trainings. "
            "Another seed may differ as much; run several seeds ('grid.seeds') to find out."
        )
    return notes


def text(found: Comparison, a: str, b: str) -> str:
    """The verdict, what differs in the runs' records, the differences beyond noise, the rest.

    Args:
        found: the comparison.
        a: name of the first folder.
        b: name of the second.
    """
    lines = [found.verdict, "", f"a is {a}, b is {b}."]
    if found.differences:
        lines += ["Their settings, code or versions differ:", *_list(found.differences)]
    else:
        lines += ["Their records have the same settings, code and versions."]
    beyond = found.beyond.sort("p_holm", "metric")
    if beyond.height:
        lines += ["", markdown(readable(beyond.head(SHOWN)).drop("beyond noise")).rstrip()]
        lines += [f"{beyond.height - SHOWN} more"] if beyond.height > SHOWN else []
        lines += [found.legend]
    for side, cells in (("a", found.only_a), ("b", found.only_b)):
        if cells:
            lines += ["", f"Only in {side}:", *_list(map(named, cells))]
    return "\n".join([*lines, *(f"\n{note}" for note in found.notes)]) + "\n"


def write(found: Comparison, folder: Path) -> list[Path]:
    """Write all differences as compare.csv, .md and .tex; the paths."""
    path = folder / "compare.csv"
    write_table(path, found.table, readable(found.table), f"{found.verdict} {found.legend}")
    return [path.with_suffix(kind) for kind in (".csv", ".md", ".tex")]


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A comparison's table with each number and its uncertainty in one cell."""
    keys = table.columns[: table.columns.index("metric") + 1]
    rows = []
    for row in table.iter_rows(named=True):
        line = {name: row[name] for name in (*keys, "a", "b")}
        ends = interval(row["low"], row["high"], signed=True)
        line["difference"] = f"{number(row['difference'], signed=True)} {ends}".strip()
        line["Holm p"] = row["p_holm"]
        if table["seed_margin"].count():
            line["margin"] = row["seed_margin"]
        rows.append(line | {"beyond noise": "yes" if row["beyond_noise"] else ""})
    return pl.DataFrame(rows, infer_schema_length=None) if rows else table.select(keys)


def _list(items: Iterable[str]) -> list[str]:
    return [f"  {item}" for item in shortened(items, SHOWN)]


def named(cell: Cell) -> str:
    return "/".join(map(str, cell))
