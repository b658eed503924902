"""Databases in audformat, in the form in which the package of this name writes them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from fairser.check.corpus import check_corpus
from fairser.config.configuration import label_files, reader_settings, resolve
from fairser.config.folds import fill_folds
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes
from unit.corpora.builders import assert_refused, write_csv

EMOTIONS = ("anger", "neutral", "sadness")
SPLITS = {"train": range(6), "dev": range(6, 8), "test": range(8, 12)}
LABELS = {"emotion": {"scheme_id": "emotion", "rater_id": "gold"}}
LABELS |= {"emotion.confidence": {"scheme_id": "confidence", "rater_id": "gold"}}


def files(speaker: int) -> list[dict[str, str]]:
    return [
        {"file": f"wav/{speaker:02}{emotion[0]}{take}.wav", "emotion": emotion}
        for emotion in EMOTIONS
        for take in range(2)
    ]


def write_database(folder: Path, split: bool = True, speakers: str = "scheme") -> dict[str, Any]:
    """Twelve speakers with six clips each; returns the section ``corpus``.

    ``speakers`` says where their genders and ages are: ``scheme``, ``misc`` or ``files``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    people = {3 + n: {"gender": ("female", "male")[n % 2], "age": 30 + n} for n in range(12)}
    header: dict[str, Any] = {"name": "emodb", "tables": {}, "splits": {}}
    header["schemes"] = {"emotion": {"dtype": "str", "labels": {name: {} for name in EMOTIONS}}}
    header["schemes"]["speaker"] = {"dtype": "int"}
    listed: list[dict[str, Any]] = [
        {"file": row["file"], "speaker": 3 + n, "duration": "0 days 00:00:02"}
        for n in range(12)
        for row in files(n)
    ]
    columns: dict[str, Any] = {"speaker": {"scheme_id": "speaker"}, "duration": {}}
    if speakers == "scheme":
        header["schemes"]["speaker"]["labels"] = people
    elif speakers == "misc":
        header["schemes"]["speaker"]["labels"] = "people"
        header["misc_tables"] = {"people": {"levels": {"id": "int"}, "columns": {"gender": {}}}}
        write_csv(folder / "db.people.csv", [{"id": n, **about} for n, about in people.items()])
    else:
        listed = [row | people[row["speaker"]] for row in listed]
        columns |= {"gender": {}, "age": {}}
    header["tables"]["files"] = {"type": "filewise", "columns": columns}
    write_csv(folder / "db.files.csv", listed)
    for name, members in (SPLITS if split else {"all": range(12)}).items():
        table: dict[str, Any] = {"type": "filewise", "columns": LABELS}
        if split:
            header["splits"][name] = {"type": name}
            table["split_id"] = name
        header["tables"][f"emotion.{name}"] = table
        rows = [row | {"emotion.confidence": 1.0} for n in members for row in files(n)]
        write_csv(folder / f"db.emotion.{name}.csv", rows)
    write_header(folder, header)
    return {"kind": "audformat", "labels": str(folder), "audio": str(folder)}


def write_header(folder: Path, header: dict[str, Any]) -> None:
    (folder / "db.yaml").write_text(yaml.safe_dump(header, sort_keys=False))


def change_header(folder: Path, **groups: Any) -> None:
    header = yaml.safe_load((folder / "db.yaml").read_text())
    for name, values in groups.items():
        header[name] |= values
    write_header(folder, header)


def read(corpus: dict[str, Any], **settings: Any) -> ClipTable:
    config = resolve({"corpus": corpus, "corpora": {"audformat": settings}})
    fill_folds(config)
    table = read_corpus(reader_settings(config))
    assert config["grid"]["folds"] == table.folds
    return table


@pytest.mark.parametrize("speakers", ["scheme", "misc", "files"])
@pytest.mark.parametrize("split", [True, False])
def test_a_database(tmp_path: Path, speakers: str, split: bool) -> None:
    table = read(write_database(tmp_path, split, speakers))
    assert (table.classes, table.attributes) == (EMOTIONS, ("gender", "age"))
    assert table.folds == ([1] if split else [1, 2, 3, 4, 5])
    clips = table.clips()
    assert (clips.height, clips["speaker"].n_unique()) == (72, 12)
    one = clips.row(by_predicate=pl.col("clip") == "wav/06n1", named=True)
    assert (one["speaker"], one["gender"], one["age"]) == ("9", "female", "middle")
    assert (one["file"], one["age_years"], one["neutral"]) == ("wav/06n1.wav", 36.0, 1.0)
    if split:
        number = table.frame.group_by("split").agg(pl.col("speaker").n_unique()).rows()
        assert dict(number) == {"train": 6, "development": 2, "test": 4}


def test_parquet_gives_the_same(tmp_path: Path) -> None:
    corpus = write_database(tmp_path)
    expected = read(corpus).frame
    for path in tmp_path.glob("db.*.csv"):
        frame = pl.read_csv(path)
        if "duration" in frame.columns:
            frame = frame.with_columns(pl.duration(seconds=2).alias("duration"))
        frame.write_parquet(path.with_suffix(".parquet"))
        path.unlink()
    assert read(corpus).frame.equals(expected)


def test_splits_without_development_are_not_used(tmp_path: Path) -> None:
    corpus = write_database(tmp_path)
    change_header(tmp_path, splits={"dev": {"type": "train"}})
    assert read(corpus).folds == [1, 2, 3, 4, 5]
    assert read(corpus | {"folds": 3}).folds == [1, 2, 3]


def test_clips_without_an_emotion_are_left_out(tmp_path: Path) -> None:
    corpus = write_database(tmp_path)
    path = tmp_path / "db.emotion.train.csv"
    text = path.read_text().replace("anger", "", 2).replace("anger", "no_agreement", 1)
    path.write_text(text)
    table = read(corpus)
    assert (table.clips().height, table.classes) == (69, EMOTIONS)


def test_several_sets_of_labels_must_be_chosen(tmp_path: Path) -> None:
    corpus = write_database(tmp_path, split=False)
    rows = [row | {"emotion": "anger"} for n in range(12) for row in files(n)]
    write_csv(tmp_path / "db.desired.csv", rows)
    change_header(tmp_path, tables={"desired": {"type": "filewise", "columns": LABELS}})
    told = ("db.emotion.all.csv, row 4", "'corpora.audformat.tables'", "emotion.all, desired")
    assert_refused(told, read, corpus)
    assert read(corpus, tables=["emotion.all"]).classes == EMOTIONS


def test_without_speakers(tmp_path: Path) -> None:
    corpus = write_database(tmp_path)
    change_header(tmp_path, tables={"files": {"type": "filewise", "columns": {}}})
    table = read(corpus)
    assert table.attributes == ()
    assert table.clips()["speaker"].n_unique() == 72


def test_files_that_results_depend_on(tmp_path: Path) -> None:
    corpus = resolve({"corpus": write_database(tmp_path, split=False)})["corpus"]
    names = ["db.emotion.all.csv", "db.files.csv", "db.yaml"]
    assert [Path(file).name for file in label_files(corpus)] == names


def test_the_check(tmp_path: Path) -> None:
    corpus = write_database(tmp_path)
    encoder = shapes.features(tmp_path / "..", read(corpus))
    config = {"corpus": corpus, "encoder": encoder, "bias": {"ratio": None}}
    report = check_corpus(resolve(config | {"grid": {"methods": ["erm"]}}), ["mine.yaml"])
    assert report.faults.messages == []
    assert ("runs", "1: erm; 1 fold, 1 seed") in report.found


@pytest.mark.parametrize(
    ("groups", "settings", "told"),
    [
        ({}, {"tables": ["emotion.tests"]}, ("'emotion.tests'", "'emotion.test'?")),
        ({}, {"tables": ["files"]}, ("'files', which is no table with emotions",)),
        ({"tables": {"emotion.dev": {"type": "filewise", "split_id": "dev", "columns": LABELS}}},
         {}, ("db.emotion.dev.csv: no such file", "storage_format='csv'")),
    ],
)  # fmt: skip
def test_bad_databases(
    tmp_path: Path, groups: dict[str, Any], settings: dict[str, Any], told: tuple[str, ...]
) -> None:
    corpus = write_database(tmp_path)
    change_header(tmp_path, **groups)
    if groups:
        (tmp_path / "db.emotion.dev.csv").unlink()
    assert_refused(told, read, corpus, **settings)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "no such file. 'corpus.labels' names the folder of the database"),
        ("[1", "not readable as YAML"),
        ("tables: {}\nname: x\ntables: {}", "'tables' is in line 1 and again in line 3"),
        ("name: x", "not the header of an audformat database"),
        ("tables: {files: {type: filewise}}", "no filewise table has a column of the scheme"),
    ],
)
def test_bad_headers(tmp_path: Path, content: str | None, told: str) -> None:
    corpus = write_database(tmp_path)
    (tmp_path / "db.yaml").unlink()
    if content:
        (tmp_path / "db.yaml").write_text(content)
    assert_refused(("db.yaml", told), read, corpus)
