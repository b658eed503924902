"""Files that have changed since they were read."""

import os
from pathlib import Path

import pytest

from fairser.audio.stamps import GONE, changed, digest, stamps

FILES = [f"{number}.wav" for number in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, file in enumerate(FILES):
        (tmp_path / file).write_bytes(b"x" * number)
        os.utime(tmp_path / file, ns=(0, 10**18 + number))
    return tmp_path


def test_size_and_time_of_each_file(folder: Path) -> None:
    assert stamps(folder, FILES) == [(number, 10**18 + number) for number in range(5)]
    assert stamps(folder, ["none.wav", FILES[2], "0.wav/x"]) == [GONE, (2, 10**18 + 2), GONE]
    assert stamps(folder, []) == []


def test_many_files_keep_their_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = stamps(folder, FILES) * 100
    monkeypatch.setattr("fairser.audio.stamps.PART", 3)
    assert stamps(folder, FILES * 100) == expected


def test_another_size_or_time_is_a_change(folder: Path) -> None:
    before = stamps(folder, FILES)
    assert changed(folder, FILES, before) == []
    (folder / "1.wav").write_bytes(b"xx")
    os.utime(folder / "1.wav", ns=(0, 10**18 + 1))
    os.utime(folder / "2.wav", ns=(0, 10**18 + 3))
    (folder / "3.wav").unlink()  # put away, perhaps; nothing can be made of it
    assert changed(folder, FILES, before) == ["1.wav", "2.wav"]
    assert changed(folder, ["3.wav"], [GONE]) == []
    (folder / "3.wav").write_bytes(b"new")
    assert changed(folder, ["3.wav"], [GONE]) == ["3.wav"]


def test_the_digest_is_of_all_files_in_any_order(folder: Path) -> None:
    before = digest(folder, FILES)
    assert digest(folder, FILES[::-1]) == before != digest(folder, FILES[1:])
    os.utime(folder / "2.wav", ns=(0, 10**18 + 3))
    assert digest(folder, FILES) != before


def test_the_other_name_of_a_clip_of_crema_d(folder: Path) -> None:
    (folder / "1040_ITH_SAD_X.wav").write_bytes(b"abc")
    ((size, _),) = stamps(folder, ["1040_ITH_SAD_XX.wav"])
    assert size == 3
