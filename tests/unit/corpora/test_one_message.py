"""One fault with one cause is one message, which names the row that has it."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import reader_settings, resolve
from fairser.core.errors import InputError
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes
from unit.corpora.builders import write_csv

ONE, ALL = slice(0, 1), slice(None)
SECOND = "labels_consensus_2.csv"
CLASSES = {"classes": shapes.RAVDESS[:4]}


def times_hundred(row: dict[str, str]) -> str:
    return str(100 * float(row["angry"]))


def other_gender(row: dict[str, str]) -> str:
    return {"Female": "Male", "Male": "Female"}[row["Gender"]]


@pytest.mark.parametrize(
    ("make", "name", "rows", "values", "told"),
    [
        (shapes.iemocap, SECOND, ONE, {"SpkrID": "99"}, "another speaker"),
        (shapes.iemocap, SECOND, ONE, {"SpkrID": "02"}, "another speaker"),
        (shapes.iemocap, SECOND, ONE, {"SpkrID": ""}, "another speaker"),
        (shapes.iemocap, SECOND, ONE, {"Gender": other_gender}, "another speaker"),
        (shapes.nnime, SECOND, ONE, {"Gender": other_gender}, "is 'male'"),
        (shapes.iemocap, SECOND, ONE, {"Split_Set": "Test"}, "splits test and train"),
        (shapes.iemocap, SECOND, ONE, {"Split_Set": "Tset"}, "'Tset'"),
        (shapes.iemocap, SECOND, ONE, {"angry": "0.5"}, "sum to"),
        (shapes.iemocap, SECOND, ONE, {"angry": "x"}, "holds 'x'"),
        (shapes.iemocap, SECOND, ALL, {"angry": times_hundred}, "sum to"),
        (shapes.leave_one_out, "clips.csv", ONE, {"fold": "two"}, "fold 'two'"),
        (shapes.leave_one_out, "clips.csv", ALL, {"fold": "two"}, "fold 'two'"),
        (shapes.leave_one_out, "clips.csv", ONE, {"fold": "3"}, "splits test and train"),
        (shapes.leave_one_out, "clips.csv", slice(12, 13), {"speaker": "s0"}, "is 'male'"),
        (shapes.leave_one_out, "clips.csv", ONE, {"emotion": ""}, "'emotion' is empty"),
        (shapes.one_fold, "clips.csv", ONE, {"split": "tset"}, "'tset'"),
        (shapes.one_fold, "clips.csv", ALL, {"split": "train"}, "no clip in development"),
        (shapes.one_fold, "clips.csv", ALL, {"emotion": "sad"}, "two are needed"),
        (shapes.one_fold, "clips.csv", ALL, {"emotion": "SAD"}, "'SAD' is not among"),
        (shapes.ravdess, "clips.csv", ALL, {"speaker": ""}, "? where nobody knows"),
        (shapes.ravdess, "clips.csv", ALL, {"speaker": "1", "gender": ""}, "'corpus.folds' is 5"),
    ],
)
def test_one_message(
    tmp_path: Path,
    make: Callable[[Path], shapes.Corpus],
    name: str,
    rows: slice,
    values: dict[str, Any],
    told: str,
) -> None:
    corpus = make(tmp_path) | (CLASSES if values.get("emotion") == "SAD" else {})
    with (tmp_path / name).open(encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    for row in found[rows]:
        row |= {key: value(row) if callable(value) else value for key, value in values.items()}
    write_csv(tmp_path / name, found)
    with pytest.raises(InputError) as caught:
        read_corpus(reader_settings(resolve({"corpus": corpus})))
    (message,) = caught.value.faults
    assert told in message
    place = (
        "clips.csv:" if "needed" in told or "folds" in told else f", row {2 + (rows.start or 0)}:"
    )
    assert f"{tmp_path / name}{place.removeprefix('clips.csv')}" in message
