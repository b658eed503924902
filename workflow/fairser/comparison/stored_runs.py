"""The finished runs of a results folder, and what differs between those of two folders."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any

from fairser.core.checksums import check_files, read_record
from fairser.core.errors import InputError, damaged
from fairser.core.table_files import read_made
from fairser.core.words import joined
from fairser.corpora.clips import MULTI
from fairser.evaluation.bootstrap import RunCounts
from fairser.evaluation.metrics import COUNTS

# Names of what makes a cell, by study; each cell has several folds and seeds.
CELLS = {
    "subgroups": ("method", "source", "k"),
    "minmaxgap": ("languages", "modality", "objective", "p", "weighting"),
}
# Parts of a record that the numbers can depend on.
ORIGINS = ("commit", "device", "features", "groups", "versions", "config", "settings")
# Keys within these that change no number, or that repeat another key.
NEUTRAL = (
    *(f"config.{name}" for name in ("results", "features", "study", "download", "device")),
    *(f"config.{name}" for name in ("grid", "figures", "tables", "choose_k", "statistics")),
    *(f"config.{name}" for name in ("metrics", "llm")),
    *(f"config.extraction.{name}" for name in ("shards", "threads")),
    *(f"config.train.{name}" for name in ("memory_mb", "checkpoint_seconds")),
    *(f"{part}.{name}" for part in ("features", "groups") for name in ("seconds", "versions")),
    *(f"{part}.{name}" for part in ("features", "groups") for name in ("commit", "settings")),
    *(f"{part}.made_by" for part in ("features", "groups")),
)
IDENTICAL, SAME = "identical byte for byte", "same counts"  # predictions; of speakers and classes
SHOWN_LETTERS = 40  # of a value
Cell = tuple[str | int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredRun(RunCounts):
    """A finished run with its study and cell (:data:`CELLS`), and metrics.json as ``record``.

    A run of minmaxgap is of fold 1, the corpus' own.
    """

    folder: Path
    study: str
    cell: Cell
    record: dict[str, Any]

    @property
    def speakers(self) -> set[str]:
        return set(self.counts["speaker"])

    @property
    def place(self) -> tuple[int, int]:
        return self.fold, self.seed


RunPair = tuple[list[StoredRun], list[StoredRun]]  # the runs of a cell in a and in b


def read_folder(results: str | Path) -> list[StoredRun]:
    """All finished runs of a results folder, ordered by path."""
    runs = [_read(path) for path in sorted(Path(results, "runs").rglob("metrics.json"))]
    if not runs:
        raise InputError(
            f"{results}: no finished run in such a folder (runs/**/metrics.json). Name a results "
            "folder of this workflow, as 'results' in its configuration does."
        )
    if len({run.study for run in runs}) > 1:
        raise InputError(f"{results}: runs of both studies; give each study its own folder.")
    return runs


def _read(path: Path) -> StoredRun:
    try:
        record = read_record(path)
        study = "minmaxgap" if "objective" in record else "subgroups"
        cell = tuple(record[name] for name in CELLS[study])
        place = (record["fold"] if study == "subgroups" else 1, record["seed"])
        if study == "subgroups":
            record["attributes"], record["config"]["metrics"]  # which gaps there are
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise damaged(path, f"not a record of a run: {reason}") from error
    table = path.with_name("counts.parquet")
    check_files(path, record, [table.name])
    counts = read_made(table, ["speaker", "class", *COUNTS])
    method, source, k = cell if study == "subgroups" else (cell[2], cell[1], cell[3])
    run = RunCounts(method, source, k, *place, counts, record.get("task", MULTI))
    return StoredRun(**vars(run), folder=path.parent, study=study, cell=cell, record=record)


def check_comparable(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> None:
    """Refuse folders whose numbers do not mean the same."""
    if a[0].study != b[0].study:
        raise InputError(f"The first folder is of the study {a[0].study}, the second {b[0].study}.")
    classes = [sorted({name for r in runs for name in r.counts["class"]}) for runs in (a, b)]
    if classes[0] != classes[1]:
        first, second = map(joined, classes)
        raise InputError(
            f"The first folder has the classes {first}, the second {second}, so no metric means "
            "the same in both. Compare runs with the same 'corpus.classes'."
        )
    if a[0].task != b[0].task:
        raise InputError(
            f"The task of the first folder is {a[0].task}, that of the second {b[0].task}, so no "
            "metric means the same in both. Compare runs with the same 'corpus.task'."
        )
    if not set().union(*(r.speakers for r in a)) & set().union(*(r.speakers for r in b)):
        raise InputError(
            "No test speaker is in both folders, so they are of different corpora and can't be "
            "compared."
        )


def by_cell(a: Sequence[StoredRun], b: Sequence[StoredRun]) -> dict[Cell, RunPair]:
    """Runs of each cell in a and in b; one of the two may be empty."""
    cells: dict[Cell, RunPair] = {}
    for side, runs in enumerate((a, b)):
        for run in runs:
            cells.setdefault(run.cell, ([], []))[side].append(run)
    return cells


def folds_of(runs: Sequence[StoredRun]) -> set[int]:
    return {run.fold for run in runs}


def partners(
    one: Sequence[StoredRun], other: Sequence[StoredRun]
) -> list[tuple[StoredRun, StoredRun]]:
    """Runs of a cell with the same fold, and with the same seed where both sides have it."""
    theirs = {run.place: run for run in other}
    by_fold = {run.fold: run for run in reversed(other)}
    found = [(run, theirs.get(run.place, by_fold.get(run.fold))) for run in one]
    return [(run, partner) for run, partner in found if partner]


def equal(one: Sequence[StoredRun], other: Sequence[StoredRun]) -> str | None:
    """What is the same in all folds and seeds of a cell: predictions, counts or nothing."""
    pairs = partners(one, other)
    places = [{run.place for run in runs} for runs in (one, other)]
    if places[0] != places[1] or not all(x.counts.equals(y.counts) for x, y in pairs):
        return None
    paths = [[run.folder / "predictions.parquet" for run in pair] for pair in pairs]
    there = all(path.is_file() for path in chain(*paths))
    same = there and all(x.read_bytes() == y.read_bytes() for x, y in paths)
    return IDENTICAL if same else SAME


def what_differs(pairs: Sequence[tuple[StoredRun, StoredRun]]) -> list[str]:
    """``key: a -> b`` for each key of the records that may have changed the numbers."""
    found: dict[str, dict[str, None]] = {}
    for (one, other), name in product(pairs, ORIGINS):
        parts = one.record.get(name), other.record.get(name)
        if all(isinstance(part, dict) for part in parts):
            ours, theirs = (dict(_flat(part, name)) for part in parts)
        else:
            ours, theirs = ({name: "recorded" if isinstance(p, dict) else p} for p in parts)
        for key in dict.fromkeys([*ours, *theirs]):
            if ours.get(key) != theirs.get(key):
                change = f"{_shown(ours.get(key))} -> {_shown(theirs.get(key))}"
                found.setdefault(key.removeprefix("config."), {})[change] = None
    return [f"{key}: {', '.join(changes)}" for key, changes in found.items()]


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Values below a key by their key with dots, without those in :data:`NEUTRAL`."""
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
