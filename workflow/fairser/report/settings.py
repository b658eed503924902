"""The keys of a configuration beside their defaults."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fairser.config.configuration import resolve
from fairser.config.schema import Config, load_schema
from fairser.core.errors import InputError
from fairser.report.pages import Cell, Column, Mark, Page, Row, text

CHANGED = Mark("●", "better", "differs from the default")


@dataclass(frozen=True)
class Key:
    """A key of the configuration: its value, its default, and what the schema says of it."""

    name: str
    value: Any
    default: Any
    description: str
    changed: bool


def keys(config: Config) -> list[Key]:
    """Every key of a resolved configuration, in the order of the schema.

    A path that the workflow fills in because of a ``kind`` counts as unchanged.
    """
    return list(_keys(config, _untouched(config), load_schema(), ""))


def changes(config: Config) -> list[Key]:
    """The keys of a resolved configuration that differ from their defaults."""
    return [key for key in keys(config) if key.changed]


def said(value: Any) -> str:
    """A value as text: texts and numbers as they are, lists of them with commas, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)


def configuration_page(config: Config, files: list[str]) -> Page:
    """The whole configuration; what differs from the default is marked.

    Args:
        config: the resolved configuration.
        files: that it was read from, in the order in which they count.
    """
    found = keys(config)
    number = sum(key.changed for key in found)
    rows = [
        Row(
            {
                "key": text(key.name),
                "value": Cell(
                    said(key.value), said(key.value), mark=CHANGED if key.changed else None
                ),
                "default": text(said(key.default)),
                "changed": text("changed" if key.changed else "default"),
                "description": text(key.description),
            }
        )
        for key in found
    ]
    return Page(
        name="configuration",
        title="Configuration",
        lede=f"Every key as this run had it; {number} of {len(found)} differ from the default.",
        columns=[
            Column("key", "Key"),
            Column("value", "Value", wide=True),
            Column("default", "Default", wide=True),
            Column("changed", "State", choice=True),
            Column("description", "Meaning", wide=True),
        ],
        rows=rows,
        files=files,
    )


def _keys(values: Config, own: Config, schema: Config, prefix: str) -> Iterator[Key]:
    """Keys below one; ``own`` has the paths that follow from the kinds."""
    for name, part in schema["properties"].items():
        value, key = values[name], f"{prefix}{name}"
        if "properties" in part:
            yield from _keys(value, own[name], part, f"{key}.")
            continue
        default = part["default"]
        filled = own[name] if default is None else default
        yield Key(key, value, default, part["description"], value not in (default, filled))


def _untouched(config: Config) -> Config:
    """The configuration of one who named no more than the kinds of the corpora."""
    kinds = {"corpus": {"kind": config["corpus"]["kind"]}}
    try:
        return resolve({**kinds, "llm": {"corpus": {"kind": config["llm"]["corpus"]["kind"]}}})
    except InputError:  # this kind has files of the user's own, so that nothing is filled in
        return resolve({})
