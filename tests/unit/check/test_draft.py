"""A first manifest from the names of audio files."""

import csv
from pathlib import Path

import pytest

from fairser.check.draft import draft_manifest
from fairser.commands.check_corpus import main
from unit.corpora.builders import assert_refused


def folder(path: Path, *files: str) -> Path:
    for file in files:
        (path / file).parent.mkdir(parents=True, exist_ok=True)
        (path / file).touch()
    return path


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_the_first_folder_is_the_speaker(tmp_path: Path) -> None:
    draft = draft_manifest(folder(tmp_path, "b/2.WAV", "a/x/1.flac", "a/notes.txt", "3.mp3"))
    assert draft.splitlines()[0] == "file,speaker,emotion"
    found = [(row["file"], row["speaker"], row["emotion"]) for row in rows(draft)]
    assert found == [("3.mp3", "", ""), ("a/x/1.flac", "a", ""), ("b/2.WAV", "b", "")]


def test_named_groups_are_columns(tmp_path: Path) -> None:
    pattern = r"(?P<speaker>\d\d)(?P<text>...)(?P<emotion>.)"
    found = rows(draft_manifest(folder(tmp_path, "03a01Fa.flac", "16b02Wb.flac"), pattern))
    assert found[1] == {"file": "16b02Wb.flac", "speaker": "16", "text": "b02", "emotion": "W"}
    assert list(found[0]) == ["file", "speaker", "text", "emotion"]


def test_a_pattern_is_of_names_or_with_a_slash_of_paths(tmp_path: Path) -> None:
    root = folder(tmp_path, "day 1/03a01Fa.flac", "day 2/16b02Wb.flac")
    for pattern in ("^(?P<speaker>..)", r"day \d/(?P<speaker>..)", r"^[^/]*/(?P<speaker>..)"):
        found = rows(draft_manifest(root, pattern))
        assert [row["speaker"] for row in found] == ["03", "16"]
        assert [row["file"] for row in found] == ["day 1/03a01Fa.flac", "day 2/16b02Wb.flac"]
    found = rows(draft_manifest(root, "^(?P<session>day .)/(?P<speaker>..)"))
    assert [row["session"] for row in found] == ["day 1", "day 2"]


def test_names_with_commas_are_quoted(tmp_path: Path) -> None:
    assert rows(draft_manifest(folder(tmp_path, "a, b/1.wav")))[0]["speaker"] == "a, b"


@pytest.mark.parametrize(
    ("files", "pattern", "told"),
    [
        (["a.txt"], None, ("no audio", ".wav")),
        (["a.wav"], "(", ("--pattern '('", "regular expression")),
        (["01.wav", "x.wav"], r"(?P<speaker>\d\d)", ("'x.wav'", "does not match")),
        (["day1/a.wav"], r"^day(?P<speaker>\d)", ("'day1/a.wav'", "put a '/' into it")),
        (["01.wav"], r"(?P<file>\d)", ("--pattern", "'file'", "another name")),
        (["a.wav", "b\udcff.wav"], None, ("udcff.wav", "rename")),
    ],
)
def test_bad_drafts(
    tmp_path: Path, files: list[str], pattern: str | None, told: tuple[str, ...]
) -> None:
    assert_refused(told, draft_manifest, folder(tmp_path, *files), pattern)


def test_emodb_names_say_speaker_and_emotion(
    emodb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = "^(?P<speaker>..)(?P<text>...)(?P<emotion>.)"
    assert main(["--manifest", str(emodb / "flac"), "--pattern", pattern]) == 0
    found = {row["file"]: row for row in rows(capsys.readouterr().out)}
    letters = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "happiness"}
    letters |= {"N": "neutral", "T": "sadness"}
    with (emodb / "clips.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    assert len(found) == len(known) == 535
    for row in known:
        draft = found[row["file"]]
        assert (draft["speaker"], draft["text"]) == (row["speaker"], row["text"])
        assert letters[draft["emotion"]] == row["emotion"]
