"""Declarations of extensions, read from the syntax tree of the files that hold them.

A file declares an extension by a literal at its top level; the constant's name says which kind it
is. The name of the file is the name of the extension; a file can declare several metrics, by name.
"""

import ast
import re
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError, nearest
from fairser.core.places import PACKAGE
from fairser.core.sources import SourceReader

NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Kind:
    """A kind of extension.

    Attributes:
        title: what it is called in messages.
        room: folder of the built-in ones.
        defaults: what a declaration may hold besides :data:`COMMON`, with the default.
    """

    title: str
    room: str
    defaults: dict[str, Any]


# What every declaration may hold; `settings` are properties of a JSON schema.
COMMON: dict[str, Any] = {"title": "", "description": "", "order": 1000, "extends": None}
COMMON |= {"settings": {}}
# `sampler` is the default of the setting SAMPLER. `colour` and `fill` (the half of its points that
# is filled) are how a method is drawn.
METHOD = {"groups": "none", "sampler": "shuffle", "finetune": False, "summary": False}
METHOD |= {"trains": True, "colour": None, "fill": "full"}
# Without `test` a source gives no groups of test clips; methods with the groups `test` need them.
SOURCE = {"k": 1, "needs": None, "probabilities": False, "marker": None, "test": True}
# `licence` says what its use is limited to; `packages` are needed besides requirements.txt.
ENCODER = {"sections": ["encoder"], "files": None, "standardise": True, "finetune": False}
ENCODER |= {"licence": None, "packages": []}
# `pattern` matches the files in the folder `corpus.labels`; with `folds` the file defines
# `folds(corpus)`, which tells the folds of a corpus before it is read, or None if they are made.
# `licence` is that of a reader's one corpus.
CORPUS = {"lists": "manifest", "made": False, "over": None, "folds": False}
CORPUS |= {"pattern": "labels_consensus_*.csv", "licence": None}
METRIC = {"kind": "performance", "better": "higher", "task": "any"}
KINDS = {
    "METHOD": Kind("method", "methods", METHOD),
    "SOURCE": Kind("group source", "groups", SOURCE),
    "ENCODER": Kind("encoder", "encoders", ENCODER),
    "CORPUS": Kind("corpus", "corpora", CORPUS),
    "METRICS": Kind("metric", "evaluation", METRIC),
}
# A setting of every method with groups, whose default its declaration says.
SAMPLERS = ("shuffle", "balanced")
SAMPLER = {
    "enum": list(SAMPLERS),
    "description": "Batches of shuffled clips, or drawn with all groups equally likely (choice).",
}
# A setting of every method that trains; the last one needs groups.
SELECTIONS = ("loss", "worst_class", "worst_group")
SELECTION = {
    "default": "loss",
    "description": "Kept is the epoch with the lowest mean loss on development, or with the lowest "
    "loss of its worst class or group.",
}
COMMON_SETTINGS = {
    "sampler": "one of all methods with groups; its default is the key 'sampler' of METHOD",
    "selection": "one of all methods that train",
}
K_WORDS = ("grid", "attributes")  # in place of a number of groups
# What the values of these keys may be; of lists each entry.
ALLOWED: dict[str, tuple[Any, ...]] = {
    "groups": ("none", "any", "probabilities", "test"),
    "sampler": SAMPLERS,
    "fill": ("full", "left", "right", "top", "bottom"),
    "needs": (None, "encoder", "embedding", "pseudo", "pitch"),
    "files": (None, "transformers", "ecapa"),
    "sections": ("encoder", "embedding", "pseudo", "pitch"),
    "lists": ("manifest", "labels"),
    "kind": ("performance", "gap"),
    "better": ("higher", "lower"),
    "over": (None, "folds", "pooled"),
    "task": ("any", "multi_label", "single_label"),
}


def read_declarations(file: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """What a file declares: constant, name, and the declaration with all defaults filled in.

    Raises:
        InputError: the file is not valid Python or a declaration is faulty.
    """
    docstring, literals = deepcopy(_read_literals(file, PACKAGE))
    found = []
    for constant, line, value in literals:
        if not isinstance(value, dict):
            raise InputError(
                f"{file}, line {line}: {constant} must be a literal dict, without names or calls."
            )
        if constant != "METRICS":
            value = {file.stem: {"description": docstring} | value}
        found += [(constant, n, _checked(file, constant, n, one)) for n, one in value.items()]
    return found


def _literals(file: Path) -> list[Any]:
    """First line of its docstring; name, line and value of each constant, None if no literal."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid Python ({error}). Fix the file.") from error
    found = []
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        constant, value = node.targets[0].id, None
        if constant in KINDS:
            with suppress(ValueError):
                value = ast.literal_eval(node.value)
            found.append([constant, node.lineno, value])
    return [(ast.get_docstring(tree) or "").partition("\n")[0], found]


_read_literals = SourceReader("declarations", _literals)


def _is_like(value: Any, default: Any) -> bool:
    """Whether a value has the type of the default; what is None by default may be a text."""
    return isinstance(value, str | None if default is None else type(default)) and (
        isinstance(value, bool) == isinstance(default, bool)
    )


def _entries(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _checked(file: Path, constant: str, name: str, given: Any) -> dict[str, Any]:
    """A declaration with its defaults."""
    title, known = KINDS[constant].title, {**COMMON, **KINDS[constant].defaults}
    if not NAME.fullmatch(name):
        raise InputError(
            f"{file}: '{name}' is not a name for a {title}; use lower-case letters, digits and "
            "underscores."
        )
    if not isinstance(given, dict):
        raise InputError(f"{file}: the {title} '{name}' is {given!r}; it must be a dict.")
    for key, value in given.items():
        if key not in known:
            raise InputError(
                f"{file}: {constant} has no key '{key}'.{nearest(str(key), list(known))} "
                f"Keys: {', '.join(known)}."
            )
        if not _is_like(value, known[key]) and not (key == "k" and value in K_WORDS):
            raise InputError(f"{file}: the '{key}' of {constant} is of the wrong type: {value!r}.")
        allowed = ALLOWED.get(key)
        if allowed and any(one not in allowed for one in _entries(value)):
            raise InputError(
                f"{file}: the '{key}' of {constant} is {value!r}; allowed: "
                f"{', '.join(map(str, allowed))}."
            )
    for key in COMMON_SETTINGS if constant == "METHOD" else ():
        if key in given.get("settings", {}):
            raise InputError(f"{file}: the setting '{key}' is {COMMON_SETTINGS[key]}.")
    for key, part in given.get("settings", {}).items():
        lacking = {"description", "default"} - set(part if isinstance(part, dict) else ())
        if lacking:
            raise InputError(f"{file}: the setting '{key}' lacks {' and '.join(sorted(lacking))}.")
    if given.get("sampler") == "balanced" and given.get("groups", "none") == "none":
        raise InputError(f"{file}: the 'sampler' balanced needs 'groups', but they are none.")
    if given.get("files") and "pitch" in given.get("sections", []):
        raise InputError(
            f"{file}: with 'files' it loads a model, but the section 'pitch' names none; leave one "
            "of them out."
        )
    if given.get("k") == "attributes" and "attributes" not in given.get("settings", {}):
        raise InputError(f"{file}: with 'k': 'attributes' it needs a setting 'attributes'.")
    return deepcopy(known) | {"title": name} | given
