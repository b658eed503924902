"""The clip table: its checks, and what survives the way to disk and back."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable, build, numeric, select_classes
from fairser.corpora.names import clip_name
from unit.builders import clip_table
from unit.corpora.builders import assert_refused

CLASSES = ["angry", "happy", "sad"]


def rows(**changed: Any) -> pl.DataFrame:
    """One fold with a clip in each split; ``changed`` columns replace those of the last row."""
    splits = ("train", "development", "test")
    frame = [
        {"clip": f"c{i}", "file": f"c{i}.wav", "speaker": f"s{i}", "fold": 1, "split": split}
        | {"angry": 0.6, "happy": 0.3, "sad": 0.1, "gender": "male", "row": f"a.csv, row {i + 2}"}
        for i, split in enumerate(splits)
    ]
    frame[-1] |= changed
    return pl.DataFrame(frame)


def make(frame: pl.DataFrame) -> ClipTable:
    return build(frame, CLASSES, ["gender"], "a.csv")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("1001_DFA_ANG_XX.wav", "1001_DFA_ANG_XX"),
        ("1001_DFA_ANG_XX", "1001_DFA_ANG_XX"),
        ("speaker1.take2", "speaker1.take2"),
        ("1001_DFA_ANG_XX.WAV", "1001_DFA_ANG_XX"),
        ("day 1/take.2.flac", "day 1/take.2"),
        ("day 1/.wav", "day 1/.wav"),
        ("1040_ITH_SAD_X.wav", "1040_ITH_SAD_XX"),
        ("1040_ITH_SAD_XX.wav", "1040_ITH_SAD_XX"),
    ],
)
def test_clip_name(file: str, name: str) -> None:
    assert clip_name(file) == name


def test_columns_and_rows_are_in_order() -> None:
    table = make(rows().reverse().with_columns(age_years=30.0))
    keys = ["clip", "file", "speaker", "fold", "split"]
    assert table.frame.columns == [*keys, *CLASSES, "majority", "gender", "age_years"]
    assert table.frame["clip"].to_list() == ["c0", "c1", "c2"]


def test_majority_needs_more_than_half() -> None:
    table = make(rows(angry=0.5, happy=0.5, sad=0.0))
    assert table.frame["majority"].to_list() == ["angry", "angry", None]


def test_roles_survive_the_file(tmp_path: Path) -> None:
    table = make(rows().with_columns(age_years=30.0))
    table.write(tmp_path / "new" / "clips.parquet")
    again = ClipTable.read(tmp_path / "new" / "clips.parquet")
    assert (again.classes, again.attributes) == (tuple(CLASSES), ("gender",))
    assert_frame_equal(again.frame, table.frame)


def test_folds_and_clips() -> None:
    second = rows().with_columns(pl.lit(2, pl.Int64).alias("fold"))
    table = make(pl.concat([second, rows()]))
    assert table.folds == [1, 2]
    assert table.fold(2).frame["fold"].to_list() == [2, 2, 2]
    assert table.clips()["clip"].to_list() == ["c0", "c1", "c2"]
    assert_refused(("Fold 3", "folds 1, 2", "'grid.folds'"), table.fold, 3)


def test_printed_digits_may_miss_the_sum_a_little() -> None:
    assert make(rows(angry=0.333333, happy=0.333333, sad=0.333333)).frame.height == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"angry": 60.0}, ("row 4", "'c2'", "angry 60", "60.4")),
        ({"angry": 0.5}, ("row 4", "'c2'", "0.9")),
        ({"angry": 1.1, "happy": -0.2}, ("row 4", "happy -0.2", "negative")),
        ({"split": "tests"}, ("row 4", "'tests'", "'c2'", "train, development, test")),
        ({"clip": "c0"}, ("row 2", "'c0'", "fold 1", "keep one")),
        (
            {"speaker": "s0"},
            ("row 2", "'s0'", "test and train", "fold 1"),
        ),
        ({"split": "train"}, ("row 2", "fold 1", "no clip in test")),
    ],
)
def test_bad_row(changed: dict[str, Any], told: tuple[str, ...]) -> None:
    assert_refused(("a.csv, ", *told), make, rows(**changed))


def test_rows_without_a_place_are_named_by_their_clip() -> None:
    assert make(rows().drop("row")).frame.height == 3
    assert_refused(("a.csv, clip c2: ", "'tests'"), make, rows(split="tests").drop("row"))


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (["angry"], ("'angry'", "two are needed")),
        (["angry", "gender"], ("'gender'", "name of a class and of an attribute")),
        (["angry", "speaker"], ("'speaker'", "no class")),
    ],
)
def test_bad_classes(classes: list[str], told: tuple[str, ...]) -> None:
    assert_refused(("a.csv", *told), build, rows(), classes, ["gender"], "a.csv")


def test_classes_can_be_chosen() -> None:
    assert select_classes(CLASSES, None, "a.csv") == CLASSES
    assert select_classes(CLASSES, ["sad", "angry"], "a.csv") == ["sad", "angry"]
    told = ("a.csv", "'hapy'", "'corpus.classes'", "'happy'?", "angry, happy, sad")
    assert_refused(told, select_classes, CLASSES, ["sad", "hapy"], "a.csv")


def test_text_becomes_numbers() -> None:
    frame = pl.DataFrame({"value": ["1", "0"], "name": ["0", "0.5"], "row": ["a", "b"]})
    found = numeric(frame, ["name", "value"])
    assert found.rows() == [(1.0, 0.0, "a"), (0.0, 0.5, "b")]


@pytest.mark.parametrize("value", ["", "much", "nan", "inf", "0,5"])
def test_value_that_is_no_number(value: str) -> None:
    frame = pl.DataFrame({"angry": ["1", value], "row": ["a.csv, row 2", "a.csv, row 3"]})
    told = ("a.csv, row 3", "'angry'", f"'{value}'", "from 0 to 1")
    assert_refused(told, numeric, frame, ["angry"])


def test_the_task_follows_from_the_labels_and_is_kept(tmp_path: Path) -> None:
    splits = ["train", "development", "test", "test"]
    shares = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    tables = {
        "single_label": clip_table(shares[:3], splits[:3]),
        "multi_label": clip_table(shares, splits),
    }
    for task, table in tables.items():
        assert table.task == task
        table.fold(1).write(tmp_path / "clips.parquet")
        assert ClipTable.read(tmp_path / "clips.parquet").task == task
        assert table.with_task(None, "x").task == task
        assert table.with_task("multi_label", "x").task == "multi_label"
    with pytest.raises(InputError, match=r"^labels\.csv: .*c003"):
        tables["multi_label"].with_task("single_label", "labels.csv")
    clear = clip_table(np.where(shares == 0.5, [0.6, 0.4, 0], shares), splits)
    assert clear.task == "multi_label"
    assert clear.with_task("single_label", "labels.csv").task == "single_label"
