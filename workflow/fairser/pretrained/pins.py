"""Pins: the commit of each fetched model, written into the configuration as its ``revision``.

A branch such as ``main`` may move; a commit does not. Only the value changes in the file: its
comments, order and style stay, byte for byte.
"""

import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.pretrained.records import Record

KEYS = ("model", "revision")


def pin(config_files: Sequence[Path], records: Mapping[str, Record]) -> list[str]:
    """Write the commit of each record as ``revision`` of its section; nothing if one fails.

    It goes into the file that decides: the last one that gives the section a model or a revision,
    or the first file.

    Args:
        config_files: the configuration and its overlays, in the order of their reading.
        records: by section (``encoder``, ``embedding``, ``pseudo``).

    Returns:
        A sentence for each change and each local folder, which has no commit.

    Raises:
        InputError: a file cannot be read or written or is no configuration; a record is of another
            model or revision than the files name; the YAML is such that the change would touch
            more than the revision.
    """
    texts = {Path(path): _read(Path(path)) for path in config_files}
    before, sentences = dict(texts), []
    for section, record in records.items():
        if record.commit is None:
            sentences.append(f"{section}: {record.model} is a local folder, with no commit to pin.")
            continue
        file = _deciding(texts, section, record)
        found = _section(file, texts[file], section).get("revision")
        if found != record.commit:
            texts[file] = _pinned(file, texts[file], section, record.commit)
            was = "(none)" if found is None else found
            sentences.append(f"{file}: {section}.revision {was} -> {record.commit}")
    for path, text in texts.items():
        if text != before[path]:
            _write(path, text)
    return sentences


def _deciding(texts: Mapping[Path, str], section: str, record: Record) -> Path:
    """The file that decides on the section's revision, if what the files say fits the record."""
    found: dict[str, tuple[Any, Path]] = {}
    for path, text in texts.items():
        given = _section(path, text, section)
        found |= {key: (given[key], path) for key in KEYS if key in given}
    fitting = {"model": [record.model, None], "revision": [record.revision, record.commit, None]}
    for key, (value, path) in found.items():
        if value not in fitting[key]:
            raise InputError(
                f"{path}: {section}.{key} is {value!r}, but the model that was fetched has "
                f"{fitting[key][0]!r}. Run `snakemake download_models` with this configuration."
            )
    files = list(texts)
    return max((path for _, path in found.values()), key=files.index, default=files[0])


def _pinned(path: Path, text: str, section: str, commit: str) -> str:
    """The text with the commit as ``section.revision`` and nothing else changed."""
    expected = deepcopy(_data(path, text))
    expected[section] = (expected.get(section) or {}) | {"revision": commit}
    edited = _edited(text, section, commit)
    try:
        same = yaml.safe_load(edited) == expected
    except yaml.YAMLError:
        same = False
    if not same:
        raise InputError(
            f"{path}: {section}.revision cannot be set without changing more (an anchor, an alias "
            f"or a tag may be in the way). Write it there yourself: revision: {commit}"
        )
    return edited


def _edited(text: str, section: str, commit: str) -> str:
    # All digits would be a number.
    value = commit if isinstance(yaml.safe_load(commit), str) else f"'{commit}'"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    node = _value(root, section)
    if node is None:
        return _with_section(text, root, section, value)
    if not isinstance(node, yaml.MappingNode):  # an empty section
        return _replaced(text, node, f"{{revision: {value}}}")
    old = _value(node, "revision")
    if old is not None:
        style = _quote(old)
        return _replaced(text, old, f"{style}{commit}{style}" if style else value)
    keys = [key for key, _ in node.value]
    before = next((key for key in keys if key.value == "model"), keys[0] if keys else None)
    return _inserted(text, node, before, "revision", value)


def _with_section(text: str, root: yaml.Node | None, section: str, value: str) -> str:
    """The text with a new section: at the end, or at the start of a file in flow style."""
    if isinstance(root, yaml.MappingNode) and root.flow_style:
        before = root.value[0][0] if root.value else None
        return _inserted(text, root, before, section, f"{{revision: {value}}}")
    line = _line_end(text)
    indent = " " * (root.start_mark.column if root else 0)
    start = "" if not text or text.endswith("\n") else line
    return f"{text}{start}{indent}{section}:{line}{indent}  revision: {value}{line}"


def _inserted(
    text: str, mapping: yaml.MappingNode, before: yaml.Node | None, key: str, value: str
) -> str:
    """The text with a new entry of a mapping, ahead of another key and in its style."""
    style = _quote(before)
    quoted = value if value[:1] in "'{" else f"{style}{value}{style}"
    entry = f"{style}{key}{style}: {quoted}"
    if before is None:
        at = mapping.start_mark.index + 1
    elif mapping.flow_style:
        at, entry = before.start_mark.index, f"{entry}, "
    else:
        column = before.start_mark.column
        at, entry = before.start_mark.index - column, f"{' ' * column}{entry}{_line_end(text)}"
    return text[:at] + entry + text[at:]


def _replaced(text: str, node: yaml.Node, new: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    # A value that is left out stands right behind its colon.
    return f"{text[:start]}{' ' if start == end else ''}{new}{text[end:]}"


def _value(mapping: yaml.Node | None, name: str) -> yaml.Node | None:
    """The value of a key; the last one, as it is in the data, if the key stands there twice."""
    pairs = mapping.value if isinstance(mapping, yaml.MappingNode) else []
    return next((value for key, value in reversed(pairs) if key.value == name), None)


def _quote(node: yaml.Node | None) -> str:
    """The quotation mark in which a key or value stands, or an empty text."""
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    return style if style in ("'", '"') else ""


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _section(path: Path, text: str, section: str) -> dict[str, Any]:
    given = _data(path, text).get(section) or {}
    if not isinstance(given, dict):
        raise InputError(f"{path}: '{section}' is {given!r}, a mapping with a model is needed.")
    return given


def _data(path: Path, text: str) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(data or {}, dict):
        raise InputError(f"{path} is no configuration: it holds no mapping of keys to values.")
    return data or {}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()  # as it is, with the ends of its lines
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the configuration cannot be read ({error}).") from error


def _write(path: Path, text: str) -> None:
    target = path.resolve()  # a link stays a link
    try:
        with complete(target) as temporary:
            temporary.write_bytes(text.encode())
            shutil.copymode(target, temporary)
    except OSError as error:
        raise InputError(f"{path}: the configuration cannot be written ({error}).") from error
