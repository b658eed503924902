"""The one reader of YAML files: it refuses what YAML would drop or never end to read."""

import re
from pathlib import Path
from typing import Any

import yaml

from fairser.core.errors import InputError
from fairser.core.files import read_utf8

try:
    from yaml import CSafeLoader as BaseLoader
except ImportError:  # PyYAML without its C library, which is ten times as slow
    from yaml import SafeLoader as BaseLoader  # type: ignore[assignment]

VALUES = 1_000_000  # in a file, with all that its anchors stand for
DEPTH = 100  # of lists and mappings in each other
MERGE = "tag:yaml.org,2002:merge"  # the key <<
NOTHING = "tag:yaml.org,2002:null"


class _Loader(BaseLoader):
    """Safe YAML; what Python can't make of a value, such as month 13, is an error with its row."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            raise yaml.constructor.ConstructorError(
                None, None, str(error), node.start_mark
            ) from error


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file; of one that is empty or has comments alone, an empty one.

    Raises:
        InputError: names the file and the row of a key that is there twice, an anchor that holds
            itself, a character that is not UTF-8, or what else is no YAML.
    """
    return _mapping(path, _read_text(Path(path)))


def read_front_matter(path: str | Path) -> dict[str, Any]:
    """The mapping between the lines ``---`` at the start of a Markdown file; empty without them."""
    text = _read_text(Path(path))
    parts = re.split(r"^---[^\S\n]*$", text, maxsplit=2, flags=re.MULTILINE)
    return _mapping(path, parts[1]) if len(parts) == 3 and not parts[0].strip() else {}


def _mapping(path: str | Path, text: str) -> dict[str, Any]:
    """The mapping in the YAML text of a file."""
    loader = _Loader(text)
    try:
        _check_depth(text)
        node = loader.get_single_node()
        if node is None or node.tag == NOTHING:
            return {}
        _check(path, loader, node, {}, [])
        content = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        row = f", line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}{row}: not readable as YAML ({error.problem}).") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: not readable as YAML ({error}).") from error
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a mapping of keys to values, but {str(content)[:100]!r}.")
    return content


def _read_text(path: Path) -> str:
    """The text of a file in UTF-8."""
    try:
        return read_utf8(path, "line", "Save the file as UTF-8.")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. Name a file in YAML.") from error


def _check_depth(text: str) -> None:
    """Refuse what is nested so deeply that the C library's own functions would overflow."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            mark: Any = event.start_mark  # of the C library, which has the same attributes
            raise yaml.MarkedYAMLError(problem=f"nested more than {DEPTH} deep", problem_mark=mark)


def _check(
    path: str | Path,
    loader: _Loader,
    node: yaml.Node,
    known: dict[yaml.Node, int],
    above: list[yaml.Node],
) -> int:
    """The number of values in a node; refuses keys that are there twice, and anchors without end.

    Args:
        path: of the file.
        loader: that read it.
        node: to look at.
        known: numbers of the nodes that were looked at.
        above: the nodes that this one is in.
    """
    if any(node is one for one in above):
        raise InputError(
            f"{path}, line {node.start_mark.line + 1}: an anchor (&) that holds itself (*). "
            "Write the values out."
        )
    if node not in known and isinstance(node, yaml.CollectionNode):
        below = node.value
        if isinstance(node, yaml.MappingNode):
            _check_keys(path, loader, node)
            below = [part for pair in node.value for part in pair]
        sizes = [_check(path, loader, part, known, [*above, node]) for part in below]
        known[node] = 1 + sum(sizes)
        if known[node] > VALUES:
            raise InputError(f"{path}: its anchors stand for more than {VALUES:,} values.")
    return known.get(node, 1)


def _check_keys(path: str | Path, loader: _Loader, node: yaml.MappingNode) -> None:
    rows: dict[Any, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            name, row = key.value, key.start_mark.line + 1
            if key.tag != MERGE:  # else 1 and 0x1 are one key
                name = loader.construct_object(key)
            if name in rows:
                raise InputError(
                    f"{path}: the key '{key.value}' is in line {rows[name]} and again in line "
                    f"{row}; the first would be ignored. Join them."
                )
            rows[name] = row
