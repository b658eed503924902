"""Extensions: methods, group sources, encoders, corpora and metrics, each declared in its own file.

A file declares itself by a literal at its top level, whose name says what it is:

=========  ==============  ==========================================================
constant   built-in ones   what the file defines besides
=========  ==============  ==========================================================
METHOD     ``methods``     one subclass of :class:`fairser.methods.base.Method`
SOURCE     ``groups``      ``infer_groups(fold)``
ENCODER    ``encoders``    ``make(settings)``
CORPUS     ``corpora``     ``read(corpus)``
METRICS    ``evaluation``  a function for each metric, of its name
=========  ==============  ==========================================================

The name of the file is the name of the extension. Declarations are read from the syntax tree, so
that the Snakefile knows all extensions without importing torch. Files of the user's own lie in the
folders that ``plugins`` of the configuration names.
"""

import ast
import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from fairser.core.errors import InputError, nearest

PACKAGE = Path(__file__).parents[1]
ROOMS = {
    "METHOD": "methods",
    "SOURCE": "groups",
    "ENCODER": "encoders",
    "CORPUS": "corpora",
    "METRICS": "evaluation",
}
TITLES = {"METHOD": "method", "SOURCE": "group source", "ENCODER": "encoder", "CORPUS": "corpus"}
TITLES |= {"METRICS": "metric"}
# What each declaration may hold, with its default; `settings` are properties of a JSON schema.
COMMON: dict[str, Any] = {
    "title": None,
    "description": None,
    "order": 1000,
    "extends": None,
    "settings": {},
}
KEYS: dict[str, dict[str, Any]] = {
    "METHOD": COMMON
    | {"groups": "none", "finetune": False, "summary": False}
    # How it is drawn: a colour of its own, and the half of its points that is filled.
    | {"colour": None, "fill": "full"},
    "SOURCE": COMMON | {"k": 1, "needs": None, "probabilities": False, "marker": None},
    "ENCODER": COMMON
    | {"sections": ["encoder"], "files": None, "standardise": True}
    | {"finetune": False},
    "CORPUS": COMMON | {"lists": "manifest", "made": False},
    "METRICS": COMMON | {"kind": "performance", "better": "higher"},
}
NAME = re.compile(r"[a-z][a-z0-9_]*")
FOLDERS = "FAIRSER_PLUGINS"  # environment variable: jobs inherit the folders
PREFIX = "fairser_plugins"  # of the names of modules that are loaded from these folders


@dataclass(frozen=True)
class Extension:
    """One extension.

    Attributes:
        constant: what it is, such as ``METHOD``.
        name: by which the configuration knows it.
        file: that declares it.
        values: its declaration with all defaults filled in (:data:`KEYS`).
    """

    constant: str
    name: str
    file: Path
    values: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def own(self) -> bool:
        """Whether it is a file of the user's own."""
        return not self.file.is_relative_to(PACKAGE)

    @property
    def module(self) -> str:
        """Name of the module; that of a file of the user's own exists once it is loaded."""
        room = f"{PREFIX}" if self.own else f"{PACKAGE.name}.{self.file.parent.name}"
        return f"{room}.{self.file.stem}"

    @property
    def code(self) -> str | Path:
        """What its results depend on: a module of this package, or a file."""
        return self.file if self.own else self.module

    def load(self) -> ModuleType:
        """The module, imported.

        Raises:
            InputError: a file of the user's own can't be imported.
        """
        if not self.own or self.module in sys.modules:
            return import_module(self.module) if not self.own else sys.modules[self.module]
        spec = importlib.util.spec_from_file_location(self.module, self.file)
        if spec is None or spec.loader is None:
            raise InputError(f"{self.file}: not a Python file.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[self.module] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[self.module]
            raise InputError(
                f"{self.file}: importing it fails: {error!r}. Fix the file."
            ) from error
        return module

    def function(self, name: str) -> Any:
        """What the module defines by this name.

        Raises:
            InputError: it does not define it.
        """
        found = getattr(self.load(), name, None)
        if not callable(found):
            raise InputError(
                f"{self.file}: no function '{name}'; a {TITLES[self.constant]} needs it "
                "(docs/extending.md)."
            )
        return found

    def defaults(self) -> dict[str, Any]:
        """Default of each of its settings."""
        return {name: deepcopy(part["default"]) for name, part in self["settings"].items()}


def use(folders: Iterable[str]) -> None:
    """Take the user's own files from these folders, in this process and those that it starts."""
    os.environ[FOLDERS] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)


def extensions(constant: str) -> dict[str, Extension]:
    """Extensions of a kind by name, in their order: by ``order``, then by name.

    Args:
        constant: such as ``METHOD`` (:data:`ROOMS`).

    Raises:
        InputError: a folder of ``plugins`` or a declaration is faulty, or two share a name.
    """
    return _all(os.environ.get(FOLDERS, ""))[constant]


def extension(constant: str, name: str) -> Extension:
    """The extension of a name.

    Raises:
        InputError: there is none.
    """
    known = extensions(constant)
    if name not in known:
        raise InputError(
            f"There is no {TITLES[constant]} '{name}'.{nearest(name, list(known))} Known: "
            f"{', '.join(known)}. One of your own needs its folder in 'plugins'."
        )
    return known[name]


@cache
def _all(folders: str) -> dict[str, dict[str, Extension]]:
    files = [
        (file, c) for c, room in ROOMS.items() for file in sorted((PACKAGE / room).glob("*.py"))
    ]
    for folder in filter(None, folders.split(os.pathsep)):
        if not Path(folder).is_dir():
            raise InputError(f"'plugins' names the folder '{folder}', which does not exist.")
        files += [(file, "") for file in sorted(Path(folder).glob("*.py"))]
    found: dict[str, dict[str, Extension]] = {constant: {} for constant in ROOMS}
    for file, expected in files:
        for one in _declared(file, expected):
            others = found[one.constant]
            if one.name in others:
                raise InputError(
                    f"{file}: there is another {TITLES[one.constant]} '{one.name}' in "
                    f"{others[one.name].file}. Rename the file."
                )
            others[one.name] = one
    for constant, known in found.items():
        ordered = sorted(known.values(), key=lambda e: (e["order"], e.name))
        found[constant] = {one.name: _extended(one, known) for one in ordered}
    return found


def _declared(file: Path, expected: str) -> list[Extension]:
    """What a file declares; nothing for a module that is no extension."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid Python ({error}). Fix the file.") from error
    lines = (ast.get_docstring(tree) or "").strip().splitlines()
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        constant = node.targets[0].id
        if constant not in ROOMS or (expected and constant != expected):
            continue
        try:
            value = ast.literal_eval(node.value)
        except ValueError as error:
            raise InputError(
                f"{file}, line {node.lineno}: {constant} must be a literal dict, without names or "
                "calls."
            ) from error
        several = constant == "METRICS"
        entries = value if several else {file.stem: value}
        return [
            _checked(file, constant, name, entry, "" if several or not lines else lines[0])
            for name, entry in entries.items()
        ]
    return []


def _checked(file: Path, constant: str, name: str, given: Any, docstring: str) -> Extension:
    """A declaration with its defaults.

    Raises:
        InputError: its name, a key or a setting is faulty.
    """
    known = KEYS[constant]
    if not NAME.fullmatch(name):
        raise InputError(
            f"{file}: '{name}' is not a name for a {TITLES[constant]}; use lower-case letters, "
            "digits and underscores."
        )
    if not isinstance(given, dict):
        raise InputError(f"{file}: {constant} must be a dict, not {given!r}.")
    for key in given:
        if key not in known:
            raise InputError(
                f"{file}: {constant} has no key '{key}'.{nearest(str(key), list(known))} "
                f"Keys: {', '.join(known)}."
            )
    for key, part in given.get("settings", {}).items():
        lacking = [
            x for x in ("description", "default") if not isinstance(part, dict) or x not in part
        ]
        if lacking:
            raise InputError(f"{file}: the setting '{key}' lacks {' and '.join(lacking)}.")
    values = deepcopy(known) | given
    values["title"] = values["title"] or name
    values["description"] = values["description"] or docstring
    return Extension(constant, name, file, values)


def _extended(one: Extension, known: dict[str, Extension]) -> Extension:
    """With the settings of the extension that it extends, before its own."""
    base = one["extends"]
    if base is None:
        return one
    if base not in known or known[base]["extends"]:
        raise InputError(f"{one.file}: it extends '{base}', which is not a {TITLES[one.constant]}.")
    settings = {**known[base]["settings"], **one["settings"]}
    return Extension(one.constant, one.name, one.file, one.values | {"settings": settings})
