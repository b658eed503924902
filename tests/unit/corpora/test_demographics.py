"""Demographics: values made alike, ages grouped, and the join by speaker."""

from pathlib import Path

import polars as pl
import pytest

from fairser.core.table_files import read_csv
from fairser.corpora.demographics import join_speakers, order_groups, read_speakers, tidy
from unit.corpora.builders import Rows, assert_refused, write_csv


def column(name: str, values: list[str]) -> pl.DataFrame:
    return tidy(pl.DataFrame({name: values, "row": "a.csv, row 2"}), [name])


@pytest.mark.parametrize(
    ("name", "values", "groups"),
    [
        ("gender", ["M", "f", " Female ", "man", "Woman"], "male female female male female"),
        ("race", ["African American", "South-East Asian"], "african_american south_east_asian"),
        ("age", ["twen", "Thirties"], "twen thirties"),
    ],
)
def test_values_are_made_alike(name: str, values: list[str], groups: str) -> None:
    assert column(name, values)[name].to_list() == groups.split()


@pytest.mark.parametrize("value", ["", "  ", "Unknown", "n/a", "NaN", "none", "?"])
def test_unknown_values_are_null(value: str) -> None:
    assert column("race", [value, "Asian"])["race"].to_list() == [None, "asian"]


def test_ages_become_groups() -> None:
    ages = ["19", "20", "35", "36", "49", "50", "80.5", ""]
    frame = column("age", ages)
    groups = [None, "young", "young", "middle", "middle", "elderly", "elderly", None]
    assert frame["age"].to_list() == groups
    assert frame["age_years"].to_list() == [19, 20, 35, 36, 49, 50, 80.5, None]


def test_ages_in_two_forms(tmp_path: Path) -> None:
    rows = [{"speaker": "a", "age": 20}, {"speaker": "b", "age": "old"}]
    path = write_csv(tmp_path / "speakers.csv", rows)
    assert_refused(("speakers.csv, row 3", "'old'", "use one form"), read_speakers, path)


@pytest.mark.parametrize("name", ["speaker", "SpkrID", "ActorID"])
def test_speakers_of_a_file(tmp_path: Path, name: str) -> None:
    rows = [{name: "01", "Age": 20, "Sex": "M", "First Language": "German"}]
    frame, attributes = read_speakers(write_csv(tmp_path / "speakers.csv", rows))
    assert attributes == ["age", "gender", "first_language"]
    assert frame.row(0, named=True) == {
        "speaker": "01",
        "age": "young",
        "gender": "male",
        "first_language": "german",
        "age_years": 20.0,
    }


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"name": "a", "sex": "m"}], ("no column of speakers", "speaker, SpkrID, ActorID")),
        ([{"speaker": "a"}, {"speaker": "a"}], ("row 2", "'a'", "more than one row", "keep one")),
        ([{"speaker": "a", "Sex": "m", "Gender": "m"}], ("row 1", "'Sex'", "'Gender'", "gender")),
    ],
)
def test_bad_speakers(tmp_path: Path, rows: Rows, told: tuple[str, ...]) -> None:
    path = write_csv(tmp_path / "speakers.csv", rows)
    assert_refused(("speakers.csv", *told), read_speakers, path)


def clips(**attributes: list[str | None]) -> pl.DataFrame:
    """Clips of the speakers a and b, one each."""
    rows = ["clips.csv, row 2", "clips.csv, row 3"]
    return pl.DataFrame({"speaker": ["a", "b"], **attributes, "row": rows})


def speakers(folder: Path, *rows: dict) -> Path:
    return write_csv(folder / "speakers.csv", list(rows))


def test_join_fills_what_the_clips_leave_open(tmp_path: Path) -> None:
    path = speakers(
        tmp_path,
        {"speaker": "a", "gender": "male", "race": "asian"},
        {"speaker": "b", "gender": "", "race": ""},
        {"speaker": "of another corpus", "gender": "male", "race": "asian"},
    )
    frame, attributes = join_speakers(clips(gender=[None, "female"]), ["gender"], path)
    assert attributes == ["gender", "race"]
    assert frame["gender"].to_list() == ["male", "female"]
    assert frame["race"].to_list() == ["asian", None]


def test_speaker_without_a_row(tmp_path: Path) -> None:
    path = speakers(tmp_path, {"speaker": "a", "gender": "male"})
    told = ("speakers.csv", "'b'", "clips.csv, row 3")
    assert_refused(told, join_speakers, clips(), [], path)


def test_contradicting_gender(tmp_path: Path) -> None:
    path = speakers(
        tmp_path, {"speaker": "a", "gender": "male"}, {"speaker": "b", "gender": "male"}
    )
    told = ("clips.csv, row 3", "gender", "'b'", "'female'", "'male'", "speakers.csv")
    assert_refused(told, join_speakers, clips(gender=["male", "female"]), ["gender"], path)


def test_csv_rows_count_as_in_an_editor(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfname,text\r\n01,\r\nb,2\r\n")
    frame = read_csv(path)
    assert frame["name"].to_list() == ["01", "b"]
    assert frame["text"].to_list() == ["", "2"]
    assert frame["row"].to_list() == [f"{path}, row 2", f"{path}, row 3"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, ("no such file",)),
        (b"", ("empty",)),
        (b"file,speaker\n", ("no rows",)),
        ("file,speaker\nmüller,1\n".encode("latin-1"), ("UTF-8",)),
        ("file,speaker\nmüller,1\n".encode("utf-16"), ("UTF-8",)),
        (b"file,speaker\na,1,2\n", ("row 2", "3 values")),
    ],
)
def test_bad_csv(tmp_path: Path, content: bytes | None, told: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    assert_refused((str(path), *told), read_csv, path)


@pytest.mark.parametrize(
    ("attribute", "groups", "ordered"),
    [
        ("gender", "female male", "male female"),
        ("race", "asian caucasian other", "caucasian asian other"),
        ("dialect", "b a", "a b"),
    ],
)
def test_groups_in_the_order_of_the_tables(attribute: str, groups: str, ordered: str) -> None:
    assert order_groups(attribute, groups.split()) == ordered.split()
