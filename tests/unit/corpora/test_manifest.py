"""A corpus of one's own: what a manifest may look like, and what it is told when it is wrong."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.corpora.clips import SPLITS, ClipTable
from unit.corpora.builders import (
    EMOTIONS,
    Rows,
    assert_refused,
    manifest_rows,
    read_manifest,
    write_csv,
)

Spoil = Callable[[Rows], Rows]


def with_shares(rows: Rows) -> Rows:
    """Class columns in place of the emotion."""
    for row in rows:
        emotion = row.pop("emotion")
        row |= {name: 0.8 if name == emotion else 0.1 for name in EMOTIONS}
    return rows


def number(row: dict) -> int:
    return int(row["speaker"][1:])


def with_fold(rows: Rows) -> Rows:
    """Four folds of two speakers, numbered with gaps."""
    return [row | {"fold": (1, 2, 5, 7)[number(row) // 2]} for row in rows]


def with_split(rows: Rows) -> Rows:
    words = ("train", "Dev", "test", "validation")
    return [row | {"split": words[number(row) % 4]} for row in rows]


def with_fold_and_split(rows: Rows) -> Rows:
    return [
        row | {"fold": fold, "split": SPLITS[(number(row) + fold) % 3]}
        for fold in (3, 4)
        for row in rows
    ]


def read(folder: Path, *spoils: Spoil, **settings: object) -> ClipTable:
    rows = manifest_rows()
    for spoil in spoils:
        rows = spoil(rows)
    return read_manifest(write_csv(folder / "m.csv", rows), **settings)


def speakers_of(table: ClipTable, split: str) -> dict[int, set[str]]:
    return {
        fold: set(table.fold(fold).frame.filter(split=split)["speaker"]) for fold in table.folds
    }


def test_emotion_column(tmp_path: Path) -> None:
    table = read(tmp_path, with_split)
    assert table.classes == EMOTIONS
    assert table.attributes == ("gender",)
    clip = table.frame.filter(clip="s2/1").row(0, named=True)
    assert (clip["file"], clip["speaker"], clip["gender"]) == ("s2/1.wav", "s2", "female")
    assert [clip[name] for name in EMOTIONS] == [1, 0, 0]
    assert clip["majority"] == "anger"


def test_order_of_classes_can_be_given(tmp_path: Path) -> None:
    table = read(tmp_path, with_split, classes=["joy", "neutral", "anger"])
    assert table.classes == ("joy", "neutral", "anger")
    assert table.frame.filter(clip="s2/1")["majority"].item() == "anger"


def test_class_columns(tmp_path: Path) -> None:
    table = read(tmp_path, with_shares, with_split, classes=list(EMOTIONS))
    assert table.classes == EMOTIONS
    assert table.attributes == ("gender",)
    assert table.frame.filter(clip="s2/1").select(EMOTIONS).row(0) == (0.8, 0.1, 0.1)


def test_own_clip_names(tmp_path: Path) -> None:
    table = read(tmp_path, with_split, lambda rows: [r | {"clip": r["file"][:-4]} for r in rows])
    assert "s0/0" in table.frame["clip"]


def test_split_alone_is_one_fold(tmp_path: Path) -> None:
    table = read(tmp_path, with_split)
    assert table.folds == [1]
    assert speakers_of(table, "train") == {1: {"s0", "s4"}}
    assert speakers_of(table, "development") == {1: {"s1", "s3", "s5", "s7"}}
    assert speakers_of(table, "test") == {1: {"s2", "s6"}}


def test_fold_alone_rotates(tmp_path: Path) -> None:
    table = read(tmp_path, with_fold)
    test = {1: {"s0", "s1"}, 2: {"s2", "s3"}, 5: {"s4", "s5"}, 7: {"s6", "s7"}}
    assert speakers_of(table, "test") == test
    assert speakers_of(table, "development") == {1: test[2], 2: test[5], 5: test[7], 7: test[1]}
    assert speakers_of(table, "train")[1] == test[5] | test[7]


def test_fold_and_split_as_given(tmp_path: Path) -> None:
    table = read(tmp_path, with_fold_and_split)
    assert table.folds == [3, 4]
    assert speakers_of(table, "train") == {3: {"s0", "s3", "s6"}, 4: {"s2", "s5"}}


def test_folds_are_made_disjoint_and_balanced(tmp_path: Path) -> None:
    table = read(tmp_path, folds=4)
    assert table.folds == [1, 2, 3, 4]
    tests = speakers_of(table, "test")
    assert sorted(name for names in tests.values() for name in names) == [f"s{i}" for i in range(8)]
    for fold in table.folds:
        part = table.fold(fold).frame.filter(split="test")
        assert dict(part["gender"].value_counts().rows()) == {"male": 3, "female": 3}
        assert speakers_of(table, "development")[fold] == tests[fold % 4 + 1]
    assert_frame_equal(read(tmp_path, folds=4).frame, table.frame)


def one_female(rows: Rows) -> Rows:
    return [row | {"gender": "female" if row["speaker"] == "s0" else "male"} for row in rows]


def one_take(rows: Rows) -> Rows:
    return rows[::3]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spoils", [(one_female, one_take), (one_take,), (one_female,)])
@pytest.mark.parametrize("folds", [3, 5, 8])
def test_folds_of_few_clips(tmp_path: Path, spoils: tuple[Spoil, ...], folds: int) -> None:
    """A group with fewer clips than folds can't be in all of them: no reason to fail or warn."""
    table = read(tmp_path, *spoils, folds=folds)
    assert table.folds == list(range(1, folds + 1))


def test_partly_empty_demographics(tmp_path: Path) -> None:
    ages = {"s0": "25", "s1": "40", "s2": "", "s3": "61"}

    def spoil(rows: Rows) -> Rows:
        new = [row | {"age": ages.get(row["speaker"], "unknown")} for row in rows]
        new[0]["gender"] = ""
        return new

    table = read(tmp_path, with_split, spoil)
    assert table.attributes == ("gender", "age")
    by_speaker = dict(table.frame.select("speaker", "age").unique().rows())
    assert [by_speaker[f"s{i}"] for i in range(5)] == ["young", "middle", None, "elderly", None]
    assert table.frame.filter(speaker="s3")["age_years"].to_list() == [61.0] * 3
    assert table.frame.filter(speaker="s0")["gender"].to_list() == [None, "female", "female"]


def test_other_attributes_must_be_named(tmp_path: Path) -> None:
    spoils = (with_split, all_have(dialect="Low German"))
    assert read(tmp_path, *spoils).attributes == ("gender",)
    table = read(tmp_path, *spoils, attributes=["dialect"])
    assert table.attributes == ("dialect",)
    assert table.frame["dialect"].unique().to_list() == ["low_german"]
    told = ("m.csv, row 1", "'dialekt'", "'corpus.attributes'", "'dialect'?")
    assert_refused(told, read, tmp_path, *spoils, attributes=["dialekt"])


def test_without_demographics(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "gender"} for row in manifest_rows()]
    table = read_manifest(write_csv(tmp_path / "m.csv", rows), folds=4)
    assert table.attributes == ()
    assert table.folds == [1, 2, 3, 4]


def test_demographics_by_speaker(tmp_path: Path) -> None:
    """Ages of the file and of the manifest complete each other, groups and years alike."""
    rows = [{"speaker": f"s{i}", "age": 30 if i else "", "race": "Asian"} for i in range(8)]
    path = write_csv(tmp_path / "speakers.csv", rows)

    def spoil(rows: Rows) -> Rows:
        return [row | {"age": "40" if row["speaker"] == "s0" else ""} for row in rows]

    table = read(tmp_path, with_split, spoil, demographics=path)
    assert table.attributes == ("gender", "age", "race")
    found = dict(table.frame.select("speaker", pl.struct("age", "age_years")).unique().rows())
    assert found["s0"] == {"age": "middle", "age_years": 40}
    assert found["s1"] == {"age": "young", "age_years": 30}


def test_emodb(emodb: Path) -> None:
    table = read_manifest(emodb / "clips.csv", folds=5)
    assert len(table.classes) == 7
    assert table.attributes == ("gender", "age")
    assert table.clips().height == 535
    assert {len(names) for names in speakers_of(table, "test").values()} == {2}
    assert "03" in table.frame["speaker"]
    genders = table.frame.filter(split="test").group_by("fold").agg(pl.col("gender").n_unique())
    assert genders["gender"].to_list() == [2] * 5


def change(**values: object) -> Spoil:
    """Change the fourth clip, row 5, the first one of speaker s1."""

    def spoil(rows: Rows) -> Rows:
        rows[3] |= values
        return rows

    return spoil


def rename(old: str, new: str) -> Spoil:
    return lambda rows: [{new if k == old else k: v for k, v in row.items()} for row in rows]


def all_have(**values: object) -> Spoil:
    return lambda rows: [row | values for row in rows]


CLASSES = {"classes": list(EMOTIONS)}


@pytest.mark.parametrize(
    ("spoils", "settings", "told"),
    [
        ([rename("file", "files")], {}, ("row 1", "'file'", "'files'?")),
        ([rename("speaker", "speakr")], {}, ("row 1", "'speaker'", "'speakr'?")),
        ([rename("emotion", "label")], {}, ("row 1", "'emotion'", "'corpus.classes'", "label")),
        ([change(file="")], {}, ("row 5", "'file'", "empty")),
        ([change(speaker=" ")], {}, ("row 5", "'speaker'", "empty")),
        ([change(emotion="")], {}, ("row 5", "'emotion'", "empty")),
        ([change(file="../x.wav")], {}, ("row 5", "'../x.wav'", "inside it")),
        ([change(file="a/../../x.wav")], {}, ("row 5", "'a/../../x.wav'", "inside it")),
        ([change(file="/x.wav")], {}, ("row 5", "'/x.wav'", "relative to it")),
        ([change(emotion="yoy")], CLASSES, ("row 5", "'yoy'", "'joy'?")),
        ([with_shares, change(joy=-0.1)], CLASSES, ("row 5", "'s1/0'", "joy -0.1", "negative")),
        ([with_shares, change(joy="x")], CLASSES, ("row 5", "'joy'", "'x'", "from 0 to 1")),
        ([with_shares, change(joy=2)], CLASSES, ("row 5", "'s1/0'", "joy 2", "sum to 1")),
        ([with_shares], {"classes": ["anger", "jo"]}, ("row 1", "'jo'", "'joy'?")),
        ([with_split, change(file="s0/0.wav")], {}, ("row 2", "'s0/0'", "twice")),
        ([with_split, change(split="tets")], {}, ("row 5", "'tets'", "train, development, test")),
        ([with_split, change(split="test")], {}, ("row 5", "'s1'", "one split")),
        ([with_fold, change(fold=2)], {}, ("row 5", "'s1'", "one split")),
        ([with_fold, change(fold="two")], {}, ("row 5", "fold 'two'", "whole number")),
        ([with_fold, change(fold="0")], {}, ("row 5", "fold '0'", "from 1 on")),
        ([all_have(fold=1)], {}, ("1 fold(s)", "three", "'split'")),
        ([], {"folds": 2}, ("'corpus.folds' is 2", "at least 3")),
        ([], {"folds": 9}, ("'corpus.folds' is 9", "number of speakers, 8")),
        ([change(gender="male", speaker="s0")], {}, ("row 5", "'s0'", "male", "female")),
        ([all_have(age=20), change(age="x")], {}, ("row 5", "'x'", "one form")),
        ([all_have(emotion="joy")], {}, ("'joy'", "two are needed")),
    ],
)
def test_bad_manifest(
    tmp_path: Path, spoils: list[Spoil], settings: dict, told: tuple[str, ...]
) -> None:
    assert_refused(("m.csv", *told), read, tmp_path, *spoils, **settings)


def test_clip_with_other_labels_in_another_fold(tmp_path: Path) -> None:
    """One clip has one label: the corpus-wide trend could not be counted otherwise."""
    told = ("m.csv, row", "'s1/0'", "fold")
    assert_refused(told, read, tmp_path, with_fold_and_split, change(emotion="anger"))


def test_speakers_with_a_column_of_the_manifest(tmp_path: Path) -> None:
    rows = [{"speaker": f"s{i}", "file": "portrait.png"} for i in range(8)]
    path = write_csv(tmp_path / "speakers.csv", rows)
    assert_refused(("speakers.csv, row 1", "'file'"), read, tmp_path, demographics=path)


def test_dots_at_the_start_of_a_name_stay_inside(tmp_path: Path) -> None:
    table = read(tmp_path, change(file="..x.wav"), folds=4)
    assert "..x" in table.frame["clip"]
