"""The schema of the configuration: defaults, validation, and messages that say what to change.

The JSON schema beside the workflow lists the keys of the workflow itself. Names and settings of
methods, group sources, encoders, corpora and metrics come from the files that declare them
(:mod:`fairser.config.extensions`) and are filled in where the schema has one of these keys:

- ``x-names: METHOD``: the names of an extension, as an ``enum``; ``ENCODER.embedding`` and
  ``METRICS.gap`` are those for a section or of a kind;
- ``x-settings: METHOD``: a group of keys for each extension that has settings;
- ``x-setting: METHOD.gdro.eta``: one setting;
- ``x-sweeps: METHOD``: the same groups, with a list of values for each setting; below ``allOf``,
  as they are one value and have no rows in a reference.

Every number has bounds (:func:`fairser.config.values.bounded`), is finite, and is whole where the
schema says ``integer``.
"""

import os
from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from fairser.config.extensions import FOLDERS, Extension, extension, extensions
from fairser.config.values import bounded, is_choice, is_integer, is_number, shown
from fairser.config.variants import is_swept
from fairser.core.errors import InputError, nearest
from fairser.core.places import WORKFLOW
from fairser.core.yaml_files import read_mapping

SCHEMA = WORKFLOW / "schemas" / "config.schema.yaml"

Config = dict[str, Any]


# Files of the user's own need no module: what reads them is the store itself.
PRECOMPUTED = "precomputed"


def load_schema() -> Config:
    """The schema with all extensions; who changes it changes it for all."""
    return _load(os.environ.get(FOLDERS, ""))


@cache
def _load(_folders: str) -> Config:
    extended: Config = bounded(_extended(read_mapping(SCHEMA)))
    return extended


def _extended(part: Any) -> Any:
    """A part of the schema with extensions in place of its ``x-`` keys."""
    if isinstance(part, list):
        return [_extended(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "x-setting" in part:
        constant, name, key = part["x-setting"].split(".")
        return deepcopy(extension(constant, name)["settings"][key])
    found = {key: _extended(value) for key, value in part.items() if not key.startswith("x-")}
    if "x-names" in part:
        found["enum"] = _names(*part["x-names"].split("."))
    if "x-settings" in part:
        _check_settings(extensions(part["x-settings"]).values())
        group = {"type": "object", "additionalProperties": False, "default": {}}
        found["properties"] = {
            name: {"description": one["description"], **group, "properties": one["settings"]}
            for name, one in extensions(part["x-settings"]).items()
            if one["settings"]
        }
    if "x-sweeps" in part:
        group = {"type": "object", "additionalProperties": False}
        lists = {
            name: {**group, "properties": values}
            for name, one in extensions(part["x-sweeps"]).items()
            if (values := _sweep(one["settings"]))
        }
        found["allOf"] = [{**group, "properties": lists}]
    return found


def _sweep(settings: Config) -> Config:
    """A list of values for each setting that can be swept."""
    lists = {"type": "array", "minItems": 1, "uniqueItems": True}
    return {
        name: lists | {"items": {k: v for k, v in part.items() if k != "default"}}
        for name, part in settings.items()
        if is_swept(part)
    }


def _check_settings(known: Iterable[Extension]) -> None:
    """Refuse settings of the user's own files that are not properties of a JSON schema."""
    for one in known:
        for key, part in one["settings"].items() if one.own else ():
            from jsonschema import Draft202012Validator, SchemaError

            try:
                Draft202012Validator.check_schema(part)
            except SchemaError as error:
                raise InputError(
                    f"{one.file}: the setting '{key}' is not a property of a JSON schema: "
                    f"{error.message}."
                ) from error
            if not {"type", "enum"} & set(part):
                raise InputError(f"{one.file}: the setting '{key}' lacks 'type' or 'enum'.")


def _names(constant: str, part: str | None = None) -> list[str]:
    """Names of extensions: of encoders those for a section, of metrics those of a kind."""
    known = extensions(constant)
    if constant == "ENCODER":
        return [*(n for n, one in known.items() if part in one["sections"]), PRECOMPUTED]
    return [name for name, one in known.items() if part is None or one["kind"] == part]


def fill(config: Config) -> Config:
    """A copy of a configuration with every default filled in."""
    return _fill(deepcopy(config), load_schema())


def faults(config: Config) -> list[str]:
    """What is wrong with a configuration, a line for each key: its value and what is allowed."""
    found = _validator()(load_schema()).iter_errors(config)
    return [_message(fault) for fault in sorted(found, key=lambda e: str(e.path))]


@cache
def _validator() -> Any:
    """JSON schema's validator with the types of this project; its own takes 2.0 for whole."""
    from jsonschema import Draft202012Validator, ValidationError
    from jsonschema.validators import extend

    def enum(_: Any, choices: list[Any], value: Any, __: Any) -> Iterator[Any]:
        if not is_choice(value, choices):
            yield ValidationError("not one of the choices")

    types = {"integer": is_integer, "number": is_number}
    checker = Draft202012Validator.TYPE_CHECKER.redefine_many(types)
    return extend(Draft202012Validator, {"enum": enum}, type_checker=checker)


def _fill(value: Any, schema: Config) -> Any:
    """Defaults for missing keys, and numbers for texts that a command line or ``1e-4`` gives."""
    for part in schema.get("allOf", ()):
        value = _fill(value, part)
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
    value = shown(fault.instance)
    if fault.validator == "enum":
        allowed = [str(choice) for choice in fault.validator_value]
        like = nearest(value.strip("'"), allowed)
        return f"'{key}' is {value}; allowed: {', '.join(allowed)}.{like}"
    if fault.validator == "type":
        names = {"array": "a list", "object": "a group of keys", "string": "a text"}
        names |= {"integer": "a whole number", "number": "a finite number", "null": "null"}
        names |= {"boolean": "true or false"}
        types = fault.validator_value
        wanted = [names[t] for t in ([types] if isinstance(types, str) else types)]
        return f"'{key}' is {value}; it must be {' or '.join(wanted)}."
    bounds = {"minimum": "at least", "exclusiveMinimum": "more than"}
    bounds |= {"maximum": "at most", "exclusiveMaximum": "less than"}
    if fault.validator in bounds:
        return f"'{key}' is {value}; it must be {bounds[fault.validator]} {fault.validator_value}."
    if fault.validator == "uniqueItems":
        return f"'{key}' is {value}; each entry may appear only once."
    if fault.validator in ("minItems", "minLength"):
        return f"'{key}' is {value}; it needs at least {fault.validator_value} entry or letter."
    return f"'{key}': {fault.message}."
