"""Files appear under their name only when they are complete."""

import errno
import hashlib
import os
import socket
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fairser.core.errors import InputError, damaged, system_error
from fairser.core.files import complete, leads_out, read_json, sha256, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_complete_appears_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    with complete(target) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert temporary.parent == target.parent
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert names(target.parent) == ["a.txt"]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    """Such as a job on a lost node and the one that took its place."""
    target = tmp_path / "a.txt"
    with complete(target) as lost:
        lost.write_text("ha")
        with complete(target) as second:
            second.write_text("whole")
        assert target.read_text() == "whole"
        lost.write_text("half")
        assert target.read_text() == "whole"
    assert target.read_text() == "half"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, "old"])
def test_error_leaves_what_was_there(
    tmp_path: Path, error: type[BaseException], old: str | None
) -> None:
    target = tmp_path / "a.txt"
    if old is not None:
        write_text(target, old)

    with pytest.raises(error), complete(target) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise error

    assert names(tmp_path) == ([] if old is None else ["a.txt"])
    assert old is None or target.read_text(encoding="utf-8") == old


def test_block_that_writes_nothing_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(FileNotFoundError), complete(target):
        pass
    assert target.read_text(encoding="utf-8") == "old"


def test_text_is_utf_8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "größer\n")
    assert (tmp_path / "a.txt").read_bytes() == b"gr\xc3\xb6\xc3\x9fer\n"


def test_json(tmp_path: Path) -> None:
    data = {"gap": None, "f1": 0.1 + 0.2, "folds": [1, 2], "name": "größer"}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "gap": null,\n')
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_json_refuses_what_is_no_number(tmp_path: Path, value: float) -> None:
    write_json(tmp_path / "a.json", {"gap": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"gaps": [0.5, value]})
    assert read_json(tmp_path / "a.json") == {"gap": 1}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("file", "out"),
    [
        ("a.wav", False),
        ("a/../b.wav", False),
        ("./a.wav", False),
        ("..a.wav", False),
        ("...", False),
        ("..", True),
        ("../a.wav", True),
        ("a/../../b.wav", True),
        ("/a.wav", True),
    ],
)
def test_leads_out(file: str, out: bool) -> None:
    assert leads_out(file) is out


def test_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def at(path: Path, kind: str) -> None:
    """Something at a path that is no regular file."""
    match kind:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(path.with_name("target"))
            path.with_name("target").write_text("of the link")
        case "dangling link":
            path.symlink_to(path.with_name("nothing"))
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as one:
                one.bind(str(path))


@pytest.mark.parametrize("kind", ["folder", "link", "dangling link", "pipe", "socket"])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "out.csv"
    at(path, kind)
    before = path.lstat()
    with pytest.raises(InputError, match=f"{path}: a .*Name a new file"):
        write_text(path, "text")
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    if kind == "link":
        assert path.read_text() == "of the link"
    assert not list(tmp_path.glob("*.part"))


def test_a_device_is_not_replaced() -> None:
    before = Path("/dev/null").stat().st_mode
    with pytest.raises(InputError, match="/dev/null: a device"):
        write_text("/dev/null", "text")
    assert Path("/dev/null").stat().st_mode == before


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int, mode: int) -> None:
    """A library may have made the file for its owner alone, as safetensors does."""
    before = os.umask(umask)
    try:
        with complete(tmp_path / "model.safetensors") as path:
            save_file({"a": np.zeros(1)}, path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.safetensors").stat().st_mode) == mode


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path: Path) -> None:
    write_text(tmp_path / ("x" * 255), "text")
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 255]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.ENOTDIR, "is a file"),
        (errno.EACCES, "permissions"),
    ],
)
def test_errors_of_the_system_are_messages(number: int, advice: str) -> None:
    own = OSError(number, os.strerror(number), "results/x.csv")
    for error in (own, ValueError(f"IO error: bad (os error {number})")):
        found = system_error(error)
        assert found and os.strerror(number) in str(found) and advice in str(found)
    wrapped = RuntimeError("of a library")
    wrapped.__cause__ = own
    assert "results/x.csv" in str(system_error(wrapped))


def test_other_errors_are_none_of_the_systems() -> None:
    for error in (ValueError("no"), FileNotFoundError(errno.ENOENT, "x"), KeyError("os error 28")):
        assert system_error(error) is None
    assert isinstance(damaged("a b.csv", "cut"), InputError)
    assert "snakemake --force 'a b.csv'" in str(damaged("a b.csv", "cut"))
