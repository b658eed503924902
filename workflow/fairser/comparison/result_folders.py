"""The runs of a results folder as they lie on disk, and what differs between two folders' runs."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.evaluation.bootstrap import RunCounts

# What names a cell, by study; fold and seed come on top.
CELLS = {
    "subgroups": ("method", "source", "k"),
    "minmaxgap": ("languages", "modality", "objective", "p", "weighting"),
}
COUNTS = {"speaker", "class", "clips", "positives", "predicted", "hits"}
# Parts of a record that numbers can depend on.
ORIGINS = ("commit", "device", "features", "groups", "versions", "config", "settings")
# Keys within these that change no number, or that say again what another key says.
NEUTRAL = (
    *(f"config.{name}" for name in ("results", "study", "download", "device", "grid", "figures")),
    *(f"config.{name}" for name in ("tables", "choose_k", "statistics", "metrics", "llm")),
    *(f"config.extraction.{name}" for name in ("shards", "threads")),
    *(f"config.train.{name}" for name in ("memory_mb", "checkpoint_seconds")),
    *(f"{part}.{name}" for part in ("features", "groups") for name in ("seconds", "versions")),
    *(f"{part}.{name}" for part in ("features", "groups") for name in ("commit", "settings")),
)
SHOWN_LETTERS = 40  # of a value
Cell = tuple[str | int, ...]


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A finished run.

    Attributes:
        folder: where its files lie.
        study: a key of :data:`CELLS`.
        cell: values of the names that :data:`CELLS` has for the study.
        record: its metrics.json.
        counts: its counts on test; a run of minmaxgap is of fold 1, the corpus' own.
    """

    folder: Path
    study: str
    cell: Cell
    record: dict[str, Any]
    counts: RunCounts

    @property
    def speakers(self) -> set[str]:
        return set(self.counts.counts["speaker"])


Pair = tuple[StoredRun, StoredRun]
Sides = tuple[list[StoredRun], list[StoredRun]]


def read_folder(results: str | Path) -> list[StoredRun]:
    """All finished runs of a results folder, ordered by path.

    Raises:
        InputError: no such folder, no run in it, runs of both studies, or a file that is broken.
    """
    root = Path(results)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; name a results folder of this workflow.")
    files = sorted((root / "runs").rglob("metrics.json"))
    if not files:
        raise InputError(
            f"{root}: holds no finished run (runs/**/metrics.json); name a results folder of this "
            "workflow, the one that 'results' in its configuration names."
        )
    runs = [_read(path) for path in files]
    if len({run.study for run in runs}) > 1:
        raise InputError(f"{root}: holds runs of both studies; give each a folder of its own.")
    return runs


def _read(path: Path) -> StoredRun:
    again = "delete it, and run the same snakemake command again"
    try:
        record = read_json(path)
        study = "minmaxgap" if "objective" in record else "subgroups"
        cell = tuple(record[name] for name in CELLS[study])
        place = (record["fold"] if study == "subgroups" else 1, record["seed"])
        if study == "subgroups":
            record["attributes"], record["config"]["metrics"]  # what gaps there are, and which
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: is no record of a run ({reason}); {again}.") from error
    table = path.with_name("counts.parquet")
    try:
        counts = pl.read_parquet(table)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{table}: can't be read ({error}); {again}.") from error
    if lost := COUNTS - set(counts.columns):
        raise InputError(f"{table}: lacks the columns {', '.join(sorted(lost))}; {again}.")
    method, source, k = cell if study == "subgroups" else (cell[2], cell[1], cell[3])
    return StoredRun(path.parent, study, cell, record, RunCounts(method, source, k, *place, counts))


def by_cell(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> dict[Cell, Sides]:
    """Runs of each cell in a and in b, which may have none of it."""
    cells: dict[Cell, Sides] = {}
    for side, runs in enumerate((a, b)):
        for run in runs:
            cells.setdefault(run.cell, ([], []))[side].append(run)
    return cells


def folds_of(runs: Sequence[StoredRun]) -> set[int]:
    return {run.counts.fold for run in runs}


def partners(one: Sequence[StoredRun], other: Sequence[StoredRun]) -> list[Pair]:
    """Runs of a cell of the same fold, and of the same seed where both sides have it."""
    theirs = {_place(run): run for run in other}
    by_fold = {run.counts.fold: run for run in reversed(other)}
    found = [(run, theirs.get(_place(run), by_fold.get(run.counts.fold))) for run in one]
    return [(run, partner) for run, partner in found if partner]


def same_counts(one: Sequence[StoredRun], other: Sequence[StoredRun]) -> bool:
    """Whether two sides of a cell have the same folds and seeds, and equal counts in each."""
    if {_place(run) for run in one} != {_place(run) for run in other}:
        return False
    return all(x.counts.counts.equals(y.counts.counts) for x, y in partners(one, other))


def same_bytes(one: Sequence[StoredRun], other: Sequence[StoredRun]) -> bool:
    """Whether the predictions of two sides with the same folds and seeds are equal."""
    pairs = [[run.folder / "predictions.parquet" for run in p] for p in partners(one, other)]
    there = all(path.is_file() for pair in pairs for path in pair)
    return there and all(x.read_bytes() == y.read_bytes() for x, y in pairs)


def _place(run: StoredRun) -> tuple[int, int]:
    return run.counts.fold, run.counts.seed


def what_differs(pairs: Sequence[Pair]) -> list[str]:
    """What could have made the numbers differ: ``key: a -> b`` for each key of the records.

    Args:
        pairs: runs of the same cell and fold in a and in b.
    """
    found: dict[str, dict[str, None]] = {}
    for one, other in pairs:
        for key, ours, theirs in _changes(one.record, other.record):
            found.setdefault(key, {})[f"{_shown(ours)} -> {_shown(theirs)}"] = None
    return [f"{key}: {', '.join(changes)}" for key, changes in found.items()]


def _changes(one: dict[str, Any], other: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Key and both values where two records differ in what numbers can depend on."""
    for name in ORIGINS:
        ours, theirs = one.get(name), other.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            left, right = (dict(_flat(part, name)) for part in (ours, theirs))
            for key in dict.fromkeys([*left, *right]):
                if left.get(key) != right.get(key):
                    yield key.removeprefix("config."), left.get(key), right.get(key)
        elif ours != theirs:
            told = ["recorded" if isinstance(part, dict) else part for part in (ours, theirs)]
            yield name, told[0], told[1]


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """The values below a key, but those that change no number, by their key with dots."""
    if key in NEUTRAL:
        return
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{key}.{name}")
    else:
        yield key, value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 3]}..."
