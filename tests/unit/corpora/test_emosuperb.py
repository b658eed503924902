"""Label files of the EMO-SUPERB family: one reader takes them all."""

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from fairser.corpora.clips import SPLITS
from fairser.corpora.emosuperb import fold_files
from unit.corpora.builders import (
    Rows,
    assert_refused,
    label_rows,
    read_labels,
    write_csv,
    write_labels,
)

ELEVEN = tuple(f"emotion{number}" for number in range(11))
DIMENSIONS = ("EmoAct", "EmoVal", "EmoDom")
NAMES = ("angry", "sad", "neutral", "happy")


@pytest.mark.parametrize(
    ("classes", "extra", "first", "folds"),
    [
        (NAMES, (), "FileName", 5),
        (NAMES, DIMENSIONS, "", 6),
        (ELEVEN, DIMENSIONS, "", 1),
        (ELEVEN[:8], (), "name", 2),
    ],
)
def test_variations_of_the_family(
    tmp_path: Path, classes: tuple[str, ...], extra: tuple[str, ...], first: str, folds: int
) -> None:
    files = [label_rows(classes, fold, first, extra) for fold in range(1, folds + 1)]
    table = read_labels(write_labels(tmp_path, *files))
    assert table.classes == classes
    assert table.attributes == ("gender",)
    assert table.folds == list(range(1, folds + 1))
    assert set(table.frame["speaker"]) == {"01", "02", "03", "04", "05", "06"}
    assert set(table.frame["gender"]) == {"male", "female"}
    assert table.clips().height == 12
    first_row = files[0][0]
    clip = table.fold(1).frame.filter(file=first_row[first]).row(0, named=True)
    assert clip["clip"] == first_row[first].removesuffix(".wav")
    assert clip["split"] == first_row["Split_Set"].lower()
    assert [clip[name] for name in classes] == [first_row[name] for name in classes]
    assert clip["majority"] == max(classes, key=first_row.__getitem__)


def test_folds_are_numbers_and_no_text(tmp_path: Path) -> None:
    for number in (10, 2):
        write_csv(tmp_path / f"labels_consensus_{number}.csv", label_rows())
    write_csv(tmp_path / "labels_consensus_all.csv", label_rows())
    assert list(fold_files(tmp_path)) == [2, 10]


def test_without_demographics(tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "Gender"} for row in label_rows()]
    table = read_labels(write_labels(tmp_path, rows))
    assert table.attributes == ()
    assert table.classes == NAMES


def test_unknown_gender_is_null(tmp_path: Path) -> None:
    rows = label_rows()
    rows[0]["Gender"], rows[1]["Gender"] = "Unknown", ""
    table = read_labels(write_labels(tmp_path, rows))
    assert table.frame.filter(speaker="01")["gender"].to_list() == [None, None]
    assert table.frame["gender"].null_count() == 2


def unknown_speakers() -> Rows:
    """Two more clips of unknown speakers, in different splits."""
    rows = label_rows()
    for take, (name, split) in enumerate([("Unknown", "Train"), ("", "Test")]):
        rows.append(rows[0] | {"FileName": f"u{take}.wav", "SpkrID": name, "Split_Set": split})
    return rows


def test_unknown_speakers_stand_for_themselves(tmp_path: Path) -> None:
    table = read_labels(write_labels(tmp_path, unknown_speakers()))
    assert table.frame["speaker"].n_unique() == 6 + 2


def test_unknown_speakers_have_unknown_demographics(tmp_path: Path) -> None:
    races = [{"ActorID": f"{number:02}", "Race": "Asian"} for number in range(1, 7)]
    speakers = write_csv(tmp_path / "speakers.csv", races)
    table = read_labels(write_labels(tmp_path, unknown_speakers()), speakers)
    unknown = pl.col("clip").str.starts_with("u")
    assert table.frame.filter(unknown)["race"].to_list() == [None, None]
    assert table.frame.filter(~unknown)["race"].unique().to_list() == ["asian"]


def test_clips_that_are_dropped_and_alias(tmp_path: Path) -> None:
    rows = label_rows()
    rows[0]["FileName"] = "1040_ITH_SAD_X.wav"
    clips = read_labels(write_labels(tmp_path, rows), drop=("01_1",)).clips()
    assert clips.filter(file="1040_ITH_SAD_X.wav")["clip"].to_list() == ["1040_ITH_SAD_XX"]
    assert clips.height == 11
    assert "01_1" not in clips["clip"]


def test_config_names_classes_and_splits(tmp_path: Path) -> None:
    rows = label_rows((*NAMES, "loudness"))
    for row in rows:
        row["loudness"] = 80.0
        row[NAMES[0]] += 1 - sum(row[name] for name in NAMES)
        row["Split_Set"] = {"Train": "tr", "Development": "va", "Test": "te"}[row["Split_Set"]]
    content = {
        "categorical": {"emo_type": NAMES[::-1]},
        "data_split_type": {"train": "tr", "dev": "va", "test": "te"},
    }
    (tmp_path / "config.json").write_text(json.dumps(content), encoding="utf-8")
    table = read_labels(write_labels(tmp_path, rows))
    assert table.classes == NAMES[::-1]
    assert set(table.frame["split"]) == set(SPLITS)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '{"categorical": {}}',
        '{"categorical": {"emo_type": "angry"}}',
        '{"categorical": {"emo_type": ["angry", "sad"]}, "data_split_type": {"train": ["a"]}}',
    ],
)
def test_bad_config(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8")
    folder = write_labels(tmp_path, label_rows())
    assert_refused(("config.json", "emo_type"), read_labels, folder)


def test_folder_without_labels(tmp_path: Path) -> None:
    told = (str(tmp_path), "labels_consensus_1.csv", "'corpus.labels'", "download_cremad")
    assert_refused(told, read_labels, tmp_path)


def test_folds_with_other_classes(tmp_path: Path) -> None:
    folder = write_labels(tmp_path, label_rows(), label_rows((*NAMES[:3], "joy"), fold=2))
    told = ("labels_consensus_2.csv", "joy", "happy", "same")
    assert_refused(told, read_labels, folder)


def change(row: int, **values: object) -> Callable[[Rows], Rows]:
    def spoil(rows: Rows) -> Rows:
        rows[row] |= values
        return rows

    return spoil


def rename(old: str, new: str) -> Callable[[Rows], Rows]:
    return lambda rows: [{new if k == old else k: v for k, v in row.items()} for row in rows]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change(3, angry=40), ("row 5", "'02_1'", "angry 40", "sum to 1")),
        (change(3, angry="much"), ("row 5", "'angry'", "'much'", "number from 0 to 1")),
        (change(3, FileName=" "), ("row 5", "empty")),
        (change(3, FileName="02_0.wav"), ("row 4", "'02_0'", "fold 1")),
        (change(3, Split_Set="Dev"), ("row 5", "'Dev'", "'02_1'", "development")),
        (change(3, SpkrID="01"), ("row 5", "'01'", "'female'", "one person")),
        (change(4, SpkrID="01"), ("row 2", "'01'", "fold 1")),
        (rename("SpkrID", "SpeakerID"), ("row 1", "'SpkrID'", "'SpeakerID'?")),
        (rename("Split_Set", "SplitSet"), ("row 1", "'Split_Set'", "'SplitSet'?")),
    ],
)
def test_bad_labels(tmp_path: Path, spoil: Callable[[Rows], Rows], told: tuple[str, ...]) -> None:
    folder = write_labels(tmp_path, spoil(label_rows()))
    assert_refused(("labels_consensus_1.csv", *told), read_labels, folder)


def test_unknown_class(tmp_path: Path) -> None:
    folder = write_labels(tmp_path, label_rows())
    told = ("labels_consensus_1.csv, row 1", "'angri'", "'corpus.classes'", "'angry'?")
    assert_refused(told, read_labels, folder, classes=["angri", "sad"])


def test_some_of_the_classes_need_whole_rows(tmp_path: Path) -> None:
    """A row that lacks the share of a class left out says that 'corpus.classes' is the reason."""
    folder = write_labels(tmp_path, label_rows())
    told = ("labels_consensus_1.csv, row 2", "'corpus.classes'")
    assert_refused(told, read_labels, folder, classes=["angry", "sad"])
