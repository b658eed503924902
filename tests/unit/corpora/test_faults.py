"""Faults of a corpus: collected, counted, raised together."""

from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora.faults import AT_ONCE, Faults
from fairser.corpora.manifest import listed_files
from unit.corpora.builders import EMOTIONS, manifest_rows, read_manifest, write_csv


def frame(numbers: list[int], file: str = "a.csv") -> pl.DataFrame:
    return pl.DataFrame(
        {"n": numbers, "row": [f"{file}, row {2 + i}" for i in range(len(numbers))]}
    )


TEXT = "{n} is bad."


def test_good_rows_are_left_and_bad_ones_noted() -> None:
    faults = Faults()
    left = faults.without(frame([1, -5, 2, -6, -7]), pl.col("n") < 0, TEXT, "n")
    assert left["n"].to_list() == [1, 2]
    assert faults.messages == ["a.csv, row 3: -5 is bad. Also row 5 ('-6') and row 6 ('-7')."]


def test_many_rows_are_counted() -> None:
    faults = Faults()
    faults.note(frame(list(range(20))), TEXT)
    also = "Also row 3, row 4, row 5, row 6, row 7 and 14 more."
    assert faults.messages == [f"a.csv, row 2: 0 is bad. {also}"]


def test_rows_of_several_files_keep_their_names() -> None:
    faults = Faults()
    faults.note(pl.concat([frame([1]), frame([2], "b.csv")]), TEXT)
    assert faults.messages == ["a.csv, row 2: 1 is bad. Also b.csv, row 2."]


def test_a_row_in_several_folds_is_one_row() -> None:
    faults = Faults()
    faults.note(pl.concat([frame([1])] * 3), TEXT)
    assert faults.messages == ["a.csv, row 2: 1 is bad."]


def test_the_nearest_value_is_suggested_and_braces_of_values_are_kept() -> None:
    faults = Faults()
    bad = pl.DataFrame({"word": ["{jo}"], "row": ["a.csv, row 2"]})
    faults.note(bad, "'{word}' of {file}", "word", ["joy", "anger"], file="{x}")
    assert faults.messages == ["a.csv, row 2: '{jo}' of {x} Did you mean 'joy'?"]


def test_no_bad_row_is_no_fault() -> None:
    faults = Faults()
    whole = frame([1, 2])
    assert faults.without(whole, pl.col("n") < 0, TEXT) is whole
    faults.raise_all()


def test_all_are_raised_together() -> None:
    faults = Faults()
    with faults.gather():
        raise InputError("one.", "two.")
    faults.note(frame([3]), TEXT)
    with pytest.raises(InputError) as caught:
        faults.raise_all()
    assert caught.value.faults == ("one.", "two.", "a.csv, row 2: 3 is bad.")
    assert str(caught.value) == "3 faults:\n  one.\n  two.\n  a.csv, row 2: 3 is bad."


def test_the_first_can_be_raised_at_once() -> None:
    with pytest.raises(InputError, match="row 2: 1 is bad"):
        AT_ONCE.note(frame([1]), TEXT)


def test_every_fault_of_a_manifest_is_told(tmp_path: Path) -> None:
    rows = [row | {"age": 30, "fold": 1 + int(row["speaker"][1:]) % 4} for row in manifest_rows()]
    rows[0]["file"] = "/etc/passwd"
    rows[1]["speaker"] = ""
    rows[3]["emotion"] = "angr"
    rows[4]["age"] = "old"
    rows[6]["gender"] = "male"
    rows[9]["fold"] = 0
    rows[13]["file"] = rows[12]["file"]
    rows[15]["fold"] = 4
    path = write_csv(tmp_path / "m.csv", rows)
    with pytest.raises(InputError) as caught:
        read_manifest(path, classes=list(EMOTIONS))
    rows_told = [fault.split(":")[0].rpartition(" ")[2] for fault in caught.value.faults]
    assert sorted(map(int, rows_told)) == [2, 3, 5, 6, 9, 11, 14, 17]


def test_columns_that_are_missing_are_told_together(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "m.csv", [{"files": "a.wav", "who": "a"}])
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    assert [fault.split("'")[1] for fault in caught.value.faults] == ["file", "speaker", "emotion"]


def test_too_few_folds_hide_no_other_fault(tmp_path: Path) -> None:
    rows = [row | {"fold": 1} for row in manifest_rows()]
    rows[3]["emotion"] = ""
    with pytest.raises(InputError) as caught:
        read_manifest(write_csv(tmp_path / "m.csv", rows))
    assert ["row 5" in caught.value.faults[0], "1 fold(s)" in caught.value.faults[1]] == [True] * 2


@pytest.mark.parametrize("column", ["file", "speaker", "emotion"])
def test_a_column_without_any_value(tmp_path: Path, column: str) -> None:
    rows = [row | {column: " "} for row in manifest_rows()]
    with pytest.raises(InputError, match=f"row 2: column '{column}' is empty.* and 18 more"):
        read_manifest(write_csv(tmp_path / "m.csv", rows))


def test_listed_files_of_a_spoilt_manifest(tmp_path: Path) -> None:
    rows = manifest_rows()[:4]
    rows[1]["file"], rows[2]["file"], rows[3]["emotion"] = "", "../x.wav", ""
    assert listed_files(write_csv(tmp_path / "m.csv", rows), {}) == ["s0/0.wav", "s1/0.wav"]
    assert listed_files(write_csv(tmp_path / "n.csv", [{"name": "a.wav"}]), {}) == []
    assert listed_files(tmp_path / "n.csv", {"file": "name"}) == ["a.wav"]
    assert listed_files(tmp_path / "nowhere.csv", {}) == []
