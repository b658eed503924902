"""Sweeps: all settings of each method, and which of them is chosen on development.

Of the rows with the same method, source, K and rule of selection, the one with the lowest mean of
the selected value (:mod:`fairser.training.selection`) over folds and seeds is chosen; of equal ones
the first. Nothing of test enters. Where all are equal, up to rounding, the value says nothing about
the settings, and none is chosen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from statistics import fmean
from typing import Any

import polars as pl

from fairser.config.extensions import extension, ordered
from fairser.config.grid import hyper
from fairser.config.variants import spelled
from fairser.core.checksums import read_record
from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import Bootstrap, RunCounts, by_test_set
from fairser.results.estimate_tables import Head, TableRow, readable, run_table
from fairser.results.tables import group_of, method_name, test_set_parts

LEGEND = (
    "development: mean over folds and seeds of the value by which the epoch is selected; chosen: "
    "the lowest of the same method, source, K and selection, none where all are equal"
)
ROUNDING = 1e-5  # relative, of the same training alone and as one with others
Place = tuple[str, str, int]  # method, source and K of a row


@dataclass(frozen=True)
class Measured:
    """What the record of a run says of its selection.

    Attributes:
        place: method, source and K.
        hyper: all settings of the method.
        value: the selected value, of the model that predicts.
    """

    place: Place
    hyper: Mapping[str, Any]
    value: float


def read_selected(metrics: Iterable[str]) -> list[Measured]:
    """The selections of runs, from their ``metrics.json``.

    Raises:
        InputError: a record has no selected value.
    """
    found = []
    for path in metrics:
        record = read_record(path)
        value = record.get("selected_value")
        if value is None:
            raise InputError(
                f"{path}: no 'selected_value', so it can't be compared on development. Remove the "
                "folder of this run, and the next run makes it anew."
            )
        method = record["method"]
        place = method, record["source"], record["k"]
        found.append(Measured(place, hyper(record["config"], method), float(value)))
    return found


def chosen_rows(measured: Sequence[Measured]) -> dict[Place, bool]:
    """Whether each row is chosen, in the order of tables."""
    values: dict[Place, list[float]] = {}
    rivals: dict[tuple[str, str, int, str], list[Place]] = {}
    methods = ordered("METHOD", (one.place[0] for one in measured))
    for one in sorted(measured, key=lambda one: methods.index(one.place[0])):
        method, source, k = one.place
        if one.place not in values:
            head = extension("METHOD", method).base, source, k, str(one.hyper["selection"])
            rivals.setdefault(head, []).append(one.place)
        values.setdefault(one.place, []).append(one.value)
    means = {place: fmean(found) for place, found in values.items()}
    best = set()
    for places in rivals.values():
        lowest = min(means[place] for place in places)
        first, *others = [p for p in places if isclose(means[p], lowest, rel_tol=ROUNDING)]
        if 1 + len(others) < len(places):
            best.add(first)
    return {place: place in best for place in means}


def sweep_table(
    runs: Sequence[RunCounts], measured: Sequence[Measured], bootstrap: Bootstrap
) -> pl.DataFrame:
    """A row for ERM, then one for each setting of the methods that have variants.

    Columns: method, source, k, settings, selection, development and chosen, then the numbers of
    :func:`fairser.results.estimate_tables.run_table`. Only what is chosen is tested against ERM.

    Args:
        runs: of the methods, of their variants, and of ERM if there are any.
        measured: the same runs on development.
        bootstrap: of the intervals.
    """
    chosen = chosen_rows(measured)
    hypers = {one.place: one.hyper for one in measured}
    values = {place: fmean(one.value for one in measured if one.place == place) for place in hypers}
    swept: dict[str, dict[str, Any]] = {}  # settings by method, with the values of a variant
    for method in ordered("METHOD", (place[0] for place in hypers)):
        one = extension("METHOD", method)
        swept[one.base] = {**swept.get(one.base, {}), **one.variant}
    shown, rows, places = by_test_set(runs), [], []
    for head, part in test_set_parts(shown):
        methods = ordered("METHOD", (run.method for run in part))
        for place in _places(part, methods):
            method, source, _ = place
            base = extension("METHOD", method).base
            if not swept[base] and method != "erm":
                continue
            found = [run for run in part if (run.method, run.source, run.k) == place]
            k = group_of(found[0])[1]
            names: Head = {"method": method_name(base), "source": source, "k": k}
            names |= {"settings": _settings(hypers[place], swept[base])}
            names |= {"selection": hypers[place]["selection"]}
            rows.append(TableRow({**head, **names}, found, tested=chosen[place]))
            places.append(place)
    table = run_table(rows, shown, bootstrap)
    at = table.columns.index("selection") + 1
    table.insert_column(at, pl.Series("development", [values[place] for place in places]))
    return table.insert_column(at + 1, pl.Series("chosen", [chosen[place] for place in places]))


def _settings(hyper: Mapping[str, Any], names: Iterable[str]) -> str:
    """Settings as a row shows them: ``epochs 3, weight 20``."""
    return ", ".join(f"{name} {spelled(hyper[name])}" for name in names)


def is_setting(record: Mapping[str, Any], line: Mapping[str, Any]) -> bool:
    """Whether the run of a ``metrics.json`` is one of a row of ``sweeps.csv``."""
    if method_name(extension("METHOD", record["method"]).base) != line["method"]:
        return False
    own = hyper(record["config"], record["method"])
    names = [part.split(" ")[0] for part in (line["settings"] or "").split(", ") if part]
    shown = _settings(own, names), own.get("selection")
    return shown == (line["settings"] or "", line["selection"])


def _places(runs: Iterable[RunCounts], methods: Sequence[str]) -> list[Place]:
    """The rows of some runs: ERM, then by method without its settings, source and K."""
    bases = [extension("METHOD", method).base for method in methods]
    sources = ordered("SOURCE", (run.source for run in runs))
    found = {(run.method, run.source, run.k) for run in runs}
    return sorted(
        found,
        key=lambda one: (
            bases.index(extension("METHOD", one[0]).base),
            sources.index(one[1]),
            one[2],
            methods.index(one[0]),
        ),
    )


def readable_sweeps(table: pl.DataFrame) -> pl.DataFrame:
    """A table of :func:`sweep_table` with each number and its uncertainty in one cell."""
    word = pl.when("chosen").then(pl.lit("yes")).otherwise(pl.lit(""))
    return readable(table).with_columns(word.alias("chosen"))
