"""Files appear under their name only when they are complete."""

import hashlib
from pathlib import Path

import pytest

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
