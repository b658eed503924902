"""A manifest with the column names of another project, such as those of Common Voice."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.check.corpus import check_corpus
from fairser.config.configuration import reader_settings, resolve
from fairser.config.folds import fill_folds
from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora.builders import Rows, assert_refused, manifest_rows, read_manifest, write_csv

# The columns of Common Voice's tsv files, and values of each that they have.
HEADER = ("client_id", "path", "sentence_id", "sentence", "up_votes", "down_votes", "age")
HEADER += ("gender", "accents", "variant", "locale", "segment")
AGES = ("twenties", "fourties", "")
GENDERS = ("male_masculine", "female_feminine", "do_not_wish_to_say", "non-binary")
COMMON_VOICE = {"file": "path", "speaker": "client_id", "emotion": "label"}


def common_voice(folder: Path, speakers: int = 12, takes: int = 3) -> dict[str, Any]:
    """Clips with emotions that another model has given; returns the section ``corpus``."""
    lines = ["\t".join((*HEADER, "label"))]
    for n in range(speakers):
        person = f"{n:02x}" * 64
        for take in range(takes):
            values = (f"common_voice_de_{100 * n + take}.mp3", f"{n}", '"Ja!', "2", "0")
            about = (AGES[n % 3], GENDERS[n % 4], "Bayern" if n % 2 else "", "", "de", "")
            label = ("anger", "neutral", "sadness")[(n + take) % 3]
            lines.append("\t".join((person, *values, *about, label)))
    path = folder / "validated.tsv"
    path.write_text("\n".join(lines) + "\n")
    corpus = {"kind": "manifest", "manifest": str(path), "columns": COMMON_VOICE}
    return corpus | {"attributes": ["gender", "age", "accents"], "licence": "CC0-1.0"}


def read(corpus: dict[str, Any]) -> ClipTable:
    config = resolve({"corpus": corpus})
    fill_folds(config)
    table = read_corpus(reader_settings(config))
    assert table.folds == config["grid"]["folds"]
    return table


def test_common_voice(tmp_path: Path) -> None:
    table = read(common_voice(tmp_path))
    assert table.attributes == ("gender", "age", "accents")
    assert table.classes == ("anger", "neutral", "sadness")
    clips = table.clips()
    assert (clips.height, clips["speaker"].n_unique(), len(table.folds)) == (36, 12, 5)
    people = clips.unique("speaker").sort("speaker")
    assert people["gender"].to_list() == ["male", "female", None, "non_binary"] * 3
    assert people["age"].to_list() == ["twenties", "fourties", None] * 4
    assert people["accents"].to_list() == [None, "bayern"] * 6
    assert clips["file"][0] == "common_voice_de_0.mp3"


def test_the_check_tells_the_licence(tmp_path: Path) -> None:
    corpus = common_voice(tmp_path)
    config = resolve({"corpus": corpus, "encoder": {"kind": "fbank"}, "grid": {"methods": ["erm"]}})
    found = dict(check_corpus(config, ["mine.yaml"]).found)
    assert found["licence"] == "CC0-1.0"
    assert found["corpus"] == f"manifest: {corpus['manifest']}"


def renamed(rows: Rows, **names: str) -> Rows:
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


@pytest.mark.parametrize(
    "names",
    [
        {"file": "Path", "speaker": "SpkrID", "emotion": "label", "gender": "sex_of_speaker"},
        {"file": "speaker", "speaker": "file"},
    ],
)
def test_other_names_give_the_same_table(tmp_path: Path, names: dict[str, str]) -> None:
    rows = manifest_rows()
    expected = read_manifest(write_csv(tmp_path / "a.csv", rows)).frame
    path = write_csv(tmp_path / "b.csv", renamed(rows, **names))
    assert read_manifest(path, columns=names).frame.equals(expected)


def test_a_named_column_replaces_one_that_has_the_name(tmp_path: Path) -> None:
    rows = [row | {"by_actor": row["emotion"], "emotion": "?"} for row in manifest_rows()]
    path = write_csv(tmp_path / "a.csv", rows)
    expected = read_manifest(write_csv(tmp_path / "b.csv", manifest_rows())).frame
    assert read_manifest(path, columns={"emotion": "by_actor"}).frame.equals(expected)


def test_folds_by_another_name(tmp_path: Path) -> None:
    """The Snakefile learns of them without the reader."""
    sets = ("Train", "Dev", "Test")
    rows = [row | {"set": sets[int(row["speaker"][1:]) % 3]} for row in manifest_rows()]
    rows = [row | {"fold": "unused"} for row in rows]
    corpus = {"kind": "manifest", "manifest": str(write_csv(tmp_path / "a.csv", rows))}
    corpus |= {"columns": {"split": "set", "clip_fold": "fold"}}
    table = read(corpus)
    assert table.folds == [1]
    splits = table.frame.group_by("split").agg(pl.col("speaker").n_unique()).sort("split")
    assert splits.rows() == [("development", 3), ("test", 2), ("train", 3)]


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", manifest_rows())
    told = ("a.csv, row 1", "'emotions'", "'corpus.columns'", "'emotion'?")
    assert_refused(told, read_manifest, path, columns={"emotion": "emotions"})


@pytest.mark.parametrize(
    ("corpus", "told"),
    [
        ({"kind": "demo", "columns": {"file": "path"}}, "'corpus.columns' is set"),
        ({"columns": {"file": 1}}, "'corpus.columns.file' is 1; it must be a text"),
        ({"columns": ["file"]}, "'corpus.columns' is ['file']; it must be a group of keys"),
    ],
)
def test_bad_settings(corpus: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve({"corpus": corpus})
    assert told in str(caught.value)
