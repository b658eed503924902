"""The state of the grid: which runs are done, out of date or missing, and what is left to do.

The Snakefile imports this module, so it imports nothing heavy.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import Any

from fairser.core.errors import InputError
from fairser.core.files import complete, read_json
from fairser.core.text import markdown
from fairser.core.words import shortened

DONE, STALE, MISSING = "done", "out of date", "missing"
REPLICATES = ("fold", "seed")  # what the runs of one row of the table differ in
STATE = ("state", "jobs", "seconds")
SHOWN = 3  # runs that are named in a row of the table

GridRow = dict[str, Any]


def read_state(
    cells: Iterable[Any], results: str | Path, origin: Callable[[Any], str]
) -> list[GridRow]:
    """Each run of the grid with its ``state``, the ``jobs`` left to do and its ``seconds``.

    A run is out of date if its training, or what it was trained on, would be made with other
    settings or other code now: if ``origin`` of its cell is not the ``made_from`` that it records.
    Changes of files and of the evaluation are seen by Snakemake alone.
    """
    rows = []
    for cell in cells:
        folder = Path(results, cell.folder)
        record, current = {}, None
        with suppress(OSError, InputError):
            record = read_json(folder / "run.json")
            current = record.get("made_from") == origin(cell)
        state = DONE if current else STALE
        if current is None or not (folder / "metrics.json").exists():
            state = MISSING
        jobs = 2 if not current else int(state == MISSING)  # to train and to evaluate
        seconds = None if current is None else _seconds(folder / "benchmark.tsv", record)
        rows.append(vars(cell) | dict(zip(STATE, (state, jobs, seconds), strict=True)))
    return rows


def _seconds(benchmark: Path, record: Mapping[str, Any]) -> float | None:
    """Wall time of a training: as Snakemake measured it, or of a part of a fold's job, its own."""
    try:
        return float(benchmark.read_text(encoding="utf-8").splitlines()[1].split("\t")[0])
    except (OSError, ValueError, IndexError):
        own = record.get("seconds")
        return float(sum(own.values())) if own else None


def write_state(rows: Sequence[GridRow], results: str | Path) -> None:
    """Write the runs and their ``state`` to ``grid.csv`` in the results folder."""
    left_out = ("jobs", "seconds")  # the file is the same whatever a run took
    kept = [{k: value for k, value in row.items() if k not in left_out} for row in rows]
    write_csv(kept, Path(results, "grid.csv"))


def write_csv(rows: Sequence[GridRow], path: Path) -> None:
    """Write rows with the same keys."""
    with complete(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summarise(rows: Sequence[GridRow]) -> list[GridRow]:
    """A row for each method, source and number of groups, and one for all, of ``read_state``.

    ``seconds`` is the expected time of the trainings that are left: by the mean of the method's
    finished ones, else of all; None without any.
    """
    keys = [name for name in rows[0] if name not in (*REPLICATES, *STATE)]
    groups: dict[tuple[Any, ...], list[GridRow]] = {}
    times: dict[Any, list[float]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in keys), []).append(row)
        for method in (_method(row), None) if row["seconds"] is not None else ():
            times.setdefault(method, []).append(row["seconds"])
    means = {method: fmean(known) for method, known in times.items()}
    found = []
    for key, runs in groups.items():
        trainings = sum(run["jobs"] == 2 for run in runs)
        each = means.get(_method(runs[0]), means.get(None))
        seconds = 0.0 if not trainings else each and each * trainings
        found.append(dict(zip(keys, key, strict=True)) | _counts(runs) | {"seconds": seconds})
    known = [row["seconds"] for row in found]
    total = dict.fromkeys(keys, "") | {keys[0]: "all"} | _counts(rows)
    return [*found, total | {"seconds": None if None in known else sum(known)}]


def _counts(runs: Sequence[GridRow]) -> GridRow:
    states = Counter(run["state"] for run in runs)
    left = ["/".join(str(run[n]) for n in REPLICATES if n in run) for run in runs if run["jobs"]]
    return {
        "runs": len(runs),
        **{state: states[state] for state in (DONE, STALE, MISSING)},
        "left": " ".join(shortened(left, SHOWN)),
        "jobs": sum(run["jobs"] for run in runs),
    }


def _method(row: GridRow) -> Any:
    return row.get("method", row.get("objective"))


def table(summary: Sequence[GridRow]) -> str:
    """The summary as a table in Markdown, with an explanation of its last columns."""
    head = [*(name for name in summary[0] if name != "seconds"), "time"]
    cells = [[*map(str, [*row.values()][:-1]), _time(row["seconds"])] for row in summary]
    return (
        f"{markdown(head, cells, ('runs', DONE, STALE, MISSING, 'jobs', 'time'))}\n"
        f"left: {'/'.join(REPLICATES)} of runs to train or evaluate\n"
        "jobs: to train and evaluate; features, splits, groups, tables and figures come on top\n"
        "time: of these trainings on one core, by earlier ones of the method, else of all methods"
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
