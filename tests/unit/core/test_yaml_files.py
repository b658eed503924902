"""YAML that would be read wrongly, or without end, is refused with file and row."""

import ast
from pathlib import Path

import pytest

import fairser
from fairser.core.errors import InputError
from fairser.core.yaml_files import read_mapping

PACKAGE = Path(fairser.__file__).parent
LINES = "a: 1\nb: 2\n"
BOMB = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
)


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(folder: Path, content: str | bytes) -> str:
    path = write(folder, content)
    with pytest.raises(InputError) as caught:
        read_mapping(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "key", "rows"),
    [
        ("train: {epochs: 3}\nbias: {}\ntrain: {epochs: 4}\n", "train", (1, 3)),
        ("train:\n  epochs: 3\n  epochs: 3\n", "epochs", (2, 3)),
        ("'a': 1\n\n\"a\": 1\n", "a", (1, 3)),
        ("a:\n- b: 1\n  c: 2\n  b: 3\n", "b", (2, 4)),
        ("1: a\n0x1: b\n", "0x1", (1, 2)),
        ("x: &x {y: 1}\na:\n  <<: *x\n  <<: *x\n", "<<", (3, 4)),
        ('{"train": 1,\n "train": 2}', "train", (1, 2)),
    ],
)
def test_a_key_that_is_there_twice(
    tmp_path: Path, content: str, key: str, rows: tuple[int, int]
) -> None:
    text = told(tmp_path, content)
    assert f"the key '{key}' is in line {rows[0]} and again in line {rows[1]}" in text


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (LINES.encode() + b"# caf\xe9\n", ", line 3: the byte 0xe9 is not UTF-8"),
        (LINES.encode("utf-16"), ": text in UTF-16"),
        (LINES.encode("utf-16-be"), ", line 1: a byte 0"),
        (LINES + "c: x\0\n", ", line 3: a byte 0"),
        (LINES + "c: x\x07\n", "not readable as YAML"),
        (LINES + "c: &c\n- *c\n", ", line 3: an anchor (&) that holds itself"),
        (LINES + "c: &c\n  d: {e: *c}\n", "an anchor (&) that holds itself"),
        (LINES + "c: [1\n", "not readable as YAML"),
        (LINES + "c: *nothing\n", ", line 3: not readable as YAML"),
        (LINES + "---\nc: 1\n", ", line 3: not readable as YAML"),
        (LINES + "c: !!python/name:os.system\n", ", line 3: not readable as YAML"),
        (LINES + "c: 2026-13-45\n", ", line 3: not readable as YAML (month must be"),
        (LINES + f"c: {'1' * 5000}\n", ", line 3: not readable as YAML"),
        (LINES + "? [a]\n: 1\n", "not readable as YAML"),
        (LINES + "c: " + "[" * 100_000, ", line 3: not readable as YAML (nested more than 100"),
        ("c: " + "[" * 5000 + "]" * 5000, "nested more than 100 deep"),
        ("c: " + "{a: " * 5000 + "}" * 5000, "nested more than 100 deep"),
        ("- a\n", ": not a mapping of keys to values, but"),
        ("text", ": not a mapping of keys to values, but"),
        (BOMB, ": its anchors stand for more than 1,000,000 values"),
    ],
)
def test_what_is_no_mapping_in_yaml(tmp_path: Path, content: str | bytes, part: str) -> None:
    assert part in told(tmp_path, content)


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "\n\n", "---\n# a\n"])
def test_an_empty_file_is_an_empty_mapping(tmp_path: Path, content: str) -> None:
    assert read_mapping(write(tmp_path, content)) == {}


def test_what_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.yaml", tmp_path):
        with pytest.raises(InputError, match="Name a file in YAML"):
            read_mapping(path)


def test_anchors_and_keys_that_replace_merged_ones(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  x: 3\nc:\n  <<: *b\n  y: 4\nd: [*a, *a]\n"
    content = read_mapping(write(tmp_path, "\ufeff" + text))
    assert content["b"] == {"x": 3, "y": 2}
    assert content["c"] == {"x": 3, "y": 4}
    assert content["d"] == [content["a"], content["a"]]


def test_no_other_module_reads_yaml() -> None:
    """But for the file of a model that has tags of its own."""
    readers = {"load", "safe_load", "load_all", "safe_load_all", "full_load", "unsafe_load"}
    found = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr in readers) == ("yaml", True)
    }
    assert found == {"encoders/ecapa.py"}
