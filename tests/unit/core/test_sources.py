"""What is found in a file is kept as long as the file is the same, if JSON can hold it.

That it is kept for other processes: ``test_provenance.py``.
"""

from pathlib import Path
from typing import Any

import pytest

from fairser.core.sources import SourceReader


@pytest.mark.parametrize(
    ("found", "times"),
    [(["a", {"b": [1, 2.5, None, True]}], 1), (("a", "b"), 2), ({1: "a"}, 2), ({"a"}, 2)],
    ids=["as it is", "tuple", "number as key", "set"],
)
def test_a_file_is_read_once(found: Any, times: int, tmp_path: Path) -> None:
    read = []

    def look(file: Path) -> Any:
        read.append(file.read_text())
        return found

    reader = SourceReader("looks", look)
    file = tmp_path / "a.py"
    file.write_text("a = 1\n")
    assert reader(file, tmp_path) == reader(file, tmp_path) == found
    assert read == ["a = 1\n"] * times
    file.write_text("a = 10\n")
    assert reader(file, tmp_path) == found
    assert read[times:] == ["a = 10\n"]


def test_a_fault_is_told_each_time(tmp_path: Path) -> None:
    def look(file: Path) -> Any:
        raise ValueError(file.name)

    reader, file = SourceReader("looks", look), tmp_path / "a.py"
    file.touch()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"a\.py"):
            reader(file, tmp_path)
