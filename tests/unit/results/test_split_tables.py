"""Tables A3 and A4: what the biased splits hold."""

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from fairser.config.schema import SCHEMA
from fairser.corpora.clips import ClipTable
from fairser.results.split_tables import table_a3, table_a4
from unit.builders import clip_table

REFERENCE = SCHEMA.parents[1] / "reference"


def split_table(fold: int = 1) -> ClipTable:
    """Clips: two happy train (f, m), a sad train (f), an angry development and two test clips."""
    labels = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0], [0.4, 0.3, 0.3]])
    return clip_table(
        labels,
        ["train", "train", "train", "development", "test", "test"],
        fold=fold,
        gender=["female", "male", "female", None, "male", "male"],
        race=["asian", "african_american", "asian", "asian", "caucasian", None],
    )


def test_table_a3_counts_majority_clips_by_group_and_split() -> None:
    # The development clip has no gender, the last test clip no majority class.
    expected = pl.DataFrame(
        [
            ("Angry", "Female", 0, 0, 0),
            ("Angry", "Male", 0, 1, 0),
            ("Happy", "Female", 0, 0, 1),
            ("Happy", "Male", 0, 0, 1),
            ("Sad", "Female", 0, 0, 1),
            ("Sad", "Male", 0, 0, 0),
        ],
        pl.read_csv(REFERENCE / "tableA3.csv").schema,
        orient="row",
    )
    assert_frame_equal(table_a3(split_table(), "gender"), expected)


def test_table_a4_counts_every_fold_in_the_order_of_the_paper() -> None:
    table = table_a4({1: split_table(), 2: split_table(2)}, ["gender", "race", "age"])
    races = ["caucasian", "african_american", "asian"]
    assert table.columns == [*("fold", "split", "angry", "happy", "sad", "male", "female"), *races]
    fold1 = [
        (1, "Train", 0, 2, 1, 1, 2, 0, 1, 2),
        (1, "Development", 1, 0, 0, 0, 0, 0, 0, 1),
        (1, "Test", 1, 0, 0, 2, 0, 1, 0, 0),  # two men, though one has no majority class
    ]
    assert table.rows() == [*fold1, *((2, *row[1:]) for row in fold1)]


def test_table_a4_keeps_groups_of_one_name_in_two_attributes_apart() -> None:
    splits = ["train", "development", "test"]
    table = clip_table(np.eye(3), splits, gender=["other"] * 3, race=["asian", "other", "asian"])
    counts = table_a4({1: table}, ["gender", "race"])
    assert counts.columns[-3:] == ["gender_other", "asian", "race_other"]
    assert counts.row(0)[-3:] == (1, 1, 0)  # the train clip


def test_table_a4_keeps_a_group_with_the_name_of_a_class_apart() -> None:
    splits = ["train", "development", "test"]
    table = clip_table(np.eye(3), splits, mood=["sad", "sad", "calm"])
    counts = table_a4({1: table}, ["mood"])
    assert counts.columns == ["fold", "split", "angry", "happy", "sad", "calm", "mood_sad"]
    assert counts.rows()[0] == (1, "Train", 1, 0, 0, 0, 1)
