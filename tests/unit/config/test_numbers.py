"""Numbers of the configuration have bounds, and no value of any key ends in a traceback."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from fairser.commands.base import LARGEST_SEED, RESAMPLES
from fairser.config.configuration import check_folder, check_inputs, resolve
from fairser.config.extensions import FOLDERS
from fairser.config.reference import values
from fairser.config.schema import load_schema
from fairser.core.errors import InputError
from workflow.runner import ROOT

NUMERIC = {"integer", "number"}
SECONDS = 5  # of the search for values that end in another error
LIMITS = ("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")


def parts(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Path and schema of every key, and of the entries of those that are lists."""
    yield ".".join(path), schema
    for name, below in schema.get("properties", {}).items():
        yield from parts(below, (*path, name))
    if "items" in schema:
        yield from parts(schema["items"], (*path, "items"))


def is_numeric(part: dict[str, Any]) -> bool:
    types = part.get("type", [])
    return bool(NUMERIC & set([types] if isinstance(types, str) else types))


def nested(path: str, value: Any) -> dict[str, Any]:
    """A configuration with one value, at a path such as ``train.epochs`` or ``grid.k.items``."""
    names = path.split(".")
    made = [value] if names[-1] == "items" else value
    for name in reversed([name for name in names if name != "items"]):
        made = {name: made}
    return made


def found(path: str, value: Any) -> str:
    """What is said about a value; empty if it is allowed."""
    try:
        resolve(nested(path, value))
    except InputError as error:
        return str(error)
    return ""


NUMBERS = {path: part for path, part in parts(load_schema()) if is_numeric(part)}
PATHS = [path for path, _ in parts(load_schema()) if path]


def test_every_number_has_finite_bounds() -> None:
    assert len(NUMBERS) > 60
    assert {"methods.disent.swap_start", "grid.k.items", "tables.table1_k"} <= set(NUMBERS)
    for path, part in NUMBERS.items():
        for ends in LIMITS:
            (bound,) = [part[end] for end in ends if end in part]
            assert math.isfinite(bound), path


@pytest.mark.parametrize("path", NUMBERS)
def test_what_is_no_number_is_refused_by_name(path: str) -> None:
    whole = "integer" in NUMBERS[path]["type"]
    key = path.removesuffix(".items")
    hostile = [math.nan, math.inf, -math.inf, True, 10**30, -(10**30), 1e30, "1" * 23, "nan", {}]
    for value in hostile + ([32.0, 2.5, "32.0"] if whole else []):
        assert f"'{key}' is " in found(path, value), value


@pytest.mark.parametrize("path", ["bias.seed", "grid.seeds.items", "statistics.seed"])
def test_seeds_end_where_those_of_scikit_learn_end(path: str) -> None:
    assert found(path, 2**32 - 1) == ""
    assert f"it must be at most {2**32 - 1}" in found(path, 2**32)
    assert f"it must be at most {2**32 - 1}" in found(path, 2**64)


def test_commands_have_the_bounds_of_the_configuration() -> None:
    assert NUMBERS["statistics.seed"]["maximum"] == LARGEST_SEED
    resamples = NUMBERS["statistics.resamples"]
    assert (resamples["minimum"], resamples["maximum"]) == RESAMPLES


def test_a_choice_that_is_a_number_is_whole_too() -> None:
    assert found("llm.grid.p", [2, 1]) == ""
    assert "'llm.grid.p' is 2.0; allowed: 1, 2" in found("llm.grid.p", [2.0])
    assert "'llm.grid.p' is True" in found("llm.grid.p", [True])


def test_a_truth_value_that_is_none_is_named() -> None:
    said = found("llm.train.checkpointing", 5)
    assert "'llm.train.checkpointing' is 5; it must be true or false" in said


def test_the_settings_of_a_plugin_get_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDERS, "")
    setting = {"type": "number", "default": 1, "description": "Made up."}
    text = f'"""Made up."""\n\nMETHOD = {{"settings": {{"size": {setting}}}}}\n'
    (tmp_path / "own.py").write_text(text)
    config = {"plugins": [str(tmp_path)], "methods": {"own": {"size": math.inf}}}
    for value in (math.inf, 10**10, -(10**10)):
        config["methods"]["own"]["size"] = value
        with pytest.raises(InputError, match=r"'methods\.own\.size' is "):
            resolve(config)
    config["methods"]["own"]["size"] = -3
    assert resolve(config)["methods"]["own"] == {"size": -3, "selection": "loss"}
    assert values(load_schema()["properties"]["methods"]["properties"]["own"]["properties"]["size"])


def circle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


# What YAML can hold, and what no key expects.
HOSTILE: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 2.0, 0.5, math.nan, math.inf, -math.inf, 1e308, 5e-324),
    *(10**30, -(10**30), 2**32, 2**63, 2**64, 16**5000, -0.0, "", " ", "nan", "inf", "1e999"),
    *("9" * 23, "9" * 5000, "0x10", "1_0", "{x}", "[", "*", "a" * 300, "a/" * 3000, "\0", "\ud800"),
    *("\n", "~", "/dev/null", "/dev/null/x", "..", "$\\foo$", "null", [], {}, [[]], [{}], [None]),
    *([1, 1.0], [True, 1], [math.nan, math.nan], {"a": 1}, {1: 2}, {None: 3}, {"\0": 1}, circle()),
    *([16**5000], {"x": circle()}, {(1, 2): 3}, b"a", {1, 2}, [{"a": [2.0]}], ["a", 1, None, 2.5]),
    *(yaml.safe_load("[2026-01-01, 2026-01-01 10:00:00, !!binary aGk=, !!set {a}, 1:30, 0b1]")),
]


def test_no_value_of_any_key_ends_in_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDERS, "")
    draw = Random(0)
    cases = [(path, value) for path in PATHS for value in HOSTILE]
    draw.shuffle(cases)
    end, seen = time.monotonic() + SECONDS, {"resolved": 0, "refused": 0}
    for path, value in cases:
        if time.monotonic() > end and min(seen.values()) > 50:
            break
        given = nested(path, value) | ({"plugins": []} if draw.random() < 0.5 else {})
        try:
            config = resolve(given)
            for key in ("results", "features"):
                check_folder(key, config[key])
            check_inputs(config)
            seen["resolved"] += 1
        except InputError as error:
            assert str(error).isprintable() or "\n" in str(error)
            seen["refused"] += 1
    assert min(seen.values()) > 50, seen


def test_the_configuration_of_the_paper_is_within_all_bounds() -> None:
    resolve(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
