"""Records with checksums: what they hold comes back, and every change is noticed."""

import hashlib
import json
from pathlib import Path

import pytest

from fairser.core.checksums import check_files, read_record, write_record
from fairser.core.errors import InputError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A record of two files."""
    (tmp_path / "model").write_bytes(b"weights")
    (tmp_path / "counts").write_bytes(b"1 2 3")
    path = tmp_path / "run.json"
    write_record(path, {"f1": 0.1 + 0.2, "classes": ["ä"]}, [tmp_path / "model"])
    write_record(path, read_record(path), [tmp_path / "counts"])
    return path


def test_the_record_and_digests_of_all_files(run: Path) -> None:
    record = read_record(run)
    assert (record["f1"], record["classes"]) == (0.1 + 0.2, ["ä"])
    digest = hashlib.sha256(b"weights").hexdigest()
    assert record["sha256"]["files"]["model"] == digest
    assert list(record["sha256"]["files"]) == ["model", "counts"]
    check_files(run, record)


@pytest.mark.parametrize("name", ["model", "counts"])
@pytest.mark.parametrize("content", [b"", b"weight5", None])
def test_a_file_that_has_changed(run: Path, name: str, content: bytes | None) -> None:
    other = "counts" if name == "model" else "model"
    file = run.with_name(name)
    file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(InputError, match=name):
        check_files(run, read_record(run))
    with pytest.raises(InputError, match=name):
        check_files(run, read_record(run), [name])
    check_files(run, read_record(run), [other])


def test_a_file_that_the_record_does_not_have(run: Path) -> None:
    with pytest.raises(InputError, match="no checksum of history"):
        check_files(run, read_record(run), ["history"])


@pytest.mark.parametrize(
    "change",
    [
        {"f1": 0.3},
        {"f1": None},
        {"more": 1},
        {"sha256": {"files": {}, "record": "0"}},
        {"sha256": {"files": 7, "record": "0"}},
        {"sha256": None},
    ],
)
def test_a_record_that_has_changed(run: Path, change: dict) -> None:
    run.write_text(json.dumps(json.loads(run.read_text()) | change))
    with pytest.raises(InputError, match=f"{run}: damaged"):
        read_record(run)


@pytest.mark.parametrize("content", ["", "[]", '{"f1": 0.5', "{}", "null", "\0"])
def test_what_is_no_record(run: Path, content: str) -> None:
    run.write_text(content)
    with pytest.raises(InputError, match=f"{run}: damaged"):
        read_record(run)
