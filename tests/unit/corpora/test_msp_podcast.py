"""The corpus' own label files of MSP-Podcast and BIIC-Podcast."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.check.corpus import check_corpus
from fairser.config.configuration import reader_settings, resolve
from fairser.config.folds import fill_folds
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora.builders import Rows, assert_refused, write_csv

LETTERS = "ASHUFDCN"
SPLITS = ("Train", "Train", "Development", "Test1", "Test2")


def label_rows(speakers: int = 20, clips: int = 10) -> Rows:
    """Rows as the corpus has them; of each speaker one clip is `O` and one `X`."""
    return [
        {"FileName": f"MSP-PODCAST_{n:04}_{clip:04}.wav", "EmoClass": (LETTERS + "OX")[clip % 10]}
        | {"EmoAct": 4.2, "EmoVal": 3.0, "EmoDom": 4.0}
        | {"SpkrID": n if n else "Unknown", "Gender": ("Female", "Male")[n % 2] if n else "Unknown"}
        | {"Split_Set": SPLITS[n % 5]}
        for n in range(speakers)
        for clip in range(clips)
    ]


def read(rows: Rows, folder: Path, corpus: dict[str, Any] | None = None, **own: Any) -> ClipTable:
    path = write_csv(folder / "labels_consensus.csv", rows)
    given = {"kind": "msp_podcast", "manifest": str(path), "audio": str(folder)}
    config = resolve({"corpus": given | (corpus or {}), "corpora": {"msp_podcast": own}})
    fill_folds(config)
    assert config["grid"]["folds"] == [1]
    return read_corpus(reader_settings(config))


def test_msp_podcast(tmp_path: Path) -> None:
    table = read(label_rows(), tmp_path)
    names = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    assert (list(table.classes), table.attributes, table.task) == (
        names,
        ("gender",),
        "single_label",
    )
    frame = table.frame
    assert frame.height == 20 * 8
    one = frame.row(by_predicate=pl.col("clip") == "MSP-PODCAST_0003_0002", named=True)
    assert (one["speaker"], one["gender"], one["split"]) == ("3", "male", "test")
    assert (one["majority"], one["test_set"]) == ("happiness", "test1")
    assert frame.filter(pl.col("gender").is_null()).height == 8  # of the unknown speaker
    assert frame["speaker"].n_unique() == 19 + 8
    sets = dict(frame.group_by("test_set").len().rows())
    assert sets == {None: 96, "test1": 32, "test2": 32}


def test_some_emotions(tmp_path: Path) -> None:
    table = read(label_rows(), tmp_path, emotions=["anger", "happiness", "no_agreement"])
    assert table.classes == ("anger", "happiness", "no_agreement")
    assert table.frame.height == 60


def test_test3_has_no_labels(tmp_path: Path) -> None:
    hidden = {"FileName": "MSP-PODCAST_test3_0001.wav", "EmoClass": "", "SpkrID": "Unknown"}
    rows = [*label_rows(), {**label_rows()[0], **hidden, "Split_Set": "Test3"}]
    assert read(rows, tmp_path).frame.height == 160


def test_biic_podcast_has_no_speakers(tmp_path: Path) -> None:
    rows = [
        {
            "FileName": row["FileName"],
            "EmoClass": row["EmoClass"],
            "Split_Set": row["Split_Set"][:5],
        }
        for row in label_rows()
        if row["Split_Set"] not in ("Development", "Test2")
    ]
    rows += [
        {**row, "FileName": f"d{n}.wav", "Split_Set": "Development"} for n, row in enumerate(rows)
    ]
    rows = [row | {"Split_Set": row["Split_Set"].replace("Test1", "Test")} for row in rows]
    table = read(rows, tmp_path)
    assert table.attributes == ()
    assert table.frame["speaker"].n_unique() == table.frame.height
    assert "test_set" not in table.frame.columns


def test_classes_as_words(tmp_path: Path) -> None:
    words = {"A": "Angry", "N": "Neutral"}
    rows = [
        row | {"EmoClass": words[row["EmoClass"]]}
        for row in label_rows()
        if row["EmoClass"] in words
    ]
    assert read(rows, tmp_path).classes == ("angry", "neutral")


@pytest.mark.parametrize(
    ("corpus", "own", "told"),
    [
        ({}, {"emotions": ["anger", "joy"]}, ("'corpora.msp_podcast.emotions'", "'joy'")),
        ({"speaker": ["SpkrId"]}, {}, ("'corpus.speaker'", "'SpkrID'?")),
        ({"folds": 3}, {}, ("'corpus.folds' is 3", "folds of its own")),
    ],
)
def test_bad_settings(
    tmp_path: Path, corpus: dict[str, Any], own: dict[str, Any], told: tuple[str, ...]
) -> None:
    assert_refused(told, read, label_rows(), tmp_path, corpus, **own)


def test_another_file(tmp_path: Path) -> None:
    rows = [{"FileName": "a.wav", "angry": 1, "Split_Set": "Train"}]
    assert_refused(("row 1", "'EmoClass'"), read, rows, tmp_path)


def test_the_check(tmp_path: Path) -> None:
    read(label_rows(), tmp_path)
    corpus = {"kind": "msp_podcast", "manifest": str(tmp_path / "labels_consensus.csv")}
    config = {"corpus": corpus, "encoder": {"kind": "fbank"}, "grid": {"methods": ["erm"]}}
    report = check_corpus(resolve(config), ["mine.yaml"])
    found = dict(report.found)
    assert found["corpus"] == f"msp_podcast: {corpus['manifest']}"
    assert found["clips"] == "160 of 19 speakers; 8 clips without a speaker"
    assert found["folds"].startswith("1; clips")
