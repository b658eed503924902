"""A speaker is one person: names that look like one are told, blanks around them are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.clips import ClipTable
from fairser.corpora.people import alike
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes
from unit.corpora.builders import assert_refused, label_rows, manifest_rows, write_csv, write_labels


def read(**corpus: Any) -> ClipTable:
    return read_corpus(reader_settings(resolve({"corpus": corpus})))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["2001", "02001", "2010"], [("2001", "02001")]),
        (["Spk 1", "spk1", "SPK01", "spk10"], [("Spk 1", "spk1"), ("Spk 1", "SPK01")]),
        (["A", "a", "ä", "a\u0308"], [("A", "a"), ("ä", "a\u0308")]),
        (["0", "00", "000"], [("0", "00"), ("0", "000")]),
        (["1", "10", "100", "1_0", "1-0", "x", "0x"], []),
        (["Ses01F", "Ses01M", "Ses10F", "a b", "a_b"], []),
    ],
)
def test_names_that_look_like_one(names: list[str], pairs: list[tuple[str, str]]) -> None:
    assert alike(names) == pairs


def manifest(folder: Path, first: str, second: str) -> dict[str, Any]:
    """A manifest whose first two speakers have these names."""
    rows = manifest_rows()
    for row in rows:
        row["speaker"] = {"s0": first, "s1": second}.get(row["speaker"], row["speaker"])
    return {"kind": "manifest", "manifest": str(write_csv(folder / "m.csv", rows)), "folds": 3}


def labels(folder: Path, first: str, second: str) -> dict[str, Any]:
    rows = label_rows()
    for row in rows:
        row["SpkrID"] = {"01": first, "02": second}.get(row["SpkrID"], row["SpkrID"])
    return {"kind": "emosuperb", "labels": str(write_labels(folder, rows)), "audio": str(folder)}


@pytest.mark.parametrize(
    ("make", "places"),
    [(manifest, ("m.csv, row 2", "m.csv, row 5")), (labels, ("_1.csv, row 2", "_1.csv, row 4"))],
)
@pytest.mark.parametrize("names", [("7", "007"), ("Spk 8", "spk8"), ("anna", " Anna ")])
def test_alike_names_are_refused_until_confirmed(
    tmp_path: Path,
    make: Callable[..., dict[str, Any]],
    places: tuple[str, str],
    names: tuple[str, str],
) -> None:
    corpus = make(tmp_path, *names)
    plain = [name.strip() for name in names]
    told = (*places, *(f"'{name}'" for name in plain), "'corpus.distinct_speakers'")
    assert_refused(told, read, **corpus)
    table = read(**corpus, distinct_speakers=True)
    assert set(plain) < set(table.frame["speaker"])


@pytest.mark.parametrize("make", [manifest, labels])
def test_blanks_around_a_name_are_none(tmp_path: Path, make: Callable[..., dict[str, Any]]) -> None:
    table = read(**make(tmp_path, " 2001", "2002\t"))
    assert {"2001", "2002"} < set(table.frame["speaker"])


def test_one_person_with_blanks_stays_in_one_split(tmp_path: Path) -> None:
    rows = manifest_rows()
    for number, row in enumerate(rows):
        row["speaker"] = [" ", ""][number % 2] + row["speaker"] + ["", " "][number // 2 % 2]
    path = str(write_csv(tmp_path / "m.csv", rows))
    people = [{"speaker": f"s{number} ", "race": "asian"} for number in range(8)]
    speakers = str(write_csv(tmp_path / "speakers.csv", people))
    table = read(kind="manifest", manifest=path, folds=4, demographics=speakers)
    assert set(table.frame["speaker"]) == {f"s{number}" for number in range(8)}
    assert set(table.frame["race"]) == {"asian"}


def test_columns_that_tell_a_person_are_stripped(tmp_path: Path) -> None:
    rows = [
        row | {"session": f" {number // 2 % 4} ", "role": f"r{number % 2} ", "speaker": "x"}
        for number, row in enumerate(manifest_rows())
    ]
    path = str(write_csv(tmp_path / "m.csv", [row | {"gender": ""} for row in rows]))
    table = read(kind="manifest", manifest=path, folds=4, speaker=["session", "role"])
    assert set(table.frame["speaker"]) == {f"{n}_r{role}" for n in range(4) for role in range(2)}


def test_speakers_that_nobody_knows_are_not_alike(tmp_path: Path) -> None:
    rows = manifest_rows()
    for number, row in enumerate(rows):
        row |= {"file": f"{'0' * (number % 2)}{number // 2}.wav", "speaker": "?"}
    table = read(kind="manifest", manifest=str(write_csv(tmp_path / "m.csv", rows)), folds=3)
    assert table.clips()["speaker"].n_unique() == len(rows)


@pytest.mark.parametrize(
    "make", [shapes.ravdess, shapes.iemocap, shapes.improv, shapes.nnime, shapes.msp_podcast]
)
def test_corpora_as_they_are_have_no_alike_names(
    tmp_path: Path, make: Callable[[Path], shapes.Corpus]
) -> None:
    assert read(**make(tmp_path)).alike == ()


def test_cremad_has_none(cremad_table: ClipTable) -> None:
    assert cremad_table.alike == ()
