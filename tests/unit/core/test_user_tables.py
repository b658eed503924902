"""Tables of the user: each that is no csv in UTF-8 is refused with its file and row."""

import codecs
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.core.table_files import read_csv, read_parts, read_user_parquet


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", ("empty",)),
        (b"\n\n", ("empty",)),
        (codecs.BOM_UTF8, ("empty",)),
        (b"a,b\n", ("no rows below its header",)),
        (b"a,b\n1,2\n1,2,3\n1,2\n", (", row 3:", "3 values", "2 columns")),
        (b'a,b\n"1\n1",2\n1,2,\n', (", row 3:", "3 values")),
        (b"gender,b,gender\n1,2,3\n", (", row 1:", "2 columns 'gender'")),
        (b"\n\ngender,gender\n1,2\n", (", row 1:", "'gender'")),
        (b"a;b\n1;2\n", (", row 1:", "semicolons")),
        (b"a,b\n1,\x00\n", (", row 2:", "UTF-16")),
        ("a,b\n1,2\n".encode("utf-16"), ("UTF-16", "CSV UTF-8")),
        (codecs.BOM_UTF16_BE + "a,b\n1,2\n".encode("utf-16-be"), ("UTF-16",)),
        ("a,b\n1,2\n".encode("utf-16-le"), (", row 1:", "UTF-16")),
        ("a,b\n1,2\né,2\n".encode("latin-1"), (", row 3:", "UTF-8", "Latin-1")),
        (b"a,b\r1,2\r", ("old Macs",)),
        (b"row,row of the file\n1,2\n", (", row 1:", "'row of the file'")),
        (b'a,b\n"1,2\n', ("quotes",)),
    ],
)
def test_what_is_no_csv(tmp_path: Path, content: bytes, told: tuple[str, ...]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_csv(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert [text for text in told if text not in message] == [], message


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", [("1", "2", "row 2")]),
        (b"a,b\r\n1,2\r\n,x\r\n", [("1", "2", "row 2"), ("", "x", "row 3")]),
        (b'a,b\n"1\n1",2', [("1\n1", "2", "row 2")]),
        (b"row,b\n1,2\n", [("1", "2", "row 2")]),
        (b"a,,\n1,,\n", [("1", "", "", "row 2")]),  # a spreadsheet's columns without a name
    ],
)
def test_what_is_one(tmp_path: Path, content: bytes, rows: list[tuple[str, ...]]) -> None:
    path = tmp_path / "a[1].csv"
    path.write_bytes(content)
    (tmp_path / "a1.csv").write_text("a,b\nother,file\n")  # as the name read as a pattern
    wanted = [(*values[:-1], f"{path}, {values[-1]}") for values in rows]
    assert read_csv(path).rows() == wanted


def test_columns_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {
        "text": ["a", None],
        "number": [1.5, None],
        "day": [date(2024, 2, 29), None],
        "list": [[1], []],
        "struct": [{"a": 1}, {"a": 2}],
        "bytes": [b"x", b"y"],
        "span": [timedelta(1), None],
        "row": [3, 4],
    }
    pl.DataFrame(columns).write_parquet(path)
    assert read_user_parquet(path).to_dicts() == [
        {"text": "a", "number": 1.5, "day": "2024-02-29", "row of the file": 3}
        | {"row": f"{path}, row 1"},
        {"text": None, "number": None, "day": None, "row of the file": 4}
        | {"row": f"{path}, row 2"},
    ]


@pytest.mark.parametrize("keep", [0, 4, 100, -1, -9])
def test_damaged_parquet(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": ["x"] * 100}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.parquet: not readable as parquet"):
        read_user_parquet(path)


def test_between_tabs_a_quote_is_a_letter(tmp_path: Path) -> None:
    """As in the files of Common Voice, whose sentences have quotes; others enclose whole values."""
    path = tmp_path / "a.tsv"
    path.write_text('path\t"the sentence"\n1.mp3\t"Open\n2.mp3\t"a ""b"", c"\n3.mp3\tsays "no"\n')
    frame = read_csv(path)
    assert frame["path"].to_list() == ["1.mp3", "2.mp3", "3.mp3"]
    assert frame["the sentence"].to_list() == ['"Open', 'a "b", c', 'says "no"']
    assert frame["row"][2] == f"{path}, row 4"
    path.write_text('a\tb\n1\t"x\ty"\n')
    with pytest.raises(InputError, match="row 2: 3 values"):
        read_csv(path)


def test_parts_of_a_large_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row comes once and in order, in parts whose size follows from that of the rows."""
    monkeypatch.setattr("fairser.core.table_files.PART", 1000)
    frame = pl.DataFrame({"n": range(103), "content": [b"x" * 100] * 103})
    path = tmp_path / "[1].parquet"
    frame.write_parquet(path, row_group_size=10)
    parts = list(read_parts(path))
    assert pl.concat(parts).equals(frame)
    assert parts[0].height == 16
    assert {part.height for part in parts[1:-1]} <= {7, 8, 9, 10}
    assert list(read_parts(_empty(tmp_path))) == []
    (tmp_path / "no.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"no.parquet: not readable as parquet"):
        list(read_parts(tmp_path / "no.parquet"))


def _empty(folder: Path) -> Path:
    path = folder / "empty.parquet"
    pl.DataFrame({"n": []}).write_parquet(path)
    return path
