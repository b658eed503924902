"""Methods by name, and their options against the configuration's schema."""

from dataclasses import asdict, fields
from typing import get_args, get_type_hints

import pytest

from fairser.config.configuration import resolve
from fairser.config.schema import load_schema
from fairser.methods.base import Method, NoOptions, find_method
from fairser.results.tables import DEBIASING, NAMES, TABLE2_METHODS

SCHEMA = load_schema()["properties"]
GRID = SCHEMA["grid"]["properties"]["methods"]
WITH_OPTIONS = SCHEMA["methods"]["properties"]


@pytest.mark.parametrize("name", GRID["items"]["enum"])
def test_every_method_of_the_grid_exists_and_its_options_are_those_of_the_schema(name: str) -> None:
    kind = find_method(name)
    assert issubclass(kind, Method)
    section = WITH_OPTIONS.get(name, {"properties": {}})["properties"]
    assert {field.name for field in fields(kind.Options)} == set(section)
    assert asdict(kind.Options()) == {key: part["default"] for key, part in section.items()}
    assert (kind.Options is NoOptions) == (name not in WITH_OPTIONS)
    hints = get_type_hints(kind.Options)
    for key, part in section.items():
        if "enum" in part:
            assert list(get_args(hints[key])) == part["enum"]


def test_resolved_options_can_be_given_to_the_method() -> None:
    resolved = resolve({"corpus": {"kind": "demo"}, "methods": {"gadro": {"eta": "1e-1"}}})
    options = find_method("gadro").Options(**resolved["methods"]["gadro"])
    assert (options.eta, options.adjustment, options.groups) == (0.1, 4.0, "attribute")


def test_lists_of_methods_agree() -> None:
    names = set(GRID["items"]["enum"])
    assert names == set(GRID["x-sources"]) == set(NAMES)
    assert names - set(GRID["default"]) == {"minmaxgap"}  # of the other paper
    assert set(WITH_OPTIONS) < names
    assert set(TABLE2_METHODS) == set(DEBIASING)
    assert all("kmeans" in GRID["x-sources"][name] for name in DEBIASING)


def test_an_unknown_method_has_no_module() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"fairser\.methods\.irm"):
        find_method("irm")
