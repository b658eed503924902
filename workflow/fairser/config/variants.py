"""Names of the variants of a method in a sweep, such as ``jtt+epochs=3+weight=20``.

A name says all that differs from the method, so that it needs no table: results of other
configurations can be read by it. It is a part of paths, so that values are numbers, truth values,
null, or texts of letters, digits and ``._-``. A value has one spelling: ``20``, never ``20.0``.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

SPELLED = re.compile(r"[A-Za-z0-9._-]+")
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
LONGEST = 200  # letters of a name, which is that of a folder


def variant_name(method: str, settings: Mapping[str, Any]) -> str:
    """The name of a method with these settings, in their order."""
    return "+".join([method, *(f"{name}={spelled(value)}" for name, value in settings.items())])


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """The method of a name, and its settings as they are spelled; none for the method itself.

    Raises:
        ValueError: it is no name of a variant.
    """
    method, *parts = name.split("+")
    settings = dict(part.split("=") for part in parts)
    if len(settings) != len(parts):
        raise ValueError("a setting is there twice")
    return method, settings


def spelled(value: Any) -> str:
    """A value in a name."""
    if value is None or isinstance(value, bool):
        return next(word for word, known in WORDS.items() if known is value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def meant(text: str, setting: Mapping[str, Any]) -> Any:
    """The value of a setting that is spelled like this.

    Args:
        text: as it is in the name.
        setting: what is declared of it, a property of a JSON schema.

    Raises:
        ValueError: no value of this setting is.
    """
    values = setting.get("enum") or _values(text, scalar_types(setting))
    found = [value for value in values if spelled(value) == text and SPELLED.fullmatch(text)]
    if len(found) != 1:
        raise ValueError(f"{text!r} is {len(found)} values")
    return found[0]


def _values(text: str, types: list[str]) -> list[Any]:
    """What a text can mean; a number is float where the type allows it."""
    if text in WORDS:
        name = "null" if text == "null" else "boolean"
        return [WORDS[text]] if name in types else []
    for name, convert in (("number", float), ("integer", int)):
        if name in types:
            try:
                value = convert(text)
            except ValueError:
                continue
            return [value] if isfinite(value) else []
    return [text] if "string" in types else []


def scalar_types(setting: Mapping[str, Any]) -> list[str]:
    """Types of a setting that a sweep can go through; none for a list or a group of keys."""
    given = setting.get("type", [])
    types = [given] if isinstance(given, str) else list(given)
    return [] if {"array", "object"} & set(types) else types


def is_swept(setting: Mapping[str, Any]) -> bool:
    """Whether a sweep can go through the values of a setting."""
    return "enum" in setting or bool(scalar_types(setting))
