"""Tables that are read: the file that was named and no other, whole or with an error."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.core.table_files import read_csv, read_made, read_metadata, read_parquet

FRAME = pl.DataFrame({"clip": ["007", "a"], "value": [1.5, None]})


@pytest.mark.parametrize("name", ["clips[1]", "clips*", "clips?", "{clips}"])
def test_a_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    """The file beside it is the one that polars would read."""
    for stem, frame in ((name, FRAME), ("clips1", FRAME.reverse())):
        frame.write_csv(tmp_path / f"{stem}.csv")
        frame.write_parquet(tmp_path / f"{stem}.parquet", metadata={"task": stem})
    assert read_csv(tmp_path / f"{name}.csv")["clip"].to_list() == ["007", "a"]
    assert read_made(tmp_path / f"{name}.csv", text=["clip"]).equals(FRAME)
    assert read_parquet(tmp_path / f"{name}.parquet").equals(FRAME)
    assert read_parquet(tmp_path / f"{name}.parquet", ["value"]).equals(FRAME.select("value"))
    assert read_metadata(tmp_path / f"{name}.parquet")["task"] == name


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def turned(content: bytes) -> bytes:
    """The same number of bytes, with others at the end, where parquet has its index."""
    return content[:-20] + bytes(255 - byte for byte in content[-20:-8]) + content[-8:]


@pytest.mark.parametrize("harm", [cut, turned, lambda _: b"", lambda _: b"\0" * 100])
def test_a_damaged_parquet_is_named(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "a file.parquet"
    FRAME.write_parquet(path)
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(InputError, match=f"{path}: damaged .*--force '{path}'"):
        read_made(path)


@pytest.mark.parametrize("content", ["", "clip,value\n007,1.5\na,", "clip,value\na,1,2\n"])
def test_a_damaged_csv_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=f"{path}: damaged .*--force {path}"):
        read_made(path)


def test_columns_that_are_missing(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "faults.csv")
    with pytest.raises(InputError, match=r"damaged \(no column reason"):
        read_made(tmp_path / "faults.csv", text=["clip", "reason"])
    assert read_made(tmp_path / "faults.csv", ["value"]).columns == ["clip", "value"]
