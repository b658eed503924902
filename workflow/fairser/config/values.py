"""Values that no key of the configuration can have, and how a value is shown in a message."""

import math
from collections.abc import Iterator
from datetime import date
from typing import Any

LARGEST = 10**9  # of a number, in both directions, where the schema says nothing else
BITS = 128  # of a whole number; Python can't even print the largest that YAML can hold
DEPTH = 20  # of groups and lists in each other; a value that holds itself has no end
SHOWN = 100  # characters of a value
RESERVED = set("{}\n\t")  # wildcards of Snakemake, and what ends a cell or a line
PROMPTS = "llm.prompts."  # the texts that may have them


def unusable(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """A line for each part of a configuration that is of no use to any key.

    Args:
        value: a configuration, or a part of it.
        key: where this part is, such as ``train.epochs``.
        depth: how many groups and lists it is in.
    """
    name = f"'{key}'" if key else "the configuration"
    if depth > DEPTH:
        yield f"{name} is nested more than {DEPTH} deep, or holds itself."
    elif isinstance(value, dict):
        for part, below in value.items():
            if isinstance(part, str) and is_text(part):
                yield from unusable(below, f"{key}.{part}" if key else part, depth + 1)
            else:
                yield f"{name} has the key {shown(part)}; keys are texts."
    elif isinstance(value, list):
        for below in value:
            yield from unusable(below, key, depth + 1)
    elif isinstance(value, str):
        if not is_text(value):
            yield f"{name} is {shown(value)}, with characters that no text has."
        elif (taken := RESERVED & set(value)) and not key.startswith(PROMPTS):
            yield (
                f"{name} is {shown(value)}, but {shown(min(taken))} has a meaning in the paths and "
                "tables of the workflow. Choose a name without it."
            )
    elif isinstance(value, date):  # datetimes too
        yield f"{name} is read as the date {value}. Put it in quotes."
    elif isinstance(value, int):
        if value.bit_length() > BITS:
            yield f"{name} is {shown(value)}, which is too large a number."
    elif not (value is None or isinstance(value, float)):
        yield f"{name} is {shown(value)}, which is neither a text nor a number, list or group."


def is_text(text: str) -> bool:
    """Whether a text has only characters that a file of UTF-8 and the name of a file can have."""
    return not any(
        (char < " " and char not in "\t\n") or "\ud800" <= char <= "\udfff" for char in text
    )


def is_integer(_: object, value: object) -> bool:
    """Whether JSON schema's ``integer`` fits: 32.0 would end up in the names of folders."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(_: object, value: object) -> bool:
    """Whether JSON schema's ``number`` fits: finite, and no truth value."""
    return is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


def is_choice(value: object, choices: list[Any]) -> bool:
    """Whether a value is one of some choices; 1.0 and True are not 1."""
    return any(type(value) is type(choice) and value == choice for choice in choices)


def bounded(part: Any) -> Any:
    """A part of a schema in which each number has a minimum and a maximum."""
    if isinstance(part, list):
        return [bounded(item) for item in part]
    if not isinstance(part, dict):
        return part
    data = ("default", "enum", "const")  # values, not schemas
    found = {k: value if k in data else bounded(value) for k, value in part.items()}
    kinds = found.get("type")
    if {"integer", "number"} & set([kinds] if isinstance(kinds, str) else kinds or []):
        for end, other, bound in (
            ("minimum", "exclusiveMinimum", -LARGEST),
            ("maximum", "exclusiveMaximum", LARGEST),
        ):
            if not {end, other} & set(found):
                found[end] = bound
    return found


def shown(value: Any) -> str:
    """A value in a message, cut if it is long."""
    try:
        text = repr(value)
    except ValueError:  # of more digits than Python prints
        return "a number of thousands of digits"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
