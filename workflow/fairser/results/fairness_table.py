"""The table of all numbers: a row per method, source, K and attribute.

Columns are those of :mod:`fairser.results.estimate_tables`, without tests against ERM, which Tables
1 and 2 have. ``docs/metrics.md`` says what each number is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from fairser.config.grid import has_k_axis
from fairser.core.checksums import read_record
from fairser.core.words import joined
from fairser.corpora.clips import TEST_SET, ClipTable
from fairser.evaluation.bootstrap import POOLED, RunCounts, by_test_set, pooled
from fairser.evaluation.clip_bootstrap import GAPS, ClipBootstrap, missing, read_clips
from fairser.evaluation.estimates import estimate
from fairser.results.coverage import coverage, is_pooled, test_notes
from fairser.results.estimate_tables import Head, estimate_table
from fairser.results.tables import method_name, ordered

Configuration = tuple[str, str, int]
LEGEND = (
    "value (standard deviation over folds) [95 % interval, bootstrap over speakers]; by chance: "
    "the gap with the groups shuffled among the speakers, mean to 95 % quantile; ° not larger than "
    "that quantile."
)
NAN = float("nan")


def fairness_table(
    metrics: Sequence[str],
    predictions: Sequence[str],
    splits: Iterable[str],
    bootstrap: ClipBootstrap,
    biased: str,
) -> pl.DataFrame:
    """The table; the runs of one configuration at a time are in memory.

    Args:
        metrics: paths of the ``metrics.json`` of all runs.
        predictions: of the ``predictions.parquet`` beside each.
        splits: of the clip table of each fold.
        bootstrap: draws speakers and groups.
        biased: the attribute whose rows come first.
    """
    tables = {table.folds[0]: table for table in map(ClipTable.read, splits)}
    found: dict[Configuration, list[tuple[str, str]]] = {}
    seeds = set()
    for path, beside in zip(metrics, predictions, strict=True):
        record = read_record(path)
        seeds.add(record["seed"])
        key = (record["method"], record["source"], record["k"])
        found.setdefault(key, []).append((path, beside))
    spread = ["std", "seed_std"] if len(seeds) > 1 else ["std"]
    parts = []
    for key in _in_order(found):
        runs = []
        for path, beside in found[key]:
            record = read_record(path)
            runs.append(read_clips(path, record, beside, tables[record["fold"]]))
        attributes = next(iter(tables.values())).attributes
        first = sorted(attributes, key=lambda name: name != biased)
        parts += _rows(by_test_set(runs), first, bootstrap, [*spread, "low", "high"])
    return pl.concat(parts, how="diagonal_relaxed")


def legend(table: pl.DataFrame) -> list[str]:
    """What the cells of the readable table hold, and what it lacks."""
    return [LEGEND, *table["note"].drop_nulls().unique(maintain_order=True)]


def _in_order(found: Iterable[Configuration]) -> list[Configuration]:
    """Configurations by method and source as declared, then by K."""
    known = list(found)
    methods = ordered("METHOD", (key[0] for key in known))
    sources = ordered("SOURCE", (key[1] for key in known))
    return sorted(known, key=lambda key: (methods.index(key[0]), sources.index(key[1]), key[2]))


def _rows(
    runs: Sequence[RunCounts],
    attributes: Sequence[str],
    bootstrap: ClipBootstrap,
    uncertainty: Sequence[str],
) -> list[pl.DataFrame]:
    """A table of one row for each test set and attribute of one configuration."""
    found = []
    for test_set in sorted({run.test_set or "" for run in runs}):
        part = [run for run in runs if (run.test_set or "") == test_set]
        head: Head = {TEST_SET: test_set} if test_set else {}
        one = part[0]
        head |= {"method": method_name(one.method), "source": one.source}
        head |= {"k": one.k if has_k_axis(one.source) else None}
        shown = [name for name in attributes if len(coverage(part, name).groups) > 1]
        whole = pooled(part)
        used = [*part, *dict.fromkeys(whole.values())]
        overall: dict[RunCounts, dict[str, Any]] = {}
        named: list[str | None] = [*shown] or [None]
        for name in named:
            pool = is_pooled(part, [name] if name else [], bootstrap.over)
            mine = [run for run in used if (run in part) != pool]
            overall |= {run: bootstrap.overall(run) for run in mine if run not in overall}
            samples = {
                run: overall[run] | (bootstrap.compared(run, name) if name else {}) for run in mine
            }
            numbers = {
                column: [estimate(mine, {run: samples[run][column] for run in mine})]
                for column in samples[mine[0]]
            }
            table = estimate_table(
                [{**head, "attribute": name}],
                numbers,
                {column: [NAN] for column in numbers},
                uncertainty,
                [column for column in numbers if column in GAPS],
            )
            folds = len({run.fold for run in part})
            notes = test_notes(mine, [name] if name else [], folds if pool else None)
            found.append(
                table.with_columns(
                    pl.col("k").cast(pl.Int64),
                    pl.col("attribute").cast(pl.String),
                    pl.lit(folds).alias("folds"),
                    pl.lit(len({run.seed for run in part})).alias("seeds"),
                    pl.lit(" ".join([*notes, *_missing(mine, name)]) or None, pl.String).alias(
                        "note"
                    ),
                )
            )
    return found


def _missing(runs: Sequence[RunCounts], attribute: str | None) -> list[str]:
    """Sentences that say which numbers do not exist in which folds, and why."""
    why: dict[str, dict[int, list[str]]] = {}
    for run in runs:
        found: Mapping[str, str] = missing(run, None) | (
            missing(run, attribute) if attribute else {}
        )
        for name, reason in found.items():
            names = why.setdefault(reason, {}).setdefault(run.fold, [])
            names += [name] if name not in names else []
    lines = []
    for reason, by_fold in why.items():
        names = list(dict.fromkeys(name for found in by_fold.values() for name in found))
        folds = sorted(by_fold)
        where = "" if folds == [POOLED] else f" in {_folds(folds)}"
        lines.append(f"No {joined(names)}{where}: {reason}.")
    return lines


def _folds(folds: Sequence[int]) -> str:
    if len(folds) > 1:
        return f"folds {joined([str(fold) for fold in folds])}"
    return f"fold {folds[0]}"
