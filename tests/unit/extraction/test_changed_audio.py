"""What is said of audio that has changed after it was used, and what is not."""

from pathlib import Path

import polars as pl
import pytest

from fairser.audio.stamps import digest
from fairser.core.files import write_json
from fairser.extraction.changed_audio import of_runs, of_stores
from fairser.extraction.partial import stamp_columns
from fairser.extraction.shards import write_faults
from fairser.extraction.store import write_clips

FILES = ["a.wav", "b.wav", "deep/c, d.wav"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Audio, and two stores of it; of the second one a clip was left out."""
    audio = tmp_path / "audio"
    (audio / "deep").mkdir(parents=True)
    for file in FILES:
        (audio / file).write_bytes(b"sound")
    clips = pl.DataFrame({"clip": FILES, "file": FILES})
    clips = clips.with_columns(stamp_columns(audio, FILES))
    for name, left_out in (("one", {}), ("two", {2: "empty"})):
        (tmp_path / name).mkdir()
        write_faults(tmp_path / name / "faults.csv", clips, left_out)
        kept = [row for row in range(3) if row not in left_out]
        write_clips(tmp_path / name / "clips.csv", clips[kept])
    return tmp_path


def said(corpus: Path) -> str | None:
    return of_stores([corpus / "one", corpus / "two"], str(corpus / "audio"))


def test_nothing_is_said_of_what_is_as_it_was(corpus: Path) -> None:
    assert said(corpus) is None
    (corpus / "audio/a.wav").unlink()
    assert said(corpus) is None
    assert of_stores([corpus / "none"], str(corpus)) is None
    assert of_stores([corpus / "one"], None) is None


def test_a_changed_file_is_named_once(corpus: Path) -> None:
    (corpus / "audio/b.wav").write_bytes(b"others")
    found = said(corpus)
    assert found and found.startswith("1 audio file (b.wav) changed")


def test_a_clip_that_was_left_out_may_have_been_fixed(corpus: Path) -> None:
    (corpus / "audio/deep/c, d.wav").write_bytes(b"others")
    found = of_stores([corpus / "two"], str(corpus / "audio"))
    assert found and "1 audio file (deep/c, d.wav)" in found


def test_all_files_are_counted(corpus: Path) -> None:
    for file in FILES:
        (corpus / "audio" / file).write_bytes(b"others")
    found = said(corpus)
    assert found and "3 audio files (a.wav, ...)" in found


def test_a_list_without_stamps_says_nothing(corpus: Path) -> None:
    """Of features of the user's own, or of an older version."""
    write_clips(corpus / "one/clips.csv", pl.DataFrame({"clip": FILES, "file": FILES}))
    (corpus / "two/clips.csv").write_text("clip\na\n")
    (corpus / "audio/b.wav").write_bytes(b"others")
    assert said(corpus) is None


def test_runs_that_used_other_audio(corpus: Path) -> None:
    audio, clips = str(corpus / "audio"), corpus / "one/clips.csv"
    records = [corpus / f"run{number}.json" for number in range(4)]
    for record in records[:2]:
        write_json(record, {"audio": digest(audio, FILES)})
    write_json(records[2], {})  # of features
    assert of_runs(records, clips, audio) is None
    (corpus / "audio/b.wav").write_bytes(b"others")
    found = of_runs(records, clips, audio)
    assert found and "after 2 runs used it" in found
    assert of_runs(records[2:], clips, audio) is None
    assert of_runs(records, corpus / "none.csv", audio) is None
