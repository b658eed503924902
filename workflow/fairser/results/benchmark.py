"""The table of the benchmark: a row per method, source and K, each compared with ERM and ranked.

To the numbers of :mod:`fairser.results.estimate_tables` it adds, for each number x,

- ``x_diff``, ``x_diff_low``, ``x_diff_high``: the difference to ERM of the same folds and seeds,
  with its 95 % interval over the speakers, who are drawn alike for both;

and ``f1_rank``, ``tpr_gap_rank`` (mean rank over the folds, 1 for the best,
:mod:`fairser.results.ranks`), ``f1_friedman_p``, ``f1_critical_difference`` and so on, ``pareto``
(whether no other row is at least as good in both and better in one), ``shrinks`` (share of the
seeds in which the gap, a mean over the folds, is smaller than ERM's) and ``seconds`` (mean time of
a training with what it prepares). Random, which recognises nothing, has no rank and no ``pareto``.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl

from fairser.config.extensions import extensions
from fairser.core.errors import InputError
from fairser.core.words import counted, joined, shortened
from fairser.evaluation.bootstrap import Bootstrap, RunCounts, Sample, by_test_set, pooled
from fairser.evaluation.estimates import Estimate, estimate
from fairser.evaluation.metrics import is_better_low, metric_names
from fairser.evaluation.resampling import interval
from fairser.results.coverage import is_pooled
from fairser.results.estimate_tables import TableRow, run_table
from fairser.results.ranks import LEVEL, Ranking, ranking
from fairser.results.summaries import front
from fairser.results.tables import (
    configuration_name,
    declared,
    group_of,
    method_name,
    ordered,
    row_groups,
    test_set_parts,
)

F1, GAP = "f1", "tpr_gap"
RANKED = (F1, GAP)
NEEDS = {"embedding": "speaker embeddings", "pseudo": "gender model", "pitch": "pitch"}
LABELS, NOTHING, UNKNOWN = "labels", "nothing", "unknown"
ALL_NEEDS = (NOTHING, LABELS, *NEEDS.values(), UNKNOWN)
KINDS = {"pareto": pl.Boolean, "note": pl.String}  # columns that hold no numbers
SHOWN = 3  # missing runs in a message
Seconds = Mapping[tuple[Any, ...], float]  # by :func:`run_key`


def needs(source: str) -> str:
    """What a group source needs beyond features and emotions: ``labels``, ``nothing``, a model."""
    if source == "none":
        return NOTHING
    if source not in extensions("SOURCE"):
        return UNKNOWN
    wanted = declared("SOURCE", source, "needs")
    return LABELS if wanted is None else NEEDS.get(wanted, NOTHING)


def needs_at_test(method: str) -> bool:
    """Whether a method needs the group of a clip to predict its emotions."""
    return bool(declared("METHOD", method, "groups") == "test")


def run_key(run: RunCounts | Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes a run, from its counts or its record."""
    names = ("method", "source", "k", "fold", "seed")
    return tuple(run[n] if isinstance(run, Mapping) else getattr(run, n) for n in names)


def training_seconds(records: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], float]:
    """Seconds of loading, preparing and training, by :func:`run_key`, from records of runs.

    The preparation of some methods trains an early model. Runs that were trained as one share the
    time equally.
    """
    return {
        run_key(record): record["seconds"]["load"] + record["seconds"]["train"]
        for record in records
    }


def benchmark(runs: Sequence[RunCounts], seconds: Seconds, bootstrap: Bootstrap) -> pl.DataFrame:
    """The table (see the module).

    Args:
        runs: of the grid, all rows with the same folds and seeds.
        seconds: of each run.
        bootstrap: its gaps include ``tpr_gap``.

    Raises:
        InputError: runs are missing, or there are none.
    """
    shown, drawn = by_test_set(runs), Remembered(bootstrap)
    found = [(head, _rows(head, part)) for head, part in test_set_parts(shown)]
    for _, rows in found:
        check_complete(rows)
    table = run_table([row for _, rows in found for row in rows], shown, drawn)
    pool = is_pooled(shown, bootstrap.attributes, bootstrap.over)
    used = pooled(shown) if pool else {run: run for run in shown}
    lines = [line for _, rows in found for line in _more(rows, used, seconds, drawn)]
    kinds = {name: KINDS.get(name, pl.Float64) for name in lines[0]}
    more = pl.DataFrame(lines, schema=kinds).fill_nan(None)
    last = ["folds", "seeds", "note"]
    notes = pl.concat_str("note", more["note"], separator=" ", ignore_nulls=True).alias("note")
    return pl.concat(
        [table.drop(last), more.drop("note"), table.with_columns(notes).select(last)],
        how="horizontal",
    )


def check_complete(rows: Sequence[TableRow]) -> None:
    """Refuse rows with other folds or seeds than the rest: they are not compared with the same.

    Raises:
        InputError: each such row with the runs that it lacks.
    """
    places = {(run.fold, run.seed) for row in rows for run in row.runs}
    faults = []
    for row in rows:
        if lost := sorted(places - {(run.fold, run.seed) for run in row.runs}):
            named = [f"fold {fold} seed {seed}" for fold, seed in lost]
            run = row.runs[0]
            faults.append(
                f"{configuration_name(run.method, run.source, run.k)} lacks "
                f"{counted(len(lost), 'run')} that other rows have: "
                f"{joined(shortened(named, SHOWN))}. Finish the grid, or leave it out."
            )
    if faults:
        raise InputError(*faults)


class Remembered(Bootstrap):
    """A bootstrap that draws once for each run, for the table and for the differences."""

    def __init__(self, of: Bootstrap) -> None:
        super().__init__(of.resamples, of.seed, of.gaps, of.over)
        self.of, self.known = of, dict[tuple[Any, ...], dict[str, Sample]]()

    def samples(self, run: RunCounts) -> dict[str, Sample]:
        key = (*run_key(run), run.test_set)
        if key not in self.known:
            self.known[key] = self.of.samples(run)
        return self.known[key]


def _rows(head: Mapping[str, Any], runs: Sequence[RunCounts]) -> list[TableRow]:
    """A row per method, source and K."""
    rows = []
    for method in ordered("METHOD", (run.method for run in runs)):
        for group in row_groups(runs):
            mine = [run for run in runs if run.method == method and group_of(run) == group]
            names = {"method": method_name(method), "source": group[0], "k": group[1]}
            names |= {"needs": needs(group[0]), "at_test": "yes" if needs_at_test(method) else None}
            tested = method not in ("erm", "random")
            rows.append(TableRow({**head, **names}, mine, tested=tested))
    return [row for row in rows if row.runs]


def _more(
    rows: Sequence[TableRow],
    used: Mapping[RunCounts, RunCounts],
    seconds: Seconds,
    drawn: Remembered,
) -> list[dict[str, Any]]:
    """The further columns of each row, which are compared with each other."""
    names = [*metric_names("performance", rows[0].runs[0].task), *drawn.gaps]
    lines: list[dict[str, Any]] = [{} for _ in rows]
    methods = [row.runs[0].method for row in rows]
    erm = methods.index("erm") if "erm" in methods else None
    values = {}
    for name in names:
        mine = {used[run]: drawn.samples(used[run])[name] for row in rows for run in row.runs}
        found = [estimate(dict.fromkeys(used[run] for run in row.runs), mine) for row in rows]
        values[name] = [one.value for one in found]
        for line, one in zip(lines, found, strict=True):
            reference = found[erm] if erm is not None and one is not found[erm] else None
            line |= _difference(name, one, reference)
            if name == GAP:
                line["shrinks"] = _shrinks(one, reference)
    ranked = [i for i, method in enumerate(methods) if method != "random"]
    notes = []
    for name in (name for name in RANKED if name in names):
        found_ranks = _ranking([rows[i] for i in ranked], name, drawn)
        notes.append(_rank_note(name, found_ranks))
        places = dict(zip(ranked, found_ranks.ranks, strict=True))
        for i, line in enumerate(lines):
            line[f"{name}_rank"] = places.get(i)
            line[f"{name}_friedman_p"] = found_ranks.p
            line[f"{name}_critical_difference"] = found_ranks.difference
    there = [i for i in ranked if not np.isnan([values[F1][i], values[GAP][i]]).any()]
    best = front([values[F1][i] for i in there], [values[GAP][i] for i in there])
    for i, (line, row) in enumerate(zip(lines, rows, strict=True)):
        line["pareto"] = there.index(i) in best if i in there else None
        line["seconds"] = fmean(seconds[run_key(run)] for run in row.runs)
        line["note"] = " ".join(notes) or None
    return lines


def _difference(name: str, ours: Estimate, erm: Estimate | None) -> dict[str, float | None]:
    """The columns of a difference to ERM; empty for ERM itself."""
    ends: tuple[float | None, ...] = (None, None, None)
    if erm is not None:
        value, resampled = ours.value - erm.value, ours.resampled - erm.resampled
        support = min(ours.support, erm.support)
        ends = (value, *interval(value, resampled, support, signed=True))
    return dict(zip((f"{name}_diff", f"{name}_diff_low", f"{name}_diff_high"), ends, strict=True))


def _shrinks(ours: Estimate, erm: Estimate | None) -> float | None:
    """Share of the seeds in which a number is smaller than ERM's, as means over the folds."""
    if erm is None:
        return None
    seeds = sorted({seed for _, seed in ours.by_run})
    pairs = [
        [
            fmean(one.by_run[place] for place in one.by_run if place[1] == seed)
            for one in (ours, erm)
        ]
        for seed in seeds
    ]
    known = [pair for pair in pairs if not np.isnan(pair).any()]
    return fmean(mine < theirs for mine, theirs in known) if known else None


def _ranking(rows: Sequence[TableRow], name: str, drawn: Remembered) -> Ranking:
    """Ranks over folds, in which a row has the mean over its seeds.

    Where the table pools the folds, ranks are still those within each fold.
    """
    folds = sorted({run.fold for row in rows for run in row.runs})
    table = np.full((len(folds), len(rows)), np.nan)
    for column, row in enumerate(rows):
        for line, fold in enumerate(folds):
            mine = [run for run in row.runs if run.fold == fold]
            found = [drawn.samples(run)[name].values[0] for run in mine]
            table[line, column] = np.mean(found)
    return ranking(table, not is_better_low(name))


def _rank_note(name: str, found: Ranking) -> str:
    """What the ranks say, or why they say nothing."""
    if reason := found.reason():
        return f"{name}: no test of the ranks, because {reason}."
    return (
        f"{name}: ranks over {found.blocks} folds, Friedman's p = {found.p:.2g}; two mean ranks "
        f"differ where they are {found.difference:.1f} apart (Nemenyi, p < {LEVEL:g})."
    )
