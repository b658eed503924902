"""Two results folders cell by cell: by how much they differ, and whether that is beyond noise.

The noise of the speakers is that of :mod:`fairser.evaluation.bootstrap`: where both runs of a fold
tested the same speakers they get the same resamples, so that the difference is taken speaker by
speaker; elsewhere they get independent ones. The noise of training shows where a folder has
several seeds: a difference must then exceed it, too, so that the larger of the two p-values counts.
Holm corrects over all differences.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fairser.comparison.cell_differences import compare_cell, values_of
from fairser.comparison.result_folders import (
    CELLS,
    Cell,
    Sides,
    StoredRun,
    by_cell,
    folds_of,
    partners,
    same_bytes,
    same_counts,
    what_differs,
)
from fairser.core.errors import InputError, nearest
from fairser.evaluation.bootstrap import Gap, holm
from fairser.llm.measures import COLUMNS as LLM_COLUMNS
from fairser.results.tables import PERFORMANCE, SIGNIFICANT, table_gaps

# Resamples per test: the smallest p-value, 2 / (resamples + 1), must pass the first step of Holm.
RESAMPLES = 100


@dataclass
class Comparison:
    """What is known of two folders a and b.

    Attributes:
        keys: names of what makes a cell.
        table: a row per compared cell and metric; see :func:`compare`.
        differences: what differs in the runs' records, ``key: a -> b``.
        identical: cells with the same predictions, byte for byte.
        same: cells with other probabilities and the same counts of every speaker and class.
        only_a, only_b: cells that the other folder lacks.
        notes: what limits the comparison, a sentence each.
    """

    keys: tuple[str, ...]
    table: pl.DataFrame
    differences: list[str]
    identical: list[Cell] = field(default_factory=list)
    same: list[Cell] = field(default_factory=list)
    only_a: list[Cell] = field(default_factory=list)
    only_b: list[Cell] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def beyond(self) -> pl.DataFrame:
        """Rows of the table that differ beyond noise."""
        return self.table.filter("beyond_noise")


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
        attributes: whose gaps are compared; None for all that both folders have. Fewer tests see
            smaller differences.
        resamples: of the speakers; at least :data:`RESAMPLES` for each test are drawn.
        seed: of the draw.

    Returns:
        With a table of the cell's keys, ``metric``, ``a``, ``b``, ``difference`` (b - a), ``low``
        and ``high`` (95 % interval over speakers), ``p_value`` (likewise), ``a_seed_std``,
        ``b_seed_std``, ``seed_margin`` and ``p_training`` (half a 95 % interval over trainings and
        its p-value, where there are several seeds), ``p_holm`` (of the larger p-value), ``folds``,
        ``a_seeds``, ``b_seeds``, ``paired`` (folds) and ``beyond_noise`` (``p_holm`` < 0.05).

    Raises:
        InputError: other studies, classes or corpora, no cell in common, an unknown attribute.
    """
    _check(a, b)
    keys, cells = CELLS[a[0].study], by_cell(a, b)
    shared = {cell: sides for cell, sides in cells.items() if all(sides)}
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
        if same_counts(one, other):
            alike = result.identical if same_bytes(one, other) else result.same
            alike.append(cell)
        elif folds_of(one) & folds_of(other):
            tested.append(cell)
        else:
            result.notes.append(f"{named(cell)}: no fold is in both folders.")
    columns, gaps = _metrics(a, b, attributes, result.notes)
    number = max(resamples, RESAMPLES * len(tested) * len(columns))
    paired, independent = (values_of(a[0].study, gaps, number, seed + i) for i in (0, 1))
    rows = []
    for cell in tested:
        head = dict(zip(keys, cell, strict=True))
        rows += [head | row for row in compare_cell(*shared[cell], paired, independent, columns)]
    result.table = _finished(rows, keys)
    result.notes += _notes(shared, tested, result.table)
    return result


def _check(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> None:
    """Refuse folders whose numbers do not mean the same."""
    if a[0].study != b[0].study:
        raise InputError(f"The first folder is of the study {a[0].study}, the second {b[0].study}.")
    classes = [sorted({name for r in runs for name in r.counts.counts["class"]}) for runs in (a, b)]
    if classes[0] != classes[1]:
        first, second = (", ".join(names) for names in classes)
        raise InputError(
            f"The first folder has the classes {first}, the second {second}: no metric means the "
            "same in both. Compare runs with the same 'corpus.classes'."
        )
    if not set().union(*(r.speakers for r in a)) & set().union(*(r.speakers for r in b)):
        raise InputError(
            "No test speaker is in both folders: they are of different corpora, and a difference "
            "would be one of the corpora."
        )


def _metrics(
    a: Sequence[StoredRun],
    b: Sequence[StoredRun],
    attributes: Sequence[str] | None,
    notes: list[str],
) -> tuple[list[str], dict[str, Gap]]:
    """Metrics of the study, and the gaps among them that are defined by an attribute."""
    if a[0].study == "minmaxgap":
        return list(LLM_COLUMNS), {}
    ours, theirs = (runs[0].record["config"]["metrics"] for runs in (a, b))
    if ours != theirs:
        notes.append(f"Gaps are the first folder's, {ours}; the second's tables show {theirs}.")
    known = [list(runs[0].record["attributes"]) for runs in (a, b)]
    common = [name for name in known[0] if name in known[1]]
    if lost := [name for names in known for name in names if name not in common]:
        notes.append(f"Only one folder has {', '.join(lost)}: their gaps are not compared.")
    for name in attributes or []:
        if name not in common:
            raise InputError(
                f"'{name}' is no attribute of both folders.{nearest(name, common)} "
                f"They share: {', '.join(common) or 'none'}."
            )
    gaps = table_gaps(attributes or common, ours)
    return [*PERFORMANCE, *gaps], gaps


def _finished(rows: list[dict[str, Any]], keys: Sequence[str]) -> pl.DataFrame:
    """The table with Holm's correction and the verdict of each row."""
    # Beyond both kinds of noise: as little sure as the one that is less sure.
    larger = [float(np.fmax(row["p_value"], row["p_training"])) for row in rows]
    for row, p in zip(rows, holm(larger), strict=True):
        row |= {"p_holm": p, "beyond_noise": p < SIGNIFICANT}
    names = [*keys, "metric", "a", "b", "difference", "low", "high", "p_value", "a_seed_std"]
    names += ["b_seed_std", "seed_margin", "p_training", "p_holm", "folds", "a_seeds", "b_seeds"]
    names += ["paired", "beyond_noise"]
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {"beyond_noise": pl.Boolean})
    return pl.DataFrame(rows, infer_schema_length=None).select(names).fill_nan(None)


def _notes(
    shared: dict[Cell, Sides],
    tested: Sequence[Cell],
    table: pl.DataFrame,
) -> list[str]:
    if not tested:
        return []
    notes = []
    fewer = [cell for cell in tested if folds_of(shared[cell][0]) != folds_of(shared[cell][1])]
    if fewer:
        notes.append(
            f"Cells with other folds in a than in b: {len(fewer)}; the folds in both count."
        )
    apart = table.filter(pl.col("paired") < pl.col("folds"))
    if apart.height:
        cells = apart.select(pl.struct(table.columns[: table.columns.index("metric")]).n_unique())
        notes.append(
            f"Cells with folds whose test speakers are others in a than in b: {cells.item()}; "
            "these folds are compared unpaired, which sees less."
        )
    if table["seed_margin"].count():
        notes.append(
            "Several seeds: a difference is beyond noise if it exceeds that of other speakers and "
            "that of other trainings; the larger of the two p-values counts."
        )
    else:
        notes.append(
            "One seed in each folder: p-values speak of other speakers, not of other trainings. "
            "Another seed may differ as much; run several ('grid.seeds') to know."
        )
    return notes


def named(cell: Cell) -> str:
    return "/".join(map(str, cell))
