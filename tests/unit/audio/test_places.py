"""Where audio may lie: regular files inside the folder of the corpus, or where links may lead."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import soundfile

from fairser.audio import soundfiles
from fairser.audio.reading import Audio, waveform_statistics
from fairser.audio.soundfiles import locate, read_header
from fairser.audio.waveforms import read
from fairser.check.sounds import scan
from unit.corpora.builders import assert_refused, sine


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A sound outside of the corpus ``tmp_path / "corpus"``, which has ``in/a.wav``."""
    for path in (tmp_path / "corpus/in/a.wav", tmp_path / "other/b.wav"):
        path.parent.mkdir(parents=True)
        soundfile.write(path, sine(16_000, 0.1), 16_000)
    return tmp_path / "other/b.wav"


def pipe(path: Path) -> None:
    os.mkfifo(path)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # the name of a socket is short


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (pipe, "a named pipe"),
        (bound, "a socket"),
        (Path.mkdir, "a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
    ],
)
def test_only_regular_files_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.wav"
    make(path)
    assert_refused((f"{path}: {told}",), read, path)
    assert_refused((f"{path}: {told}",), read_header, path)
    audio = Audio(None, [str(path)], 10)
    assert audio.plan([0], 60) == [[0]]
    assert told in audio.read_batch([0]).faults[0]


def test_a_pipe_does_not_make_the_check_wait(tmp_path: Path) -> None:
    """In a process of its own, which is ended: a pipe that is opened waits for ever."""
    os.mkfifo(tmp_path / "a.wav")
    program = (
        "import sys; from pathlib import Path; from fairser.audio.reading import Audio;"
        "from fairser.check.sounds import scan; folder = Path(sys.argv[1]);"
        "print(Audio(folder, ['a.wav'], 10).plan([0], 60));"
        "print(scan(folder, ['a.wav'], True)['fault'][0])"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=variables)
    assert "a named pipe" in done.stdout


def links(outside: Path) -> dict[str, bool]:
    """Files of the corpus, and whether a link in the corpus leads out of it."""
    corpus = outside.parents[1] / "corpus"
    (corpus / "file.wav").symlink_to(outside)
    (corpus / "far").symlink_to(outside.parent)
    (corpus / "near").symlink_to("in")
    (corpus / "again.wav").symlink_to("far/b.wav")
    (corpus / "inside.wav").symlink_to("in/a.wav")
    (corpus / "in" / "up.wav").symlink_to("../inside.wav")
    leads = {"file.wav": True, "far/b.wav": True, "again.wav": True}
    return leads | dict.fromkeys(("in/a.wav", "near/a.wav", "inside.wav", "in/up.wav"), False)


@pytest.mark.parametrize("linked", [False, True])
def test_links_that_lead_out(outside: Path, linked: bool) -> None:
    """The folder itself may be a link."""
    folder, found = outside.parents[1] / "corpus", links(outside)
    if linked:
        (outside.parents[1] / "link").symlink_to(folder)
        folder = outside.parents[1] / "link"
    files = list(found)
    audio = Audio(folder, files, 10)
    bad = {files.index(file) for file, out in found.items() if out}
    for number, file in enumerate(files):
        assert locate(folder, file, follow_links=True) == folder / file
        assert audio.length(number) == (0 if number in bad else 0.1)
    faults = audio.read_batch(range(len(files))).faults
    assert {*faults} == bad
    for text in faults.values():
        assert str(outside) in text and "'corpus.follow_links'" in text
    assert {*waveform_statistics(audio, 0)[2]} == bad
    seen = scan(folder, files)
    assert set(seen.drop_nulls("fault")["file"]) == {file for file, out in found.items() if out}
    assert scan(folder, files, follow_links=True).filter(pl.col("fault").is_not_null()).is_empty()
    assert Audio(folder, files, 10, follow_links=True).read_batch(range(len(files))).faults == {}


def test_a_folder_is_looked_up_once(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = os.path.realpath
    monkeypatch.setattr(soundfiles.os.path, "realpath", lambda p: calls.append(p) or real(p))
    folder = outside.parents[1] / "corpus"
    for _ in range(50):
        locate(folder, "in/a.wav")
    assert len(calls) == 2


@pytest.mark.parametrize("file", [f"{'a' * 300}.wav", f"{'a' * 300}/b.wav", "a/" * 3000 + "b.wav"])
def test_a_name_that_is_too_long_is_a_fault_of_its_clip(tmp_path: Path, file: str) -> None:
    soundfile.write(tmp_path / "good.wav", sine(16_000, 0.1), 16_000)
    audio = Audio(tmp_path, [file, "good.wav"], 10)
    assert sorted(map(len, audio.plan([0, 1], 60))) == [1, 1]
    batch = audio.read_batch([0, 1])
    assert "too long" in batch.faults[0] and [*batch.faults] == [0]
    assert "too long" in scan(tmp_path, [file, "good.wav"])["fault"][0]
