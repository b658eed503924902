"""What the readers find in corpora in the shape of real ones."""

import csv
import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.clips import TEST_SET, ClipTable
from fairser.corpora.people import is_nobody
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes
from unit.corpora.builders import assert_refused, write_csv


def read(corpus: shapes.Corpus) -> ClipTable:
    return read_corpus(reader_settings(resolve({"corpus": corpus})))


def change(path: Path, which: slice, **values: Any) -> None:
    """Change some rows of a csv."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows[which]:
        row |= values
    write_csv(path, rows)


def test_ravdess(tmp_path: Path) -> None:
    table = read(shapes.ravdess(tmp_path))
    assert (table.task, len(table.classes)) == ("single_label", 8)
    assert table.clips()["speaker"].n_unique() == 24
    assert table.folds == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("make", "people"), [(shapes.iemocap, 10), (shapes.improv, 12)])
def test_sessions_are_two_people(
    tmp_path: Path, make: Any, people: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The person is SpkrID x Gender without a setting, and the log says so."""
    caplog.set_level(logging.INFO)
    table = read(make(tmp_path))
    assert table.task == "multi_label"
    assert "SpkrID x Gender" in caplog.text
    genders = table.clips().group_by("speaker").agg(pl.col("gender").n_unique())
    assert (genders.height, set(genders["gender"])) == (people, {1})
    assert {"01_female", "01_male"} < set(table.frame["speaker"])
    assert len(table.folds) == people // 2
    tested = table.frame.filter(split="test").group_by("fold").agg(pl.col("speaker").unique())
    assert {len(names) for names in tested["speaker"]} == {2}


def test_label_sets_of_improv_have_the_same_people(tmp_path: Path) -> None:
    one, other = (read(shapes.improv(tmp_path / labels, labels=labels)) for labels in shapes.IMPROV)
    assert (len(one.classes), len(other.classes)) == (4, 10)
    assert one.folds == other.folds == [1, 2, 3, 4, 5, 6]
    keys = ["clip", "speaker", "fold", "split"]
    assert one.frame.select(keys).equals(other.frame.select(keys))


def test_nnime(tmp_path: Path) -> None:
    table = read(shapes.nnime(tmp_path))
    assert len(table.classes) == 11
    assert table.clips()["speaker"].n_unique() == 44


def test_named_test_sets(tmp_path: Path) -> None:
    table = read(shapes.msp_podcast(tmp_path))
    assert table.folds == [1]
    sets = table.frame.group_by("split", TEST_SET).len().sort("split", TEST_SET).rows()
    assert sets == [
        ("development", None, 60),
        ("test", "test1", 66),
        ("test", "test2", 66),
        ("train", None, 72),
    ]
    nobody = table.clips().filter(is_nobody())
    assert nobody.height == nobody["speaker"].n_unique() == 24
    assert nobody["gender"].null_count() == 24
    path = tmp_path / "table.parquet"
    table.write(path)
    assert ClipTable.read(path).attributes == ("gender",)
    assert TEST_SET not in table.clips().columns


def test_named_test_sets_beside_one_without_a_name(tmp_path: Path) -> None:
    corpus = shapes.one_fold(tmp_path)
    change(tmp_path / "clips.csv", slice(12, 24), split="test_phone")
    change(tmp_path / "clips.csv", slice(0, 12), split="TEST 2")
    table = read(corpus)
    test = table.frame.filter(split="test")
    assert set(test[TEST_SET]) == {"test", "test_phone", "test 2"}
    assert TEST_SET not in read(shapes.ravdess(tmp_path / "other")).frame.columns
    change(tmp_path / "clips.csv", slice(0, 12), split="tests")
    assert_refused(("row 2", "'tests'", "allowed: train, development, test"), read, corpus)


def test_nobody_is_known(tmp_path: Path) -> None:
    for make, clips in ((shapes.biic_podcast, 240), (shapes.unlabelled, 120)):
        table = read(make(tmp_path / make.__name__))
        assert table.clips().filter(is_nobody()).height == clips
        assert table.clips()["speaker"].n_unique() == clips


def test_a_column_of_speakers_by_another_name_is_not_overlooked(tmp_path: Path) -> None:
    corpus = shapes.nnime(tmp_path)
    for path in tmp_path.glob("*.csv"):
        path.write_text(path.read_text().replace("SpkrID", "SpeakerID", 1))
    assert_refused(("row 1", "'SpkrID'", "'SpeakerID'?"), read, corpus)
    table = read(corpus | {"speaker": ["SpeakerID"]})
    assert table.clips()["speaker"].n_unique() == 44


def test_leave_one_speaker_out(tmp_path: Path) -> None:
    table = read(shapes.leave_one_out(tmp_path))
    assert table.folds == list(range(1, 11))
    people = table.frame.group_by("fold", "split").agg(pl.col("speaker").n_unique())
    numbers = {"train": 8, "development": 1, "test": 1}
    assert {(split, n) for _, split, n in people.rows()} == set(numbers.items())


def test_one_fixed_split_is_one_fold(tmp_path: Path) -> None:
    assert read(shapes.one_fold(tmp_path)).folds == [1]


def sessions(folder: Path, **extra: Any) -> shapes.Corpus:
    """A manifest whose speakers are sessions of a woman and a man."""
    corpus = shapes.ravdess(folder)
    frame = pl.read_csv(corpus["manifest"], infer_schema=False)
    session = ((pl.col("speaker").cast(pl.Int64) + 1) // 2).cast(pl.String)
    frame.with_columns(session.alias("speaker"), **extra).write_csv(corpus["manifest"])
    return corpus


def test_a_speaker_of_two_genders_is_refused_or_split(tmp_path: Path) -> None:
    corpus = sessions(tmp_path)
    told = ("row 18", "'1'", "'female'", "'male'", "corpus.speaker: [SpkrID, Gender]", "6 more")
    assert_refused(("clips.csv", *told), read, corpus)
    table = read(corpus | {"speaker": ["speaker", "gender"]})
    assert table.clips()["speaker"].n_unique() == 24
    assert {"1_female", "1_male"} < set(table.frame["speaker"])


def test_spellings_of_a_gender_are_one_person(tmp_path: Path) -> None:
    corpus = sessions(tmp_path)
    change(tmp_path / "clips.csv", slice(0, 8), gender="M")
    table = read(corpus | {"speaker": ["speaker", "gender"]})
    assert table.clips()["speaker"].n_unique() == 24


def test_a_person_of_whom_a_part_is_unknown_is_nobody(tmp_path: Path) -> None:
    corpus = sessions(tmp_path)
    change(tmp_path / "clips.csv", slice(0, 4), gender="?")
    table = read(corpus | {"speaker": ["speaker", "gender"]})
    assert table.clips().filter(is_nobody()).height == 4


@pytest.mark.parametrize("name", ["race", "ethnicity", "native_language"])
def test_every_attribute_of_a_person_has_one_value(tmp_path: Path, name: str) -> None:
    corpus = shapes.one_fold(tmp_path)
    frame = pl.read_csv(corpus["manifest"], infer_schema=False)
    value = pl.when(pl.col("emotion") == "sad").then(pl.lit("a")).otherwise(pl.lit("b"))
    frame.with_columns(value.alias(name), age=value).write_csv(corpus["manifest"])
    named = corpus | {"attributes": ["gender", name]}
    assert_refused((f"{name} of speaker 's0'", "'a'", "'b'", "one person"), read, named)
    assert read(corpus | {"attributes": ["gender", "age"]}).attributes == ("gender", "age")


def test_a_column_that_speaker_names_is_needed(tmp_path: Path) -> None:
    corpus = shapes.one_fold(tmp_path) | {"speaker": ["speaker", "gendr"]}
    assert_refused(("row 1", "'gendr'", "'corpus.speaker'", "'gender'?"), read, corpus)
    corpus = shapes.iemocap(tmp_path) | {"speaker": ["SpkrId"]}
    assert_refused(("row 1", "'SpkrId'", "'corpus.speaker'", "'SpkrID'?"), read, corpus)


def test_a_folder_of_several_label_sets(tmp_path: Path) -> None:
    """EMO-SUPERB's folders hold three; the later ones have one class per clip."""
    corpus = shapes.iemocap(tmp_path)
    other = shapes.iemocap(tmp_path / "other", seed=1)
    for fold in range(1, 6):
        source = Path(other["labels"]) / f"labels_consensus_{fold}.csv"
        source.rename(tmp_path / f"labels_consensus_{fold + 5}.csv")
    told = ("labels_consensus_6.csv", "several sets", "labels_consensus_1.csv to", "_5.csv")
    assert_refused(told, read, corpus)
