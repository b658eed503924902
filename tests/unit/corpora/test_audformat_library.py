"""Databases that the package audformat itself has written."""

from pathlib import Path
from typing import Any

import audformat
import pandas as pd
import polars as pl
import pytest

from fairser.config.configuration import reader_settings, resolve
from fairser.config.folds import fill_folds
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora.builders import assert_refused

FORMATS = ["csv", "parquet"]


def database(clips: pl.DataFrame, splits: dict[str, str] | None = None) -> audformat.Database:
    """A database of clips: ``file``, ``speaker``, ``gender``, ``age`` and ``emotion``.

    Speakers are a misc table. With ``splits``, those of the speakers, there is a table of emotions
    for each; without, there is one, and a segmented table besides.
    """
    db = audformat.Database("corpus", license=audformat.define.License.CC_BY_4_0)
    people = clips.unique("speaker").sort("speaker")
    db.schemes["emotion"] = audformat.Scheme(labels=sorted(set(clips["emotion"])))
    db.schemes["gender"] = audformat.Scheme(labels=["female", "male"])
    db.schemes["age"] = audformat.Scheme("int", minimum=0)
    index = pd.Index(people["speaker"].to_list(), name="speaker", dtype="string")
    db["speaker"] = audformat.MiscTable(index)
    for name in ("gender", "age"):
        db["speaker"][name] = audformat.Column(scheme_id=name)
        db["speaker"][name].set(people[name].to_list())
    db.schemes["speaker"] = audformat.Scheme("str", labels="speaker")
    db["files"] = audformat.Table(audformat.filewise_index(clips["file"].to_list()))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(clips["speaker"].to_list())
    db["files"]["duration"] = audformat.Column()
    db["files"]["duration"].set(pd.to_timedelta([1.5] * clips.height, unit="s"))
    db.raters["gold"] = audformat.Rater()
    wanted = pl.col("speaker").replace(splits or {})
    for name, part in (
        clips.with_columns(wanted.alias("split")).group_by("split")
        if splits
        else [((None,), clips)]
    ):
        if name[0]:
            db.splits[name[0]] = audformat.Split(name[0])
        table = f"emotion.{name[0]}" if name[0] else "emotion"
        index = audformat.filewise_index(part["file"].to_list())
        db[table] = audformat.Table(index, split_id=name[0])
        _add_emotions(db[table], part["emotion"].to_list())
    if not splits:
        segments = audformat.segmented_index(clips["file"].head(3).to_list(), [0, 1, 2], [1, 2, 3])
        db["segments"] = audformat.Table(segments)
        _add_emotions(db["segments"], clips["emotion"].head(3).to_list())
    return db


def _add_emotions(table: audformat.Table, emotions: list[str]) -> None:
    table["emotion"] = audformat.Column(scheme_id="emotion", rater_id="gold")
    table["emotion"].set(emotions)


def small() -> pl.DataFrame:
    """Twelve speakers, `01` to `12`, with three clips each."""
    rows = [
        {"file": f"wav/{n:02}{take}.wav", "speaker": f"{n:02}", "age": 20 + n}
        | {"gender": ("female", "male")[n % 2], "emotion": ("anger", "joy", "sadness")[take]}
        for n in range(1, 13)
        for take in range(3)
    ]
    return pl.DataFrame(rows)


def read(folder: Path, audio: Path | None = None) -> ClipTable:
    corpus: dict[str, Any] = {"kind": "audformat", "labels": str(folder)}
    config = resolve({"corpus": corpus | {"audio": str(audio or folder)}})
    fill_folds(config)
    return read_corpus(reader_settings(config))


@pytest.mark.parametrize("storage", FORMATS)
def test_emodb(tmp_path: Path, emodb: Path, storage: str) -> None:
    """The clips, labels, people and folds are those of its manifest."""
    clips = pl.read_csv(emodb / "clips.csv", schema_overrides={"speaker": pl.String})
    clips = clips.with_columns(("flac/" + pl.col("file")).alias("file"))
    database(clips).save(str(tmp_path), storage_format=storage)
    table = read(tmp_path, emodb)
    listed = tmp_path / "clips.csv"
    clips.drop("text").write_csv(listed)
    config = resolve({"corpus": {"kind": "manifest", "manifest": str(listed)}})
    expected = read_corpus(reader_settings(config))
    assert table.frame.equals(expected.frame)
    assert (table.clips().height, table.clips()["speaker"].n_unique()) == (535, 10)
    assert [f for f in table.clips()["file"] if not (emodb / f).is_file()] == []
    assert table.licence == "CC-BY-4.0"


@pytest.mark.parametrize("storage", FORMATS)
def test_splits(tmp_path: Path, storage: str) -> None:
    splits = {f"{n:02}": ("train", "train", "dev", "test")[n % 4] for n in range(1, 13)}
    database(small(), splits).save(str(tmp_path), storage_format=storage)
    table = read(tmp_path)
    assert table.folds == [1]
    found = dict(table.frame.select("speaker", "split").unique().rows())
    words = {"dev": "development"}
    assert found == {name: words.get(split, split) for name, split in splits.items()}
    ages = dict(table.clips().select("speaker", "age_years").unique().rows())
    assert ages == {f"{n:02}": 20.0 + n for n in range(1, 13)}


def test_the_licence_is_kept_in_the_clip_table(tmp_path: Path) -> None:
    database(small()).save(str(tmp_path), storage_format="csv")
    read(tmp_path).write(tmp_path / "clips.parquet")
    assert ClipTable.read(tmp_path / "clips.parquet").licence == "CC-BY-4.0"


def test_segments_alone_are_refused(tmp_path: Path) -> None:
    db = database(small())
    db.drop_tables(["emotion"])
    db.save(str(tmp_path), storage_format="csv")
    told = ("db.yaml", "Segmented tables are not read", "audformat.utils.to_filewise_index")
    assert_refused(told, read, tmp_path)
