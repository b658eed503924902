"""The state of the grid: what is done, out of date or missing, and what is left to do."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.config.grid import Cell
from fairser.llm.grid import LLMCell
from fairser.results.grid_state import (
    DONE,
    MISSING,
    STALE,
    GridRow,
    read_state,
    summarise,
    table,
    write_csv,
    write_state,
)

FOLDS = {
    1: (DONE, 0, 10.0),
    2: (STALE, 2, 20.0),
    3: (MISSING, 2, None),
    4: (MISSING, 1, 30.0),  # trained, but not evaluated
    5: (MISSING, 2, None),  # a record that was cut off
}


def finish(folder: Path, made_from: str | None, seconds: float) -> None:
    """The files of a run as its jobs leave them, as far as they count here."""
    folder.mkdir(parents=True)
    record = {"method": "erm"} | ({"made_from": made_from} if made_from else {})
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.json").write_text("{}")
    (folder / "benchmark.tsv").write_text(f"s\th:m:s\n{seconds}\t0:00:10\n")


def origin(cell: Any) -> str:
    return f"hash of {cell.method}"


@pytest.fixture
def rows(tmp_path: Path) -> list[GridRow]:
    """ERM in each state, and a method that has not been run."""
    erm = [Cell("erm", "none", 1, fold, 0) for fold in FOLDS]
    finish(tmp_path / erm[0].folder, "hash of erm", 10)
    finish(tmp_path / erm[1].folder, "another hash", 20)
    finish(tmp_path / erm[3].folder, "hash of erm", 30)
    (tmp_path / erm[3].folder / "metrics.json").unlink()
    finish(tmp_path / erm[4].folder, None, 40)
    (tmp_path / erm[4].folder / "run.json").write_text('{"method": "e')
    rest = [Cell("rw", "kmeans", k, 1, 0) for k in (2, 4)]
    return read_state([*erm, *rest], tmp_path, origin)


def test_a_run_of_a_folds_job_tells_its_own_time(tmp_path: Path) -> None:
    cell = Cell("erm", "none", 1, 1, 0)
    finish(tmp_path / cell.folder, "hash of erm", 10)
    (tmp_path / cell.folder / "benchmark.tsv").unlink()
    assert read_state([cell], tmp_path, origin)[0]["seconds"] is None
    record = {"made_from": "hash of erm", "seconds": {"load": 0.5, "train": 2.0, "predict": 0.25}}
    (tmp_path / cell.folder / "run.json").write_text(json.dumps(record))
    more = Cell("erm", "none", 1, 2, 0)
    rows = read_state([cell, more], tmp_path, origin)
    assert [row["seconds"] for row in rows] == [2.75, None]
    assert summarise(rows)[-1]["seconds"] == 2.75


def test_each_run_has_its_state(rows: list[GridRow]) -> None:
    found = {row["fold"]: (row["state"], row["jobs"], row["seconds"]) for row in rows[:5]}
    assert found == FOLDS
    assert [(row["state"], row["jobs"]) for row in rows[5:]] == [(MISSING, 2)] * 2


def test_a_run_of_an_earlier_version_is_out_of_date(tmp_path: Path) -> None:
    cell = Cell("erm", "none", 1, 1, 0)
    finish(tmp_path / cell.folder, None, 10)
    assert read_state([cell], tmp_path, origin)[0]["state"] == STALE


def test_the_table_has_a_row_for_each_method_source_and_k(rows: list[GridRow]) -> None:
    erm, rw2, rw4, total = summarise(rows)
    assert [(row["method"], row["source"], row["k"]) for row in (erm, rw2, rw4)] == [
        ("erm", "none", 1),
        ("rw", "kmeans", 2),
        ("rw", "kmeans", 4),
    ]
    assert (erm["runs"], erm[DONE], erm[STALE], erm[MISSING], erm["jobs"]) == (5, 1, 1, 3, 7)
    assert erm["left"] == "2/0 3/0 4/0 1 more"
    assert (total["method"], total["runs"], total["jobs"]) == ("all", 7, 11)


def test_the_time_is_that_of_earlier_runs(rows: list[GridRow]) -> None:
    """Of the method: three trainings of 20 s on average; else of all methods."""
    seconds = [row["seconds"] for row in summarise(rows)]
    assert seconds == pytest.approx([60, 20, 20, 100])
    assert [row["seconds"] for row in summarise(rows[5:])] == [None, None, None]
    assert [row["seconds"] for row in summarise(rows[:1])] == [0, 0]


def test_a_run_of_a_job_for_a_fold_has_its_time_in_its_record(tmp_path: Path) -> None:
    cell = Cell("erm", "none", 1, 1, 0)
    run = tmp_path / cell.folder / "run.json"
    run.parent.mkdir(parents=True)
    seconds = {"load": 0.5, "train": 4.0, "predict": 0.25}
    run.write_text(json.dumps({"made_from": "hash of erm", "seconds": seconds}))
    assert read_state([cell], tmp_path, origin)[0]["seconds"] == 4.75


def test_the_table_as_text(rows: list[GridRow]) -> None:
    lines = table(summarise(rows)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:6]]
    assert cells[0] == [
        *("method", "source", "k", "runs", DONE, STALE, MISSING, "left", "jobs", "time")
    ]
    assert cells[2] == ["erm", "none", "1", "5", "1", "1", "3", "2/0 3/0 4/0 1 more", "7", "60 s"]
    assert cells[5][-1] == "2 min"
    assert "unknown" in table(summarise(rows[5:]))


def test_the_other_study_has_rows_of_its_own(tmp_path: Path) -> None:
    cells = [LLMCell("eng", "speech", "minmaxgap", p, "fixed", s) for p in (1, 2) for s in (0, 1)]
    found = summarise(read_state(cells, tmp_path, lambda cell: ""))
    assert [(row["p"], row["runs"], row["left"]) for row in found] == [
        (1, 2, "0 1"),
        (2, 2, "0 1"),
        ("", 4, "0 1 0 1 more"),
    ]


def test_the_state_as_csv(rows: list[GridRow], tmp_path: Path) -> None:
    write_state(rows, tmp_path)
    found = pl.read_csv(tmp_path / "grid.csv")
    assert found.columns == ["method", "source", "k", "fold", "seed", "state"]
    assert found["state"].to_list()[:5] == [state for state, *_ in FOLDS.values()]
    write_csv(summarise(rows), tmp_path / "grid_summary.csv")
    assert pl.read_csv(tmp_path / "grid_summary.csv")["jobs"].to_list() == [7, 2, 2, 11]
