"""The long table of all runs: every number of every record, once, at its place."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import f1_score

from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.corpora.clips import TEST_SET, ClipTable
from fairser.corpora.names import MULTI, SINGLE
from fairser.evaluation.evaluate import evaluate
from fairser.results.all_runs import SCHEMA, write_all_runs
from unit.builders import CLASSES, clip_table

COUNT = 60  # clips of test


def split(task: str, sets: bool = False) -> ClipTable:
    """A fold whose test clips have a gender and a race, partly unknown; perhaps two test sets."""
    random = np.random.default_rng(3)
    labels = random.dirichlet([0.4] * 3, COUNT + 2)
    if task == SINGLE:
        labels = np.eye(3)[labels.argmax(axis=1)]
    gender = [("female", "male", None)[n % 3] for n in range(COUNT + 2)]
    race = [("asian", "black", "white")[n // 2 % 3] for n in range(COUNT + 2)]
    splits = [*["test"] * COUNT, "train", "development"]
    table = clip_table(labels, splits, gender=gender, race=race).with_task(task, "a")
    if sets:
        names = [*[f"test{1 + n % 2}" for n in range(COUNT)], None, None]
        table = table.replace(table.frame.with_columns(pl.Series(TEST_SET, names, pl.String)))
    return table


def write_run(root: Path, table: ClipTable, method: str, seed: int) -> tuple[str, pl.DataFrame]:
    """The path of a run's record, and its predictions."""
    values = np.random.default_rng(seed).dirichlet([1.0] * 3, COUNT)
    test = table.frame.filter(split="test")
    predictions = test.select(
        "clip", "split", *(pl.Series(n, v) for n, v in zip(CLASSES, values.T, strict=True))
    )
    record = {"method": method, "source": "none", "k": 1, "fold": 1, "seed": seed}
    record |= {"made_from": f"{method}0123", "seconds": {"train": 1.5}, "best_epoch": 2}
    path = root / f"{method}{seed}" / "metrics.json"
    path.parent.mkdir()
    write_record(path, record | evaluate(predictions, table), [])
    return str(path), predictions


def numbers(part: Any) -> Iterator[Any]:
    """All numbers in a part of a record, and its nulls."""
    if isinstance(part, dict):
        for value in part.values():
            yield from numbers(value)
    elif part is None or isinstance(part, int | float):
        yield part


def told(record: dict[str, Any]) -> list[Any]:
    """The numbers of the evaluation in a record, without confusions and reasons."""
    run = ("method", "source", "k", "fold", "seed", "made_from", "seconds", "best_epoch")
    left = (*run, "confusion", "test_sets", "sha256", "task")
    return [
        *numbers({name: value for name, value in record.items() if name not in left}),
        *(one for part in record.get("test_sets", {}).values() for one in told(part)),
    ]


@pytest.mark.parametrize("task", [MULTI, SINGLE])
@pytest.mark.parametrize("sets", [False, True])
def test_every_number_is_there_once(tmp_path: Path, task: str, sets: bool) -> None:
    table = split(task, sets)
    paths = [write_run(tmp_path, table, m, s)[0] for m, s in (("erm", 0), ("erm", 1), ("rw", 0))]
    write_all_runs(paths, tmp_path / "all_runs.parquet")
    found = pl.read_parquet(tmp_path / "all_runs.parquet")
    assert found.schema == SCHEMA
    keys = [name for name in SCHEMA if name not in ("value", "missing")]
    assert not found.select(pl.struct(keys).is_duplicated().any()).item()
    for path, (_, part) in zip(
        paths, found.group_by("method", "seed", maintain_order=True), strict=True
    ):
        assert Counter(part["value"].to_list()) == Counter(told(read_json(Path(path))))
    assert found["test_set"].unique().sort().to_list() == [
        None,
        *(["test1", "test2"] if sets else []),
    ]
    assert found.select("method", "seed", "made_from").unique(maintain_order=True).rows() == [
        ("erm", 0, "erm0123"),
        ("erm", 1, "erm0123"),
        ("rw", 0, "rw0123"),
    ]


def test_numbers_are_those_of_a_hand_count(tmp_path: Path) -> None:
    table = split(SINGLE)
    path, predictions = write_run(tmp_path, table, "erm", 0)
    write_all_runs([path], tmp_path / "all_runs.parquet")
    frame = pd.read_parquet(tmp_path / "all_runs.parquet")  # as another program reads it
    found = {tuple(None if x != x else x for x in row[:-1]): row[-1]
             for row in frame[["number", "variant", "attribute", "group", "class", "value"]]
             .itertuples(index=False)}  # fmt: skip
    test = table.frame.filter(split="test").sort("clip")
    truth = test.select(CLASSES).to_numpy().argmax(axis=1)
    called = predictions.sort("clip").select(CLASSES).to_numpy().argmax(axis=1)
    assert found["f1", None, None, None, None] == pytest.approx(
        f1_score(truth, called, average="macro")
    )
    races = test["race"].to_numpy()
    rates = {}
    for race in ("asian", "black", "white"):
        mine = races == race
        assert found["clips", None, "race", race, None] == mine.sum()
        for number, name in enumerate(CLASSES):
            rates[race, name] = (called[mine & (truth == number)] == number).mean()
            assert found["tpr", None, "race", race, name] == pytest.approx(rates[race, name])
    for number, name in enumerate(CLASSES):
        overall = (called[truth == number] == number).mean()
        gap = max(abs(rates[race, name] - overall) for race in set(races))
        assert found["tpr_gap", "max_deviation", "race", None, name] == pytest.approx(gap)
    assert found["unknown", None, "gender", None, None] == 20
    worst = found["worst_group_class_recall", None, "race", None, None]
    assert worst == pytest.approx(min(rates.values()))


def test_why_a_number_is_missing(tmp_path: Path) -> None:
    """A group without a class has no recall, so there is no worst group."""
    table = split(SINGLE)
    alone = pl.when(pl.col("angry") == 1).then(pl.lit("female")).otherwise("gender").alias("gender")
    table = table.replace(table.frame.with_columns(alone))
    path, _ = write_run(tmp_path, table, "erm", 0)
    write_all_runs([path], tmp_path / "all_runs.parquet")
    found = pl.read_parquet(tmp_path / "all_runs.parquet")
    rows = found.filter(pl.col("number") == "worst_group_recall", pl.col("attribute") == "gender")
    (row,) = rows.to_dicts()
    assert row["value"] is None
    assert row["missing"] == "male has no positive clip of angry"


def test_a_changed_record_is_refused(tmp_path: Path) -> None:
    path, _ = write_run(tmp_path, split(MULTI), "erm", 0)
    Path(path).write_text(Path(path).read_text().replace('"erm"', '"rw"'))
    with pytest.raises(InputError):
        write_all_runs([path], tmp_path / "all_runs.parquet")
    assert not (tmp_path / "all_runs.parquet").exists()
