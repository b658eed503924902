"""Leftover jobs are found by name and folder, cancelled, and waited for."""

import os
from pathlib import Path

import pytest

from fairser.cluster import leftovers
from fairser.core.errors import InputError
from unit.conftest import Program

QUEUE = 'cat "$HERE/queue"'


def write_queue(folder: Path, here: Path) -> None:
    rows = [
        f"7|RUNNING|fairser_1f|{here}",
        f"8|PENDING|fairser_1f|{here}",
        f"9|RUNNING|fairser_2e|{here / 'other'}",
        f"10|RUNNING|mine|{here}",
        "",
    ]
    (folder / "bin" / "queue").write_text("\n".join(rows))


def test_only_this_folders_jobs_are_cancelled(tmp_path: Path, program: Program) -> None:
    write_queue(tmp_path, tmp_path)
    program("squeue", QUEUE)
    program("scancel", 'echo "$@" >> "$HERE/cancelled"; : > "$HERE/queue"')
    told: list[str] = []
    assert leftovers.cancel(tmp_path, told.append) == 2
    assert (tmp_path / "bin/cancelled").read_text() == "7 8\n"
    assert "7 8" in told[0]
    assert leftovers.cancel(tmp_path, told.append) == 0
    assert len(told) == 1


def test_the_user_is_who_runs_the_process(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    write_queue(tmp_path, tmp_path)
    program("squeue", f'echo "$@" > "$HERE/asked"; {QUEUE}')
    assert list(leftovers.find(tmp_path)) == ["7", "8"]
    assert f"--user={os.getuid()} " in (tmp_path / "bin/asked").read_text()


def test_a_linked_folder_is_the_same(tmp_path: Path, program: Program) -> None:
    write_queue(tmp_path, tmp_path)
    program("squeue", QUEUE)
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert list(leftovers.find(link)) == ["7", "8"]


def test_jobs_that_do_not_end_are_named(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_queue(tmp_path, tmp_path)
    program("squeue", QUEUE)
    program("scancel", "exit 0")
    monkeypatch.setattr(leftovers, "WAIT", 0)
    monkeypatch.setattr(leftovers, "POLL", 0)
    with pytest.raises(InputError, match=r"job 7 of an earlier run is still RUNNING.*its node"):
        leftovers.cancel(tmp_path, print)


def test_a_queue_that_can_not_be_seen_is_an_error(tmp_path: Path, program: Program) -> None:
    program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(InputError, match="squeue failed: Unable to contact"):
        leftovers.find(tmp_path)
