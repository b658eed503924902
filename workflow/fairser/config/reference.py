"""The configuration reference, docs/configuration.md, from the schema.

A section for each key at the top, with a table of what is below it; a group of keys inside a
section has a heading and a table of its own. Each key has an anchor, its path.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from fairser.config.extensions import Extension, extensions
from fairser.config.grid import usable
from fairser.config.schema import Config, load_schema
from fairser.config.values import LARGEST
from fairser.core.text import markdown

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"

HEAD = """\
# Configuration reference

<!-- Made by scripts/config_reference.py from workflow/schemas/config.schema.yaml and from the files
that declare methods, group sources, encoders, corpora and metrics; edit those. -->

Every key with its values, its default and its meaning. Change them in a file of your own that names
only what differs:

```sh
snakemake --configfile config.yaml mine.yaml
```

Later files win. Groups of keys are merged; lists are replaced. An unknown key or value ends the run
before any job starts, and the message names the nearest known one. "Choice" marks what the papers
leave open. Paths are relative to the folder in which Snakemake is started. Numbers are finite, and
at most {largest:,} where nothing else is said.
"""

# Sections with settings of extensions, and where the number of a source's groups comes from.
EXTENSIONS = {"methods": "METHOD", "sources": "SOURCE", "encoders": "ENCODER", "corpora": "CORPUS"}
GROUPS = {"grid": "`grid.k`", "attributes": "values of the attributes"}
NAMES = {"string": "text", "integer": "whole number", "boolean": "true or false"}
NAMES |= {"object": "a group of keys"}  # that is one value, without a table of its own
NUMERIC = ("integer", "number")
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def page() -> str:
    """The whole page in Markdown."""
    sections = load_schema()["properties"]
    contents = ", ".join(f"[`{name}`](#{name})" for name in sections)
    parts = [HEAD.format(largest=LARGEST), f"Sections: {contents}.\n"]
    for name, part in sections.items():
        parts += _section(name, part, 2)
    return "\n".join(parts)


def _section(path: str, part: Config, level: int) -> Iterator[str]:
    """Heading, description and table of a key at the top, or of a group of keys."""
    yield f"{'#' * level} `{path}`\n"
    if "properties" not in part:
        yield _table({path: part})
        return
    yield f"{_text(part['description'])}\n"
    below = {f"{path}.{name}": key for name, key in part["properties"].items()}
    leaves = {name: key for name, key in below.items() if "properties" not in key}
    if leaves:
        yield _table(leaves)
    if path in EXTENSIONS:
        yield _extensions(EXTENSIONS[path])
    for name, key in below.items():
        if name not in leaves:
            yield from _section(name, key, level + 1)


def _table(keys: Config) -> str:
    rows = []
    for path, key in keys.items():
        anchor = f'<a id="{path}"></a>' if "." in path else ""  # a heading is its own anchor
        default = f"`{_value(key['default'])}`"
        rows.append([f"{anchor}`{path}`", values(key), default, _text(key["description"])])
    return markdown(["key", "values", "default", "meaning"], rows, markup=True)


def _extensions(constant: str) -> str:
    """The extensions of a kind, and what each can be combined with."""
    columns: dict[str, Callable[[Extension], Any]] = {"name": lambda one: f"`{one.name}`"}
    columns |= {
        "METHOD": {"groups from": lambda one: _names(usable(one.name))},
        "SOURCE": {
            "groups": lambda one: GROUPS.get(one["k"], one["k"]),
            "needs": lambda one: f"`{one['needs']}`" if one["needs"] else "",
        },
        "ENCODER": {"for": lambda one: _names(one["sections"])},
        "CORPUS": {"listed by": lambda one: f"`corpus.{one['lists']}`"},
    }[constant]
    columns["meaning"] = lambda one: _text(one["description"])
    rows = [[str(cell(one)) for cell in columns.values()] for one in extensions(constant).values()]
    return markdown(list(columns), rows, markup=True)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def values(key: Config) -> str:
    """What a key may be, in words: its choices, or its types with their bounds."""
    if "enum" in key:
        return ", ".join(f"`{_value(choice)}`" for choice in key["enum"])
    given = key["type"]
    types = [given] if isinstance(given, str) else given
    return "; or ".join(_type(key, name) for name in types)


def _type(key: Config, name: str) -> str:
    if name == "array":
        least = f" of {key['minItems']} or more" if "minItems" in key else ""
        return f"list{least}: {values(key['items'])}"
    given = [bound for bound in BOUNDS if abs(key.get(bound, LARGEST)) != LARGEST]
    bounds = [f"{BOUNDS[bound]} {key[bound]}" for bound in given]
    words = [NAMES.get(name, name), *(bounds if name in NUMERIC else [])]
    return ", ".join(words)


def _value(value: Any) -> str:
    """A value as one writes it in the configuration."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(_value(item) for item in value)}]"
    return str(value)


def _text(description: str) -> str:
    return " ".join(description.split())
