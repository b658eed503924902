"""Folds for corpora that lack them, as a reader of another format calls them."""

import polars as pl

from fairser.corpora.clips import rotate
from fairser.corpora.faults import Faults
from fairser.corpora.manifest import speaker_folds
from unit.corpora.builders import assert_refused


def clips(**columns: list) -> pl.DataFrame:
    rows = [f"a.csv, row {number + 2}" for number in range(6)]
    return pl.DataFrame({"clip": list("abcdef"), **columns, "row": rows})


def test_folds_as_text_are_rotated_by_number() -> None:
    table = rotate(clips(fold=["9", "9", " 10", "10", "11", "11"]), "a.csv")
    assert table.height == 18
    split = {(row["clip"], row["fold"]): row["split"] for row in table.to_dicts()}
    assert [split["a", fold] for fold in (9, 10, 11)] == ["test", "train", "development"]
    assert [split["c", fold] for fold in (9, 10, 11)] == ["development", "test", "train"]


def test_a_bad_fold_is_raised_or_noted() -> None:
    frame = clips(fold=["1", "x", "2", "2", "3", "3"])
    assert_refused(("a.csv, row 3", "'x'"), rotate, frame, "a.csv")
    faults = Faults()
    assert rotate(frame, "a.csv", faults).height == 15
    assert len(faults.messages) == 1


def test_made_folds_keep_speakers_together() -> None:
    frame = clips(speaker=list("uuvwxy"), gender=["f", None, "m", "f", "m", "f"])
    made = speaker_folds(frame, 3, "gender", "a.csv")
    assert made.filter(pl.col("speaker") == "u")["fold"].n_unique() == 1
    assert made["fold"].unique().sort().to_list() == [1, 2, 3]
    men = made.filter(pl.col("gender") == "m")
    assert men["fold"].is_unique().all()
