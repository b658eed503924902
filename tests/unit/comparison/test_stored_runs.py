"""Results folders that are broken are named, with what to do."""

from pathlib import Path

import polars as pl
import pytest

from fairser.comparison.stored_runs import read_folder
from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json, write_json
from unit.comparison.test_comparing import ERM, write_llm_run
from unit.result_folder import counts, write_run


def test_runs_are_found_with_their_cells(tmp_path: Path) -> None:
    for fold, seed in ((1, 0), (1, 1), (2, 0)):
        write_run(tmp_path, ERM, counts(fold), fold, seed)
    write_run(tmp_path / "nested", ERM, counts(1))  # another results folder within this one
    found = read_folder(tmp_path)
    assert [(run.cell, run.fold, run.seed) for run in found] == [
        (ERM, 1, 0),
        (ERM, 1, 1),
        (ERM, 2, 0),
    ]
    assert found[0].speakers == {f"s{number:02d}" for number in range(20)}


def test_folders_without_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: no finished run"):
        read_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="no finished run"):
        read_folder(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = write_run(tmp_path, ERM, counts(1))
    record = folder / "metrics.json"
    whole = read_json(record)
    write_record(record, {name: whole[name] for name in whole if name != "seed"}, [])
    with pytest.raises(InputError, match=r"seed0/metrics\.json: .*'seed' is missing"):
        read_folder(tmp_path)
    record.write_text(record.read_text()[:20])
    with pytest.raises(InputError, match=r"metrics\.json: damaged .*--force"):
        read_folder(tmp_path)
    record.write_text("[]")
    with pytest.raises(InputError, match=r"metrics\.json: damaged \(no JSON object"):
        read_folder(tmp_path)
    write_json(record, whole)
    table = folder / "counts.parquet"
    counts(2).write_parquet(table)
    with pytest.raises(InputError, match=r"counts\.parquet: damaged \(its SHA-256"):
        read_folder(tmp_path)
    counts(1).drop("hits", "clips").write_parquet(table)
    write_record(record, whole, [table])
    with pytest.raises(InputError, match=r"counts\.parquet: damaged \(no column clips, hits"):
        read_folder(tmp_path)
    table.write_bytes(b"PAR1")
    write_record(record, whole, [table])
    with pytest.raises(InputError, match=r"counts\.parquet: damaged \(parquet"):
        read_folder(tmp_path)
    table.unlink()
    with pytest.raises(InputError, match=r"counts\.parquet beside it is missing"):
        read_folder(tmp_path)
    write_json(record, {name: whole[name] for name in whole if name != "sha256"})
    with pytest.raises(InputError, match=r"metrics\.json: damaged \(a record without checksums"):
        read_folder(tmp_path)
    write_json(record, whole | {"seed": 1})
    with pytest.raises(InputError, match=r"metrics\.json: damaged \(its content"):
        read_folder(tmp_path)
    write_json(record, whole)
    counts(1).write_parquet(table)
    assert pl.read_parquet(table).equals(read_folder(tmp_path)[0].counts)


def test_runs_of_both_studies_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, ERM, counts(1))
    write_llm_run(tmp_path, 0.5, 1)
    with pytest.raises(InputError, match="runs of both studies"):
        read_folder(tmp_path)
