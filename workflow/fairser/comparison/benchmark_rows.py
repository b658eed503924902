"""Rows of ``workflow/reference/benchmark.csv``, from the runs of a results folder, and their check.

A row is a method with its source of groups and K on a corpus, with the means over folds and seeds
that the tables have. ``corpus`` and ``encoder`` are their kinds, with a name after a colon where
the kind does not say which one it is. ``settings`` are those that differ from the defaults and
change the numbers of the row. Numbers follow from the counts of the runs, and those in
``metrics.json`` must be the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from fairser.comparison.stored_runs import StoredRun, read_folder
from fairser.config.configuration import resolve
from fairser.config.extensions import extensions
from fairser.core.errors import InputError, damaged, nearest
from fairser.core.files import read_utf8
from fairser.core.table_files import read_csv, require_columns
from fairser.core.words import joined, shortened
from fairser.evaluation.bootstrap import Bootstrap, pooled
from fairser.evaluation.estimates import estimate
from fairser.evaluation.metrics import metric_names
from fairser.results.benchmark import check_complete, training_seconds
from fairser.results.coverage import is_pooled
from fairser.results.estimate_tables import TableRow
from fairser.results.tables import declared, table_gaps

KEYS = ("method", "source", "k", "corpus", "encoder", "attribute", "settings")
REPLICATES = ("folds", "seeds")
NUMBERS = {"f1": 4, "acc": 4, "uar": 4, "accuracy": 4, "tpr_gap": 4, "dp_gap": 4, "seconds": 2}
COLUMNS = (*KEYS, *REPLICATES, *NUMBERS, "commit")
NAMED = ("corpus", "encoder")  # columns of a kind and a name
# Keys that change the numbers of a row, by section; None for all but the neutral ones.
SECTIONS: dict[str, tuple[str, ...] | None] = {
    "corpus": ("classes", "task", "folds", "speaker"),
    "bias": None,
    "encoder": ("waveforms", "finetune", "standardise", "seconds"),
    "train": None,
    "metrics": None,
    "statistics": ("over",),
}
MODEL = ("kind", "model", "standardise", "seconds")  # of the embeddings or the gender model
NEUTRAL = ("memory_mb", "together", "checkpoint_seconds")
SHOWN = 3  # missing runs in a message
Row = dict[str, str]  # by :data:`COLUMNS`


def rows_of(results: str | Path, names: Mapping[str, str | None] | None = None) -> list[Row]:
    """The rows of a results folder.

    Args:
        results: a folder of the first study.
        names: of its ``corpus`` and its ``encoder``; None for the name of its file or folder.

    Raises:
        InputError: runs are missing, or numbers in ``metrics.json`` are not those of the counts.
    """
    runs = read_folder(results)
    if runs[0].study != "subgroups":
        raise InputError(f"{results}: runs of the second study, which has no benchmark.")
    by_cell: dict[Any, list[StoredRun]] = {}
    for run in runs:
        by_cell.setdefault(run.cell, []).append(run)
    check_complete([TableRow({}, found) for found in by_cell.values()])
    config = runs[0].record["config"]
    # Its plugins first, which may define methods and metrics.
    default = resolve({"corpus": {"kind": "demo"}, "plugins": config.get("plugins", [])})
    attribute = config["bias"]["attribute"]
    gaps = table_gaps([attribute], config["metrics"])
    drawn = Bootstrap(1, 0, gaps, config.get("statistics", {}).get("over"))
    samples = {run: drawn.samples(run) for run in runs}
    for run in runs:
        _check_record(run, {name: one.values[0] for name, one in samples[run].items()}, drawn)
    pool = is_pooled(runs, [attribute], drawn.over)
    used = pooled(runs) if pool else {run: run for run in runs}
    if pool:
        samples = {run: drawn.samples(run) for run in dict.fromkeys(used.values())}
    seconds = training_seconds([run.record for run in runs])
    found = []
    for (method, source, k), mine in by_cell.items():
        values = {
            name: estimate(
                dict.fromkeys(used[run] for run in mine), {r: s[name] for r, s in samples.items()}
            ).value
            for name in (*metric_names("performance", mine[0].task), *gaps)
        }
        times = [seconds[method, source, k, *run.place] for run in mine]
        values["seconds"] = sum(times) / len(times)
        row = {"method": method, "source": source, "k": str(k), "attribute": attribute}
        row |= {name: _named(config, name, (names or {}).get(name)) for name in NAMED}
        row["settings"] = _settings(config, default, method, source)
        for name, part in (("folds", "fold"), ("seeds", "seed")):
            row[name] = " ".join(map(str, sorted({getattr(run, part) for run in mine})))
        row |= {name: _written(values.get(name), digits) for name, digits in NUMBERS.items()}
        row["commit"] = " ".join(sorted({str(run.record["commit"] or "unknown") for run in mine}))
        found.append({name: row[name] for name in COLUMNS})
    return found


def read_rows(path: str | Path, empty: bool = False) -> list[Row]:
    """The rows of a file, with their place in it as ``row``.

    Args:
        path: of the file.
        empty: whether it may have no rows.

    Raises:
        InputError: it is no csv, has no rows or lacks a column.
    """
    lines = read_utf8(path, "row", "Save it as 'CSV UTF-8'.").splitlines() if empty else []
    if len(lines) == 1:
        require_columns(path, lines[0].split(","), COLUMNS)
        return []
    frame = read_csv(path)
    require_columns(path, frame.columns, COLUMNS)
    return frame.select(*COLUMNS, "row").to_dicts()


def with_rows(known: Iterable[Row], new: Sequence[Row]) -> pl.DataFrame:
    """The rows of a file, in which new ones replace those of the same :data:`KEYS`."""
    kept = {_key(row): row for row in known} | {_key(row): row for row in new}
    lines = [{name: row[name] or None for name in COLUMNS} for row in kept.values()]
    return pl.DataFrame(lines, schema=dict.fromkeys(COLUMNS, pl.String))


@dataclass
class Checked:
    """What a folder says about submitted rows.

    Attributes:
        rows: number of rows that were checked.
        faults: row, column, submitted and found value of each difference.
        others: rows of another corpus, encoder, attribute or setting, which the folder says nothing
            about: why they were not checked.
    """

    rows: int = 0
    faults: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def check_rows(submitted: Sequence[Row], found: Sequence[Row]) -> Checked:
    """Compare submitted rows, of :func:`read_rows`, with those of a folder, of :func:`rows_of`."""
    known = {tuple(row[name] for name in KEYS[:3]): row for row in found}
    result = Checked()
    for row in submitted:
        named = f"{row['row']} ({row['method']} {row['source']} {row['k']})"
        mine = known.get(tuple(row[name] for name in KEYS[:3]))
        if apart := _apart(row, mine or found[0], KEYS[3:] if mine else KEYS[3:6]):
            result.others.append(f"{named}: {apart}")
            continue
        result.rows += 1
        if mine is None:
            result.faults.append(f"{row['row']}: {_no_runs(row, list(known))}")
            continue
        result.faults += [
            f"{named}, column '{name}': submitted {row[name] or 'nothing'}, "
            f"found {mine[name] or 'nothing'}."
            for name in (*REPLICATES, *NUMBERS, "commit")
            if not _same(name, row[name], mine[name])
        ]
    return result


def _check_record(run: StoredRun, measured: Mapping[str, float], drawn: Bootstrap) -> None:
    """Refuse a ``metrics.json`` with other numbers than those of the counts beside it."""
    for name, value in measured.items():
        if gap := drawn.gaps.get(name):
            known = run.record["attributes"].get(gap.attribute, {}).get("gaps", {})
            stored = known.get(gap.rate, {}).get(gap.variant, {}).get("rms")
        else:
            stored = run.record.get(name)
        if stored is not None and not abs(stored - value) < 1e-9:
            raise damaged(
                run.folder / "metrics.json",
                f"its {name} is {stored}, that of counts.parquet {value:.6f}",
            )


def _named(config: Mapping[str, Any], section: str, name: str | None) -> str:
    """Kind and name, such as ``fbank``, ``precomputed:logmel`` or ``manifest:emodb``."""
    own = config[section]
    kind = str(own["kind"])
    if section == "encoder":
        wanted = {"transformers": "model", "precomputed": "features"}.get(kind)
    elif (reader := extensions("CORPUS").get(kind)) and reader["made"]:
        wanted = None  # the kind is one corpus
    else:
        wanted = reader["lists"] if reader else "manifest"
    if name is None and wanted and own.get(wanted):
        path = Path(own[wanted])
        files = {"features": path.stem, "manifest": path.parent.name, "labels": path.name}
        name = files.get(wanted, str(own[wanted]))
    return f"{kind}:{name}" if name else kind


def _settings(
    config: Mapping[str, Any], default: Mapping[str, Any], method: str, source: str
) -> str:
    """Settings that differ from the defaults, such as ``bias.ratio=4; methods.rw.power=2``."""
    wanted = dict(SECTIONS)
    if (model := declared("SOURCE", source, "needs")) and model != "encoder":
        wanted[model] = MODEL
    pairs = []
    for name, keys in wanted.items():
        own = config.get(name, {})
        kept = own if keys is None else {key: own[key] for key in keys if key in own}
        pairs.append((name, kept, default[name]))
    for part, name in (("methods", method), ("sources", source)):
        own = config.get(part, {}).get(name, {})
        pairs.append((f"{part}.{name}", own, default[part].get(name, {})))
    return "; ".join(
        f"{section}.{key}={json.dumps(value)}"
        for section, values, usual in pairs
        for key, value in values.items()
        if key not in NEUTRAL and value != usual.get(key)
    )


def _written(value: float | None, digits: int) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in KEYS)


def _apart(row: Row, of: Row, names: Iterable[str]) -> str | None:
    """In what a row is of another folder; names of corpora and of own features may differ."""
    for name in names:
        ours, theirs = of[name], row[name].strip()
        if name in NAMED and not ours.startswith("transformers:"):
            ours, theirs = ours.partition(":")[0], theirs.partition(":")[0]
        if ours != theirs:
            there = of[name] or "none"
            return f"its {name} is {row[name] or 'none'}, that of the folder {there}."
    return None


def _no_runs(row: Row, known: Sequence[tuple[str, ...]]) -> str:
    """Why a row has no runs, and what there is."""
    for constant, name in (("METHOD", "method"), ("SOURCE", "source")):
        there = list(extensions(constant))
        if row[name] not in there:
            return f"there is no {name} '{row[name]}'.{nearest(row[name], there)}"
    cell = " ".join(row[name] for name in KEYS[:3])
    same = [" ".join(one) for one in known if one[0] == row["method"]]
    there_are = joined(shortened(same or [" ".join(one) for one in known], SHOWN))
    return f"the folder has no run of {cell}; it has {there_are}."


def _same(name: str, submitted: str, found: str) -> bool:
    """Whether two cells say the same: numbers up to the decimals that a row has."""
    if name in (*REPLICATES, "commit"):
        return sorted(submitted.split()) == sorted(found.split())
    if name not in NUMBERS or not (submitted and found):
        return submitted.strip() == found
    try:
        difference = abs(float(submitted) - float(found))
    except ValueError:
        return False
    return difference < 1.001 * 10 ** -NUMBERS[name]
