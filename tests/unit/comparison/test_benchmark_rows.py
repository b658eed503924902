"""Rows of the benchmark's file: made from the runs of a folder, and refused where they differ."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairser.commands.base import BAD_INPUT, FOUND
from fairser.commands.check_benchmark import main
from fairser.comparison.benchmark_rows import COLUMNS, read_rows, rows_of, with_rows
from fairser.config.configuration import resolve
from fairser.config.extensions import use
from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import Bootstrap, by_test_set, read_counts
from fairser.results.tables import table1, table_gaps
from unit.result_folder import counts, write_run

CONFIG = resolve({"corpus": {"kind": "demo"}, "encoder": {"kind": "fbank"}})
ERM, RW = ("erm", "none", 1), ("rw", "annotated", 2)
FOLDS, SEEDS = (1, 2), (0, 1)
SECONDS = {"load": 1.0, "train": 2.0, "predict": 5.0}


def write(results: Path, changed: dict[str, Any] | None = None, **given: Any) -> Path:
    """A folder with ERM and RW on two folds with two seeds; ``changed`` goes into their records."""
    for cell, worse in ((ERM, 0.4), (RW, 0.1)):
        for fold in FOLDS:
            for seed in SEEDS:
                frame = counts(fold, worse, draw=seed, **given)
                record = {"config": CONFIG, "seconds": SECONDS, "task": "multi_label"}
                write_run(results, cell, frame, fold, seed, **(record | (changed or {})))
    return results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return write(tmp_path / "results")


@pytest.fixture
def rows(results: Path, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "rows.csv"
    assert main([str(path), str(results), "--write"]) == 0
    return path


def edit(path: Path, **changes: str) -> None:
    """Change cells of RW's row."""
    frame = pl.read_csv(path, infer_schema=False)
    here = pl.col("method") == "rw"
    frame = frame.with_columns(
        pl.when(here).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in changes.items()
    )
    frame.write_csv(path)


def test_a_row_by_hand(results: Path) -> None:
    row = next(row for row in rows_of(results) if row["method"] == "rw")
    f1s, gaps = [], []
    for fold in FOLDS:
        for seed in SEEDS:
            frame = counts(fold, 0.1, draw=seed)
            by_class = frame.group_by("class").agg(pl.col("positives", "predicted", "hits").sum())
            f1 = 2 * pl.col("hits") / (pl.col("positives") + pl.col("predicted"))
            f1s.append(by_class.select(f1.mean()).item())
            rate = pl.col("hits").sum() / pl.col("positives").sum()
            rates = frame.group_by("class", "gender").agg(rate.alias("rate"))
            apart = rates.group_by("class").agg(pl.col("rate").max() - pl.col("rate").min())
            gaps.append(float(np.sqrt(np.mean(apart["rate"].to_numpy() ** 2))))
    assert row["f1"] == f"{np.mean(f1s):.4f}"
    assert row["tpr_gap"] == f"{np.mean(gaps):.4f}"
    assert (row["k"], row["folds"], row["seeds"]) == ("2", "1 2", "0 1")
    assert (row["corpus"], row["encoder"], row["attribute"]) == ("demo", "fbank", "gender")
    assert (row["settings"], row["seconds"], row["commit"]) == ("", "3.00", "1234567")
    assert (row["uar"], row["accuracy"]) == ("", "")


@pytest.mark.parametrize("speakers", [20, 6])
def test_its_numbers_are_those_of_table_1(speakers: int, tmp_path: Path) -> None:
    """With six speakers the folds are pooled."""
    results = write(tmp_path / "results", speakers=range(speakers))
    files = sorted(str(path) for path in results.rglob("metrics.json"))
    runs = read_counts(files, [file.replace("metrics.json", "counts.parquet") for file in files])
    gaps = table_gaps(["gender"], CONFIG["metrics"])
    table = table1(by_test_set(runs), Bootstrap(100, 0, gaps, None), None)
    for row, name in zip(rows_of(results), ("ERM", "RW"), strict=True):
        line = table.row(by_predicate=pl.col("method") == name, named=True)
        for column in ("f1", "acc", "tpr_gap", "dp_gap"):
            assert float(row[column]) == pytest.approx(line[column], abs=5.1e-5)


def test_settings_that_change_numbers_are_in_the_row(tmp_path: Path) -> None:
    changes = {"bias": {"ratio": 4}, "train": {"epochs": 5, "memory_mb": 9}, "device": "cpu"}
    changes |= {"methods": {"rw": {"normalise": True}, "gdro": {"eta": 0.5}}}
    changes |= {"embedding": {"kind": "mfcc"}, "corpus": {"kind": "demo", "task": "multi_label"}}
    base = {"corpus": {"kind": "demo"}, "encoder": {"kind": "fbank"}}
    results = write(tmp_path / "results", {"config": resolve(base | changes)})
    found = {row["method"]: row["settings"] for row in rows_of(results)}
    same = 'corpus.task="multi_label"; bias.ratio=4; train.epochs=5'
    assert found == {"erm": same, "rw": f"{same}; methods.rw.normalise=true"}


def test_a_method_of_a_plugin(tmp_path: Path) -> None:
    """Its defaults are not in the row."""
    (tmp_path / "mine").mkdir()
    setting = {"type": "number", "minimum": 0, "maximum": 9, "default": 2.0, "description": "One."}
    text = f"METHOD = {{'title': 'Mine', 'settings': {{'power': {setting}}}}}\n"
    (tmp_path / "mine/powered.py").write_text(text)
    plugins = {"plugins": [str(tmp_path / "mine")]}
    base = {"corpus": {"kind": "demo"}, "encoder": {"kind": "fbank"}} | plugins
    try:
        for name, given in (("a", {}), ("b", {"methods": {"powered": {"power": 3}}})):
            record = {"config": resolve(base | given), "seconds": SECONDS, "task": "multi_label"}
            for cell in (ERM, ("powered", "none", 1)):
                write_run(tmp_path / name, cell, counts(1), **record)
        use([])
        for name, settings in (("a", ""), ("b", "methods.powered.power=3")):
            found = {row["method"]: row["settings"] for row in rows_of(tmp_path / name)}
            assert found == {"erm": "", "powered": settings}
    finally:
        use([])


def test_the_model_behind_the_groups_is_in_the_row(tmp_path: Path) -> None:
    record = {"config": CONFIG | {"embedding": CONFIG["embedding"] | {"kind": "mfcc"}}}
    record |= {"seconds": SECONDS, "task": "multi_label"}
    for cell in (ERM, ("rw", "kmeans", 4), ("rw", "pseudo", 2)):
        write_run(tmp_path / "results", cell, counts(1), **record)
    found = {row["source"]: row["settings"] for row in rows_of(tmp_path / "results")}
    assert found == {"none": "", "kmeans": 'embedding.kind="mfcc"', "pseudo": ""}


@pytest.mark.parametrize(
    ("section", "own", "expected"),
    [
        ("encoder", {"kind": "transformers", "model": "a/b"}, "transformers:a/b"),
        ("encoder", {"kind": "precomputed", "features": "x/own.st"}, "precomputed:own"),
        ("corpus", {"kind": "manifest", "manifest": "x/emodb/clips.csv"}, "manifest:emodb"),
        ("corpus", {"kind": "emosuperb", "labels": "x/iemocap"}, "emosuperb:iemocap"),
        ("corpus", {"kind": "cremad", "labels": "x/labels"}, "cremad"),
    ],
)
def test_names_of_corpora_and_encoders(
    section: str, own: dict[str, str], expected: str, tmp_path: Path
) -> None:
    config = CONFIG | {section: CONFIG[section] | own}
    results = write(tmp_path / "results", {"config": config})
    assert {row[section] for row in rows_of(results)} == {expected}
    if ":" in expected:
        named = f"{own['kind']}:mine"
        assert {row[section] for row in rows_of(results, {section: "mine"})} == {named}


def test_what_was_written_is_right(
    rows: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(rows), str(results)]) == 0
    assert capsys.readouterr().out.endswith("2 rows checked, 0 differences.\n")
    assert tuple(pl.read_csv(rows).columns) == COLUMNS


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("f1", "0.9"),
        ("f1", ""),
        ("tpr_gap", "small"),
        ("uar", "0.5"),
        ("seconds", "1.00"),
        ("folds", "1"),
        ("seeds", "0 1 2"),
        ("commit", "7654321"),
    ],
)
def test_a_difference_has_row_column_and_both_values(
    column: str, value: str, rows: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = next(row for row in read_rows(rows) if row["method"] == "rw")[column]
    edit(rows, **{column: value})
    capsys.readouterr()
    assert main([str(rows), str(results)]) == FOUND
    said = capsys.readouterr().out.splitlines()
    assert said[0] == (
        f"{rows}, row 3 (rw annotated 2), column '{column}': submitted {value or 'nothing'}, "
        f"found {right or 'nothing'}."
    )
    assert said[1] == "2 rows checked, 1 difference."


def test_rounding_is_no_difference(rows: Path, results: Path) -> None:
    right = float(next(row for row in read_rows(rows) if row["method"] == "rw")["f1"])
    edit(rows, f1=f"{right + 0.00009:.5f}", commit=" 1234567")
    assert main([str(rows), str(results)]) == 0
    edit(rows, f1=f"{right + 0.0002:.4f}")
    assert main([str(rows), str(results)]) == FOUND


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "rww"}, "there is no method 'rww'. Did you mean 'rw'?"),
        ({"source": "anotated"}, "Did you mean 'annotated'?"),
        ({"method": "ds"}, "the folder has no run of ds annotated 2"),
        ({"k": "3"}, "it has rw annotated 2"),
    ],
)
def test_rows_without_runs(
    changes: dict[str, str],
    said: str,
    rows: Path,
    results: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    edit(rows, **changes)
    assert main([str(rows), str(results)]) == FOUND
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    "changes",
    [
        {"corpus": "cremad"},
        {"encoder": "transformers:a/b"},
        {"attribute": "race"},
        {"settings": "train.epochs=5"},
    ],
)
def test_rows_of_another_folder_are_not_checked(
    changes: dict[str, str], rows: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(rows, f1="0.9", **changes)
    assert main([str(rows), str(results)]) == 0
    said = capsys.readouterr().out
    ((name, value),) = changes.items()
    assert "1 row checked, 0 differences." in said
    assert f"its {name} is {value}" in said


def test_a_file_about_other_folders_is_an_error(
    rows: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_csv(rows, infer_schema=False)
    frame.with_columns(corpus=pl.lit("cremad")).write_csv(rows)
    assert main([str(rows), str(results)]) == BAD_INPUT
    assert "about none of its rows" in capsys.readouterr().err


def test_missing_runs_are_an_error(
    rows: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "runs/rw/annotated/k2/fold2/seed1/metrics.json").unlink()
    assert main([str(rows), str(results)]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "RW annotated lacks 1 run" in said and "fold 2 seed 1" in said


def test_a_record_with_other_numbers_than_its_counts_is_an_error(tmp_path: Path) -> None:
    results = write(tmp_path / "results", {"f1": 0.99})
    with pytest.raises(InputError, match=r"metrics.json: damaged \(its f1 is 0.99"):
        rows_of(results)
    gap = {"gender": {"gaps": {"tpr": {"pairwise": {"rms": 0.0}}}}}
    results = write(tmp_path / "others", {"attributes": gap})
    with pytest.raises(InputError, match="its tpr_gap is"):
        rows_of(results)


def test_an_edited_record_is_an_error(results: Path) -> None:
    file = next(results.rglob("metrics.json"))
    file.write_text(file.read_text().replace("1234567", "7654321"))
    with pytest.raises(InputError, match="checksum"):
        rows_of(results)


def test_writing_keeps_other_rows_and_replaces_its_own(rows: Path, results: Path) -> None:
    edit(rows, f1="0.9", corpus="cremad")  # a row of another folder
    assert main([str(rows), str(results), "--write"]) == 0
    found = [(row["method"], row["corpus"]) for row in read_rows(rows)]
    assert found == [("erm", "demo"), ("rw", "cremad"), ("rw", "demo")]
    before = rows.read_bytes()
    assert main([str(rows), str(results), "--write"]) == 0
    assert rows.read_bytes() == before


def test_a_file_with_nothing_but_its_header(tmp_path: Path, results: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(",".join(COLUMNS) + "\n")
    assert main([str(path), str(results)]) == BAD_INPUT
    assert main([str(path), str(results), "--write"]) == 0
    assert len(read_rows(path)) == 2


def test_a_file_of_another_kind_stays_as_it_is(tmp_path: Path, results: Path) -> None:
    path = tmp_path / "rows.csv"
    for text in ("mine", "a,b\n1,2\n", ""):
        path.write_text(text)
        assert main([str(path), str(results), "--write"]) == BAD_INPUT
        assert path.read_text() == text


def test_a_file_without_a_column(rows: Path, results: Path) -> None:
    pl.read_csv(rows).drop("commit").write_csv(rows)
    with pytest.raises(InputError, match="no column 'commit'"):
        read_rows(rows)


def test_the_file_of_the_project_has_these_columns() -> None:
    file = Path(__file__).parents[3] / "workflow/reference/benchmark.csv"
    assert tuple(file.read_text().splitlines()[0].split(",")) == COLUMNS
    assert with_rows(read_rows(file, empty=True), []).columns == list(COLUMNS)
