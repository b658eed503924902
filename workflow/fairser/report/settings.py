"""The keys of a configuration beside their defaults."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fairser.config.configuration import resolve
from fairser.config.folds import corpus_folds
from fairser.config.schema import Config, load_schema
from fairser.core.errors import InputError


@dataclass(frozen=True)
class Key:
    """A key of the configuration with its value, and its default and description in the schema."""

    name: str
    value: Any
    default: Any
    description: str
    changed: bool


def keys(config: Config) -> list[Key]:
    """Every key of a resolved configuration, in the order of the schema.

    A path that the workflow derives from a ``kind`` counts as unchanged, as all folds do.
    """
    return list(_keys(config, _derived(config), load_schema(), ""))


def said(value: Any) -> str:
    """A value as text: a text as it is, a simple list separated by commas, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)


def _keys(values: Config, derived: Config, schema: Config, prefix: str) -> Iterator[Key]:
    # Such as languages that only the user has.
    own = {n: schema["additionalProperties"] for n in values if n not in schema["properties"]}
    for name, part in (schema["properties"] | own).items():
        if name not in values:  # a run of an older version recorded this configuration
            continue
        value, key = values[name], f"{prefix}{name}"
        if "properties" in part:
            yield from _keys(value, derived[name], part, f"{key}.")
            continue
        default = part.get("default")
        filled = derived.get(name) if default is None else default
        yield Key(key, value, default, part["description"], value not in (default, filled))


def _derived(config: Config) -> Config:
    """The configuration of the same kinds of corpora and all folds, with defaults otherwise."""
    kinds = {"corpus": {"kind": config["corpus"]["kind"]}}
    try:
        found = resolve({**kinds, "llm": {"corpus": {"kind": config["llm"]["corpus"]["kind"]}}})
    except InputError:  # this kind needs paths from the user, so that none is derived
        found = resolve({})
    with suppress(InputError, OSError):  # files that are no longer there
        found["grid"]["folds"] = corpus_folds(config)
    return found
