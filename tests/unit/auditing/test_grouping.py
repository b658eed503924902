"""Attributes from any file, crossings, units; and what is wrong with them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.auditing.decisions import read_decisions
from fairser.auditing.grouping import Attribute, Units, read_groups
from fairser.auditing.inputs import AuditInput
from fairser.core.errors import InputError
from unit.auditing.builders import audit_of, made_up, sources_of

HEAD = "clip,speaker,label,prediction\n"
ROWS = "a,1,x,x\nb,1,y,x\nc,2,y,y\nd,3,x,y\n"


def groups_of(sources: AuditInput) -> tuple[dict[str, list[str | None]], Units, list[str]]:
    """Group of each clip by attribute, the units and the notes."""
    attributes, units, notes = read_groups(read_decisions(sources), sources)
    return {one.name: of(one) for one in attributes}, units, notes


def of(attribute: Attribute) -> list[str | None]:
    return [None if index < 0 else attribute.groups[index] for index in attribute.index]


def test_by_speaker(tmp_path: Path) -> None:
    groups = "ActorID,Sex,Race\n2,Male,Asian\n1,Female,African American\n9,Male,Asian\n3,?,\n"
    found, units, notes = groups_of(sources_of(tmp_path, HEAD + ROWS, groups))
    assert found == {
        "gender": ["female", "female", "male", None],
        "race": ["african_american", "african_american", "asian", None],
    }
    assert (units.index.tolist(), units.count, units.speakers) == ([0, 0, 1, 2], 3, True)
    assert notes == []


def test_by_clip_with_repeated_rows_and_speakers(tmp_path: Path) -> None:
    text = "clip,label,prediction\na,x,x\nb,y,x\nc,y,y\n"
    groups = "clip,speaker,mood\nb.wav,s1,good\na.wav,s1,bad\nc.wav,s2,good\nb.wav,s1,good\n"
    found, units, notes = groups_of(sources_of(tmp_path, text, groups))
    assert found == {"mood": ["bad", "good", "good"]}
    assert (units.index.tolist(), units.count) == ([0, 0, 1], 2)
    assert notes == []


def test_columns_of_the_predictions_and_ages(tmp_path: Path) -> None:
    head = "clip,speaker,label,prediction,Sex,age,mic\n"
    rows = "a,1,x,x,m,21,1\nb,1,y,x,m,21,2\nc,2,y,y,f,36,1\nd,3,x,y,f,70,2\ne,4,x,x,f,12,1\n"
    found, _, _ = groups_of(sources_of(tmp_path, head + rows))
    assert found == {
        "gender": ["male", "male", "female", "female", "female"],
        "age": ["young", "young", "middle", "elderly", None],  # no group is below 20
    }
    found, _, _ = groups_of(sources_of(tmp_path, head + rows, attributes=["mic"]))
    assert found == {"mic": ["1", "2", "1", "2", "1"]}


def test_groups_file_before_columns_of_the_same_name(tmp_path: Path) -> None:
    text = "clip,speaker,label,prediction,gender\na,1,x,x,f\nb,2,y,y,f\n"
    found, _, _ = groups_of(sources_of(tmp_path, text, "speaker,gender\n1,f\n2,m\n"))
    assert found == {"gender": ["female", "male"]}


def test_men_are_male_by_any_name(tmp_path: Path) -> None:
    groups = "speaker,Gender\n1,women\n2,M\n3,men\n"
    found, _, _ = groups_of(sources_of(tmp_path, HEAD + ROWS, groups))
    assert found == {"gender": ["female", "female", "male", "male"]}


def test_crossings(tmp_path: Path) -> None:
    groups = "speaker,gender,race\n1,f,a\n2,m,a\n3,f,\n"
    sources = sources_of(tmp_path, HEAD + ROWS, groups, crossings=[["gender", "race"]])
    found, _, notes = groups_of(sources)
    assert found["gender x race"] == ["female x a", "female x a", "male x a", None]
    assert list(found) == ["gender", "gender x race"]
    assert len(notes) == 1 and "'race' has one group only ('a')" in notes[0]


def test_small_groups(tmp_path: Path) -> None:
    groups = "speaker,race\n1,a\n2,a\n3,b\n4,b\n5,c\n"
    rows = "".join(f"{n},{n},{'xy'[n % 2]},x\n" for n in range(1, 6))
    sources = sources_of(tmp_path, HEAD + rows, groups, smallest=2)
    found, _, notes = groups_of(sources)
    assert found == {"race": ["a", "a", "b", "b", None]}
    assert len(notes) == 1 and notes[0].startswith("race: left out c ")


def test_clips_and_speakers_without_a_row(tmp_path: Path) -> None:
    found, _, notes = groups_of(sources_of(tmp_path, HEAD + ROWS, "speaker,gender\n1,f\n2,m\n"))
    assert found == {"gender": ["female", "female", "male", None]}
    where = tmp_path / "groups.csv"
    assert notes[0].startswith(f"{where} has no row for 1 speaker (3)")


@pytest.mark.parametrize("kind", [pl.Int64, pl.String, pl.Categorical])
def test_parquet_with_other_types(tmp_path: Path, kind: Any) -> None:
    people = pl.DataFrame({"speaker": [1, 2, 3], "gender": ["f", "m", None]})
    people = people.with_columns(pl.col("speaker").cast(pl.String).cast(kind))
    people.with_columns(pl.col("gender").cast(pl.Categorical)).write_parquet(tmp_path / "g.parquet")
    sources = sources_of(tmp_path, HEAD + ROWS)
    found, _, _ = groups_of(AuditInput(sources.predictions, groups=tmp_path / "g.parquet"))
    assert found == {"gender": ["female", "female", "male", None]}


MANY = "speaker,gender,height\n" + "".join(f"{n},{'fm'[n % 2]},{150 + n}\n" for n in range(30))
MANY_ROWS = "".join(f"c{n},{n},{'xy'[n % 2]},x\n" for n in range(30))


@pytest.mark.parametrize(
    ("rows", "groups", "options", "message"),
    [
        (ROWS, None, {}, "No attribute to compare.*--groups"),
        (ROWS, "name,gender\n1,f\n", {}, "no column 'speaker'"),
        (ROWS, "speaker,gender\n1,f\n2,m\n1,m\n", {}, "row 2: speaker '1' has several.*row 4"),
        (ROWS, "speaker,gender\n,f\n2,m\n", {}, "row 2: column 'speaker' is empty"),
        (ROWS, "speaker,gender\ns1,f\ns2,m\n", {}, "no row for any speaker.*'1'.*'s1'"),
        (ROWS, "speaker,gender\n1,f\n2,f\n3,f\n", {}, "No attribute.*one group only"),
        (ROWS, "speaker,sex,gender\n1,f,f\n", {}, "mean the same"),
        (ROWS, "speaker,age\n1,21\n2,old\n", {}, "row 3: age 'old'"),
        (
            ROWS,
            "speaker,gender\n1,f\n2,m\n",
            {"attributes": ["gendr"]},
            "no attribute 'gendr'. Did you mean 'gender'",
        ),
        (
            ROWS,
            "speaker,gender\n1,f\n2,f\n",
            {"attributes": ["gender"]},
            r"'gender' has one group only \('female'\)",
        ),
        (
            ROWS,
            "speaker,gender\n1,f\n2,m\n",
            {"crossings": [["gender", "rase"]]},
            "no attribute 'rase'",
        ),
        (MANY_ROWS, MANY, {"attributes": ["height"]}, "'height' has 30 values.*ranges"),
    ],
)
def test_bad_input(
    tmp_path: Path, rows: str, groups: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        groups_of(sources_of(tmp_path, HEAD + rows, groups, **options))


def test_clips_whose_speaker_nobody_knows(tmp_path: Path) -> None:
    """Each is a speaker of its own, as in the clip table; without any name, clips are drawn."""
    rows = "a,,x,x\nb,?,y,y\nc,1,x,x\nd,1,y,y\ne,unknown x.wav,y,y\n"
    groups = "clip,gender\na,f\nb,m\nc,f\nd,f\ne,m\n"
    _, units, notes = groups_of(sources_of(tmp_path, HEAD + rows, groups))
    assert (units.count, units.speakers) == (4, True)
    assert units.index[2] == units.index[3] and len(set(units.index)) == 4
    assert notes[0].startswith("3 clips without a known speaker")
    _, units, notes = groups_of(sources_of(tmp_path, HEAD + rows.replace(",1,", ",,"), groups))
    assert (units.count, units.speakers, notes) == (5, False, [])


def test_numbers_are_left_out_where_nobody_asked_for_them(tmp_path: Path) -> None:
    found, _, notes = groups_of(sources_of(tmp_path, HEAD + MANY_ROWS, MANY))
    assert list(found) == ["gender"]
    assert "'height' has 30 values" in notes[0]


def test_speakers_of_the_groups_but_not_of_the_clips(tmp_path: Path) -> None:
    text = "clip,speakr,label,prediction\na,1,x,x\nb,2,y,y\n"
    message = "have a column 'speaker'. Did you mean 'speakr'"
    with pytest.raises(InputError, match=message):
        groups_of(sources_of(tmp_path, text, "speaker,gender\n1,f\n2,m\n"))


@pytest.mark.parametrize("name", ["class", "clips", "hits", "positives", "predicted", "row"])
def test_names_of_other_columns_are_attributes_like_any(tmp_path: Path, name: str) -> None:
    predictions, people = made_up(12, 5)
    numbers = []
    for column in ("microphone", name):
        groups = people.select("speaker", pl.col("gender").alias(column))
        found = audit_of(tmp_path, predictions, groups, resamples=3)
        numbers.append((found.rates["tpr"].to_list(), found.gaps["gap"].to_list()))
    assert numbers[0] == numbers[1]


def test_names_of_speakers_that_look_like_one_are_told(tmp_path: Path) -> None:
    rows = "a, 7,x,x\nb,7 ,y,x\nc,07,y,y\nd,3,x,y\n"
    groups = "speaker,gender\n7 ,male\n07,female\n3,male\n"
    _, units, notes = groups_of(sources_of(tmp_path, HEAD + rows, groups))
    assert units.count == 3
    assert sum("'07' and '7'" in note for note in notes) == 1
    _, _, notes = groups_of(
        sources_of(tmp_path, HEAD + rows.replace("07", "08"), groups.replace("07", "08"))
    )
    assert not any("different people" in note for note in notes)
