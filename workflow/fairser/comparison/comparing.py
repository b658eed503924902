"""Two results folders cell by cell: by how much they differ, and whether that is beyond noise.

Where both runs of a fold tested the same speakers, they get the same resamples, so that the
difference is taken speaker by speaker; elsewhere the resamples are independent. The noise of
training shows where a folder has several seeds (:func:`fairser.evaluation.estimates.p_value`).
Holm corrects over all differences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from fairser.comparison.cells import compare_cell, samples_of
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
from fairser.evaluation.bootstrap import Gap, pooled
from fairser.evaluation.estimates import holm
from fairser.evaluation.metrics import metric_names
from fairser.llm.measures import COLUMNS as LLM_METRICS
from fairser.results.coverage import coverage, is_pooled
from fairser.results.tables import table_gaps
from fairser.results.writing import markdown, write_table

COLUMNS = (
    *("metric", "a", "b", "difference", "low", "high", "p_value", "a_seed_std", "b_seed_std"),
    *("p_holm", "folds", "a_seeds", "b_seeds", "paired", "beyond_noise"),
)
LEGEND = "difference: b - a [95 % interval over speakers]; Holm p: corrected over all differences"
POOLED = "Folds have few speakers, so the test clips of all folds are evaluated together."
SHOWN = 20  # lines of a list; files hold the rest


@dataclass
class Comparison:
    """What is known of two folders a and b.

    The table has a row per cell and metric. ``low`` and ``high`` are over speakers, ``p_value`` is
    that of :func:`fairser.evaluation.estimates.p_value`; ``paired`` counts folds.
    """

    keys: tuple[str, ...]  # names of what makes a cell
    table: pl.DataFrame  # the keys and :data:`COLUMNS`
    differences: list[str]  # between the runs' records, ``key: a -> b``
    equal: dict[str, list[Cell]] = field(default_factory=lambda: {IDENTICAL: [], SAME: []})
    only_a: list[Cell] = field(default_factory=list)
    only_b: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what limits the comparison

    @property
    def beyond(self) -> pl.DataFrame:
        """Rows of the table that differ beyond noise."""
        return self.table.filter("beyond_noise")

    def cells(self, table: pl.DataFrame) -> int:
        """Number of cells in rows of the table."""
        return table.select(self.keys).unique().height

    @property
    def verdict(self) -> str:
        """Such as ``3 of 24 cells differ beyond noise (identical byte for byte: 2).``"""
        compared, beyond = map(self.cells, (self.table, self.beyond))
        total = compared + sum(map(len, self.equal.values()))
        counts = ", ".join(f"{what}: {len(cells)}" for what, cells in self.equal.items() if cells)
        more = f" ({counts})" if counts else ""
        return f"{beyond} of {total} cells differ beyond noise{more}."


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
        resamples: of the speakers.
        seed: of the draw.
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
    paired, independent = (samples_of(a[0].study, gaps, resamples, seed + i) for i in (0, 1))
    attributes = list(dict.fromkeys(gap.attribute for gap in gaps.values()))
    pool = a[0].study == "subgroups" and is_pooled([*a, *b], attributes, _over(a[0]))
    rows = []
    for cell in tested:
        head, pair = dict(zip(keys, cell, strict=True)), shared[cell]
        found = compare_cell(*(_pooled(*pair) if pool else pair), paired, independent, metrics)
        folds = len(folds_of(pair[0]) & folds_of(pair[1]))
        rows += [
            head | row | {"folds": folds, "paired": folds * row["paired"] // row["folds"]}
            for row in found
        ]
    if pool:
        result.notes.append(POOLED)
    if rows and any(row["p_value"] != row["p_value"] for row in rows):
        runs = _pooled(*shared[tested[0]])[0] if pool else a
        result.notes += filter(None, (coverage(runs, n).note() for n in (None, *attributes)))
    for row, p in zip(rows, holm([row["p_value"] for row in rows]), strict=True):
        row |= {"p_holm": p, "beyond_noise": is_significant(p)}
    columns = (*keys, *COLUMNS)
    if rows:
        result.table = pl.DataFrame(rows, infer_schema_length=None).select(columns).fill_nan(None)
    else:
        schema = dict.fromkeys(columns, pl.String) | {"beyond_noise": pl.Boolean}
        result.table = pl.DataFrame(schema=schema)
    result.notes += _notes(result, [shared[cell] for cell in tested])
    return result


def _over(run: StoredRun) -> str | None:
    """``statistics.over`` of a run's folder; None in folders that are older than this setting."""
    over: str | None = run.record["config"].get("statistics", {}).get("over")
    return over


def _pooled(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> RunPair:
    """Runs with the test clips of all common folds of a cell, as tables pool them."""
    common = folds_of(a) & folds_of(b)
    first, second = (
        list(dict.fromkeys(pooled(run for run in runs if run.fold in common).values()))
        for runs in (a, b)
    )
    return first, second


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
    return [*metric_names("performance", a[0].task), *gaps], gaps


def _notes(found: Comparison, tested: list[RunPair]) -> list[str]:
    notes = []
    if fewer := sum(folds_of(one) != folds_of(other) for one, other in tested):
        notes.append(f"Cells whose folds differ between a and b: {fewer}; common folds count.")
    if apart := found.cells(found.table.filter(pl.col("paired") < pl.col("folds"))):
        notes.append(
            f"Cells with folds whose test speakers differ between a and b: {apart}. These folds "
            "are compared unpaired, which detects less."
        )
    if len({seed for pair in tested for runs in pair for seed in (run.seed for run in runs)}) > 1:
        notes.append("Several seeds: the p-values cover other speakers and other trainings.")
    elif tested:
        notes.append(
            "One seed in each folder: the p-values cover other speakers, not other trainings. "
            "Another seed may differ as much; run several seeds ('grid.seeds') to find out."
        )
    return notes


def text(found: Comparison, a: str, b: str) -> str:
    """The verdict, what differs in the records of folders a and b, the differences, the rest."""
    lines = [found.verdict, "", f"a is {a}, b is {b}."]
    if found.differences:
        lines += ["Their settings, code or versions differ:", *_list(found.differences)]
    else:
        lines += ["Their records have the same settings, code and versions."]
    beyond = found.beyond.sort("p_holm", "metric")
    if beyond.height:
        lines += ["", markdown(readable(beyond.head(SHOWN)).drop("beyond noise")).rstrip()]
        lines += [f"{beyond.height - SHOWN} more"] if beyond.height > SHOWN else []
        lines += [LEGEND]
    for side, cells in (("a", found.only_a), ("b", found.only_b)):
        if cells:
            lines += ["", f"Only in {side}:", *_list(map(named, cells))]
    return "\n".join([*lines, *(f"\n{note}" for note in found.notes)]) + "\n"


def write(found: Comparison, folder: Path) -> list[Path]:
    """Write all differences as compare.csv, .md and .tex; the paths."""
    path = folder / "compare.csv"
    write_table(path, found.table, readable(found.table), [f"{found.verdict} {LEGEND}"])
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
        rows.append(line | {"beyond noise": "yes" if row["beyond_noise"] else ""})
    return pl.DataFrame(rows, infer_schema_length=None) if rows else table.select(keys)


def _list(items: Iterable[str]) -> list[str]:
    return [f"  {item}" for item in shortened(items, SHOWN)]


def named(cell: Cell) -> str:
    return "/".join(map(str, cell))
