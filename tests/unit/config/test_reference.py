"""The configuration reference holds what the schema holds."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from fairser.config.reference import PAGE, page, values
from fairser.config.schema import load_schema


def leaves(part: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Path and schema of every key that has a value."""
    if "properties" not in part:
        yield ".".join(path), part
    for name, below in part.get("properties", {}).items():
        yield from leaves(below, (*path, name))


KEYS = dict(leaves(load_schema()))


def rows() -> dict[str, list[str]]:
    """Cells of the tables' rows by key."""
    pattern = r"^\| (?:<a id=\"[^\"]*\"></a>)?`([a-z0-9_.]+)` +\| (.*) \|$"
    lines = re.findall(pattern, page(), re.M)
    found = [(key, [cell.strip() for cell in cells.split(" | ")]) for key, cells in lines]
    return {key: cells for key, cells in found if key in KEYS and len(cells) == 3}


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/config_reference.py"


def test_every_key_has_a_row_with_its_description_and_default() -> None:
    found = rows()
    assert set(found) == set(KEYS)
    assert len(found) > 100
    for path, (_, default, meaning) in found.items():
        assert meaning == " ".join(KEYS[path]["description"].split())
        written, expected = default.strip("`"), KEYS[path]["default"]
        assert (written if isinstance(expected, str) else yaml.safe_load(written)) == expected


def test_every_key_and_every_choice_can_be_found() -> None:
    text = page()
    for path, key in KEYS.items():
        anchor = f'<a id="{path}"></a>' if "." in path else f"## `{path}`"
        assert text.count(anchor) == 1
        assert all(f"`{c}`" in rows()[path][0] for c in key.get("enum", []) if c is not None)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("corpus.kind", "`cremad`, `emosuperb`, `msp_podcast`, `manifest`, `audformat`, `demo`"),
        ("corpus.classes", "list of 2 or more: text; or null"),
        ("encoder.standardise", "true or false; or null"),
        ("encoder.finetune", "`lora`, `null`"),
        ("extraction.failures", "number, at least 0, at most 1"),
        ("train.clip_norm", "number, more than 0; or null"),
        ("grid.k", "list of 1 or more: whole number, at least 2, at most 10000"),
        ("llm.grid.languages", "list of 1 or more: list of 1 or more: text"),
    ],
)
def test_values_in_words(path: str, words: str) -> None:
    assert values(KEYS[path]) == words
