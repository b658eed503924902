"""Tables of estimates: a row per configuration, with the uncertainty of each number.

For each number x come ``x_std`` (over folds), ``x_seed_std`` (over seeds, where there are
several), ``x_low`` and ``x_high`` (95 % bootstrap interval over speakers) and ``x_p`` (two-sided
p-value of the difference to ERM, Holm-corrected over the table's methods); for a gap also
``x_chance`` and ``x_chance_high`` (mean and 95 % quantile with the groups shuffled among the
speakers); then ``folds``, ``seeds`` and ``note`` (what is missing and why).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.core.text import SIGNIFICANT
from fairser.core.text import chance as written_chance
from fairser.core.text import estimate as written
from fairser.evaluation.bootstrap import Bootstrap, RunCounts, pooled
from fairser.evaluation.estimates import Estimate, estimate, holm, p_value
from fairser.evaluation.metrics import Floats, is_better_low, metric_names
from fairser.results.coverage import is_pooled, notes

CHANCE = ("chance", "chance_high")
LEGEND = (
    "value (standard deviation over folds) [95 % interval, bootstrap over speakers]; "
    f"* differs from ERM, Holm-corrected p < {SIGNIFICANT:g}; by chance: the gap with the groups "
    "shuffled among the speakers, mean to 95 % quantile; ° not larger than that quantile"
)
NAN = float("nan")
Head = dict[str, str | int | None]


@dataclass(frozen=True)
class TableRow:
    """A row of a table."""

    head: Head  # its first columns
    runs: Sequence[RunCounts]  # that it is the mean of
    gain: bool = False  # whether it shows their relative improvement over ERM
    tested: bool = False  # whether its difference to ERM is tested


def run_table(
    candidates: Sequence[TableRow], runs: Sequence[RunCounts], bootstrap: Bootstrap
) -> pl.DataFrame:
    """The rows that have runs, with their numbers (see the module); ``runs`` are those of all rows.

    Raises:
        InputError: no row has runs.
    """
    rows = [row for row in candidates if row.runs]
    if not rows:
        raise InputError(
            "No run of the grid belongs to this table. Change 'grid.methods', 'grid.sources' or "
            "the numbers of clusters in 'tables'."
        )
    pool = is_pooled(runs, bootstrap.attributes, bootstrap.over)
    used = pooled(runs) if pool else {run: run for run in runs}
    samples = {run: bootstrap.samples(run) for run in dict.fromkeys(used.values())}
    numbers, tests = {}, {}
    for name in (*metric_names("performance", runs[0].task), *bootstrap.gaps):
        mine = {run: found[name] for run, found in samples.items()}
        erm = {
            test_set: estimate(
                [r for r in mine if r.method == "erm" and r.test_set == test_set], mine
            )
            for test_set in {run.test_set for run in mine if run.method == "erm"}
        }
        found = [estimate(dict.fromkeys(used[run] for run in row.runs), mine) for row in rows]
        references = [erm.get(row.runs[0].test_set) for row in rows]
        tests[name] = [
            p_value(one, reference) if row.tested and reference else NAN
            for row, one, reference in zip(rows, found, references, strict=True)
        ]
        numbers[name] = [
            _gain(one, reference, not is_better_low(name)) if row.gain else one
            for row, one, reference in zip(rows, found, references, strict=True)
        ]
    spread = ["std", "seed_std"] if len({run.seed for run in runs}) > 1 else ["std"]
    table = estimate_table(
        [row.head for row in rows], numbers, tests, [*spread, "low", "high", "p"], bootstrap.gaps
    )
    folds = len({run.fold for run in runs}) if pool else None
    note = " ".join(notes(list(samples), bootstrap.attributes, folds))
    return table.with_columns(
        *(
            pl.Series(f"{name}s", [len({getattr(run, name) for run in row.runs}) for row in rows])
            for name in ("fold", "seed")
        ),
        pl.lit(note or None, pl.String).alias("note"),
    )


def estimate_table(
    heads: Sequence[Head],
    numbers: Mapping[str, Sequence[Estimate]],
    tests: Mapping[str, Sequence[float]],
    uncertainty: Sequence[str],
    gaps: Collection[str] = (),
) -> pl.DataFrame:
    """A table of estimates: first columns, each number, then its uncertainty; null for NaN.

    Args:
        heads: first columns of each row.
        numbers: estimates of each column, row by row.
        tests: their p-values, still without Holm's correction; NaN where there is no test.
        uncertainty: what follows for each number: ``std``, ``seed_std``, ``low``, ``high``, ``p``.
        gaps: names of the numbers that have a chance level.
    """
    table: dict[str, list[Any]] = {name: [head[name] for head in heads] for name in heads[0]}
    table |= {name: [one.value for one in found] for name, found in numbers.items()}
    for name, found in numbers.items():
        low, high = zip(*(one.interval for one in found), strict=True)
        parts: dict[str, Sequence[float]] = {"low": low, "high": high, "p": holm(tests[name])}
        for part in ("std", "seed_std", *CHANCE):
            parts[part] = [getattr(one, part) for one in found]
        shown = [*uncertainty, *(CHANCE if name in gaps else ())]
        table |= {f"{name}_{part}": list(parts[part]) for part in shown}
    return pl.DataFrame(table, infer_schema_length=None).fill_nan(None)


def readable(
    table: pl.DataFrame, digits: int = 3, last: Sequence[str] = ("folds", "seeds")
) -> pl.DataFrame:
    """A table of estimates with each number and its uncertainty in one cell (:data:`LEGEND`).

    ``last`` are the columns that follow.
    """
    numbers = [name for name in table.columns if f"{name}_low" in table.columns]
    head = table.columns[: table.columns.index(numbers[0])]
    lines = table.to_dicts()
    cells = []
    for name in numbers:
        cells.append(pl.Series(name, [written(line, name, digits) for line in lines]))
        if f"{name}_chance" in table.columns:
            chance = [written_chance(line, name, digits) for line in lines]
            cells.append(pl.Series(f"{name} by chance", chance))
    return table.select(*head, *cells, *last)


def legend(table: pl.DataFrame) -> str:
    """What the cells of :func:`readable` hold, and what a table lacks."""
    return " ".join([f"{LEGEND}.", *table["note"].drop_nulls().unique()])


def _gain(ours: Estimate, erm: Estimate | None, higher: bool) -> Estimate:
    """Relative improvement over ERM: (x - ERM) / ERM where higher is better, else (ERM - x) / ERM.

    A ratio of means over folds has no spread over folds: its ``std`` is NaN.
    """
    if erm is None:
        return Estimate(NAN, NAN, NAN, np.array([NAN]), ours.support, signed=True)
    sign = 1 if higher else -1
    with np.errstate(divide="ignore", invalid="ignore"):
        value = sign * np.float64(ours.value - erm.value) / erm.value
        resampled: Floats = sign * (ours.resampled - erm.resampled) / erm.resampled
    gain = float(value) if np.isfinite(value) else NAN
    finite = np.where(np.isfinite(resampled), resampled, NAN)
    return Estimate(gain, NAN, NAN, finite, ours.support, signed=True)
