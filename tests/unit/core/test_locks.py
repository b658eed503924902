"""Two runs never write into one folder, and a run that was killed does not keep it."""

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairser.core import locks
from fairser.core.errors import InputError
from workflow.runner import ROOT

HOLD = """
import sys, time
from fairser.core import locks
locks.take(sys.argv[1], print)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def record(folder: Path) -> dict[str, object]:
    content = json.loads((folder / locks.NAME).read_text())
    assert isinstance(content, dict)
    return content


def change(folder: Path, **values: object) -> None:
    (folder / locks.NAME).write_text(json.dumps(record(folder) | values))


def test_a_lock_says_who_holds_it_until_it_is_given_back(tmp_path: Path) -> None:
    said: list[str] = []
    locks.take(tmp_path, said.append)
    found = record(tmp_path)
    assert found["host"] == socket.gethostname()
    assert (found["process"], found["folder"]) == (os.getpid(), str(Path.cwd()))
    assert set(found) == {"host", "process", "born", "user", "folder", "since"}
    locks.take(tmp_path, said.append)  # one folder for results and features
    locks.release(tmp_path)
    assert list(tmp_path.iterdir()) == []
    locks.release(tmp_path)
    assert said == []


def test_another_run_is_named(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    before = record(tmp_path)
    for _ in range(2):  # the first attempt leaves the lock as it is
        with pytest.raises(InputError) as caught:
            locks.take(tmp_path, print)
    for part in ("host", "user", "folder", "since"):
        assert str(before[part]) in str(caught.value)
    assert f"process {other.pid}" in str(caught.value)
    assert f"ps -p {other.pid}" in str(caught.value)
    assert f"rm {tmp_path / locks.NAME}" in str(caught.value)
    locks.release(tmp_path)  # not ours
    assert record(tmp_path) == before


def test_the_lock_of_a_killed_run_is_taken_over(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.kill()  # not waited for: a process that nobody has looked after is gone too
    time.sleep(0.2)
    said: list[str] = []
    locks.take(tmp_path, said.append)
    assert record(tmp_path)["process"] == os.getpid()
    assert len(said) == 1
    assert f"process {other.pid}" in said[0]
    locks.release(tmp_path)


def test_another_process_of_the_same_number_is_not_the_run(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    born = record(tmp_path)["born"]
    assert isinstance(born, float)
    change(tmp_path, born=born - 3600)
    locks.take(tmp_path, print)
    assert record(tmp_path)["process"] == os.getpid()
    locks.release(tmp_path)


def test_a_run_on_another_machine_cannot_be_seen(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.kill()
    other.wait()
    change(tmp_path, host="login-2")
    with pytest.raises(InputError, match=f"ssh login-2 ps -p {other.pid}"):
        locks.take(tmp_path, print)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": "x"}', "\0"])
def test_a_lock_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.2)
    (tmp_path / locks.NAME).write_text(text)
    with pytest.raises(InputError, match="does not say which"):
        locks.take(tmp_path, print)


def test_of_many_that_find_a_stale_lock_one_takes_over(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.kill()
    other.wait()
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runs = [subprocess.Popen(command, env=env, **nowhere) for _ in range(4)]
    end = time.monotonic() + 30
    while sum(run.poll() is None for run in runs) > 1 and time.monotonic() < end:
        time.sleep(0.1)
    (left,) = [run for run in runs if run.poll() is None]
    assert record(tmp_path)["process"] == left.pid
    for run in runs:
        run.kill()
        run.wait()


def test_a_full_disk_leaves_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space left"):
        locks.take(tmp_path, print)
    assert list(tmp_path.iterdir()) == []
