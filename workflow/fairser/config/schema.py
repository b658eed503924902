"""The schema of the configuration: defaults, validation, and messages that show the mend.

The JSON schema beside the workflow is the one list of keys, types and defaults.
"""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from fairser.core.errors import nearest

SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"

Config = dict[str, Any]


@cache
def load_schema() -> Config:
    """The schema; who changes it changes it for all."""
    return yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))


def fill(config: Config) -> Config:
    """A copy of a configuration with every default filled in."""
    return _fill(deepcopy(config), load_schema())


def faults(config: Config) -> list[str]:
    """What the schema has against a configuration, a line for each key: value and mend."""
    from jsonschema import Draft202012Validator

    found = Draft202012Validator(load_schema()).iter_errors(config)
    return [_message(fault) for fault in sorted(found, key=lambda e: str(e.path))]


def _fill(value: Any, schema: Config) -> Any:
    """Defaults for missing keys, and numbers for texts that a command line or ``1e-4`` gives."""
    if isinstance(value, dict) and "properties" in schema:
        for name, part in schema["properties"].items():
            if name in value or "default" in part:
                value[name] = _fill(value.get(name, deepcopy(part.get("default"))), part)
        return value
    if isinstance(value, list) and "items" in schema:
        return [_fill(item, schema["items"]) for item in value]
    if isinstance(value, str):
        return _number(value, schema)
    return value


def _number(text: str, schema: Config) -> Any:
    types = schema.get("type", [])
    for name, convert in (("integer", int), ("number", float)):
        if name in types:
            try:
                return convert(text)
            except ValueError:
                return text
    return text


def _message(fault: Any) -> str:
    key = ".".join(str(part) for part in fault.absolute_path if not isinstance(part, int))
    if fault.validator == "additionalProperties":
        known = list(fault.schema["properties"])
        unknown = sorted(set(fault.instance) - set(known), key=str)
        prefix = f"{key}." if key else ""
        return "\n  ".join(
            f"'{prefix}{name}' is no key of the configuration.{nearest(str(name), known)} "
            f"Allowed{f' in {key}' if key else ''}: {', '.join(known)}."
            for name in unknown
        )
    value = fault.instance
    if fault.validator == "enum":
        allowed = [str(choice) for choice in fault.validator_value]
        return f"'{key}' is {value!r}; allowed: {', '.join(allowed)}.{nearest(str(value), allowed)}"
    if fault.validator == "type":
        names = {"array": "a list", "object": "a group of keys", "string": "a text"}
        names |= {"integer": "a whole number", "number": "a number", "null": "null"}
        types = fault.validator_value
        wanted = [names[t] for t in ([types] if isinstance(types, str) else types)]
        return f"'{key}' is {value!r}; it must be {' or '.join(wanted)}."
    bounds = {"minimum": "at least", "exclusiveMinimum": "more than"}
    bounds |= {"maximum": "at most", "exclusiveMaximum": "less than"}
    if fault.validator in bounds:
        return (
            f"'{key}' is {value!r}; it must be {bounds[fault.validator]} {fault.validator_value}."
        )
    if fault.validator == "uniqueItems":
        return f"'{key}' is {value!r}; each entry may stand in it only once."
    if fault.validator in ("minItems", "minLength"):
        return f"'{key}' is {value!r}; it needs at least {fault.validator_value} entry or letter."
    return f"'{key}': {fault.message}."
