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

A method with other settings, one of a sweep, is found by a name such as ``jtt+weight=20``
(:mod:`fairser.config.variants`). It is its method but for its title and these settings.
"""

import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from fairser.config.declarations import KINDS, SAMPLER, SELECTION, SELECTIONS, read_declarations
from fairser.config.variants import meant, spelled, split_name
from fairser.core.errors import InputError, nearest
from fairser.core.places import PACKAGE

FOLDERS = "FAIRSER_PLUGINS"  # environment variable: jobs inherit the folders
PREFIX = "fairser_plugins"  # of the names of modules that are loaded from these folders


@dataclass(frozen=True)
class Extension:
    """One extension.

    Attributes:
        constant: what it is, such as ``METHOD``.
        name: by which the configuration knows it.
        file: that declares it.
        values: its declaration with all defaults filled in (:data:`KINDS`).
        variant: the settings that a name such as ``jtt+weight=20`` fixes.
    """

    constant: str
    name: str
    file: Path
    values: dict[str, Any]
    variant: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def base(self) -> str:
        """Its name without the settings of a variant."""
        return self.name.partition("+")[0]

    @cached_property
    def own(self) -> bool:
        """Whether it is a file of the user's own."""
        return not self.file.is_relative_to(PACKAGE)

    @property
    def builtin(self) -> str:
        """Name of the module if it is built in, or were."""
        return f"{PACKAGE.name}.{KINDS[self.constant].room}.{self.file.stem}"

    @property
    def module(self) -> str:
        """Name of the module; that of a file of the user's own exists once it is loaded."""
        return f"{PREFIX}.{self.file.stem}" if self.own else self.builtin

    @property
    def code(self) -> str | Path:
        """What its results depend on: a module of this package, or a file."""
        return self.file if self.own else self.module

    def load(self) -> ModuleType:
        """The module, imported.

        Raises:
            InputError: a file of the user's own can't be imported.
        """
        if not self.own:
            return import_module(self.module)
        loaded = sys.modules.get(self.module)
        if loaded and loaded.__file__ == str(self.file):  # not a file of this name elsewhere
            return loaded
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
                f"{self.file}: no function '{name}'; a {KINDS[self.constant].title} needs it "
                "(docs/extending.md)."
            )
        return found

    def files(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Files that its settings name, by setting: those of the format ``file``."""
        named = {n for n, part in self["settings"].items() if part.get("format") == "file"}
        return {name: value for name, value in settings.items() if name in named and value}

    def defaults(self) -> dict[str, Any]:
        """Default of each of its settings."""
        return {name: deepcopy(part["default"]) for name, part in self["settings"].items()}


def use(folders: Iterable[str]) -> None:
    """Take the user's own files from these folders, in this process and those that it starts."""
    os.environ[FOLDERS] = os.pathsep.join(str(Path(folder).absolute()) for folder in folders)


def extensions(constant: str) -> dict[str, Extension]:
    """Extensions of a kind by name, in their order: by ``order``, then by name.

    Args:
        constant: such as ``METHOD`` (:data:`KINDS`).

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
    found = find(constant, name)
    if found is None:
        raise InputError(
            f"There is no {KINDS[constant].title} '{name}'.{nearest(name, list(known))} Known: "
            f"{', '.join(known)}. One of your own needs its folder in 'plugins'."
        )
    return found


def find(constant: str, name: str) -> Extension | None:
    """The extension of a name, or None; of a method also its variants."""
    known = extensions(constant)
    if constant != "METHOD" or "+" not in name:
        return known.get(name)
    try:
        base, texts = split_name(name)
        one = known[base]
        settings = {key: meant(text, one["settings"][key]) for key, text in texts.items()}
    except (KeyError, ValueError):
        return None
    shown = ", ".join(f"{key} {text}" for key, text in texts.items())
    values = one.values | {"title": f"{one['title']} ({shown})", "summary": False}
    values["settings"] = one["settings"] | {
        key: one["settings"][key] | {"default": value} for key, value in settings.items()
    }
    return replace(one, name=name, values=values, variant=settings)


def ordered(constant: str, names: Iterable[str]) -> list[str]:
    """Names in the order that the files declare, each method before its variants; then unknown
    ones, sorted."""
    place = {name: number for number, name in enumerate(extensions(constant))}

    def key(name: str) -> tuple[Any, ...]:
        one = find(constant, name)
        if one is None:
            return len(place), [], name
        # Numbers by size, then all else as text.
        parts = [
            (setting, *((0, value) if type(value) in (int, float) else (1, spelled(value))))
            for setting, value in one.variant.items()
        ]
        return place[one.base], parts, name

    return sorted(set(names), key=key)


@cache
def _all(folders: str) -> dict[str, dict[str, Extension]]:
    rooms = [PACKAGE / kind.room for kind in KINDS.values()]
    own = [Path(folder) for folder in folders.split(os.pathsep) if folder]
    for folder in own:
        if not folder.is_dir():
            raise InputError(f"'plugins' names the folder '{folder}', which does not exist.")
    found: dict[str, dict[str, Extension]] = {constant: {} for constant in KINDS}
    for file in (file for folder in (*rooms, *own) for file in sorted(folder.glob("*.py"))):
        for constant, name, values in read_declarations(file):
            known = found[constant]
            for other in known.values():
                if name == other.name or values["title"] == other["title"]:
                    raise InputError(
                        f"{file}: its name '{name}' or its title '{values['title']}' is also that "
                        f"of the {KINDS[constant].title} in {other.file}. Choose another."
                    )
            known[name] = Extension(constant, name, file, values)
    for constant, known in found.items():
        ordered = sorted(known.values(), key=lambda e: (e["order"], e.name))
        found[constant] = {one.name: _extended(one, known) for one in ordered}
    return found


def _extended(one: Extension, known: dict[str, Extension]) -> Extension:
    """With the settings of the extension that it extends, before its own, and, of a method, with
    those of all methods that train and of all with groups."""
    base, settings = one["extends"], one["settings"]
    if base is not None:
        if base not in known or known[base]["extends"]:
            raise InputError(
                f"{one.file}: it extends '{base}', which is not a {KINDS[one.constant].title}."
            )
        settings = known[base]["settings"] | settings
    if one.constant == "METHOD":
        grouped = one["groups"] != "none"
        if grouped:
            settings = settings | {"sampler": SAMPLER | {"default": one["sampler"]}}
        if one["trains"]:
            rules = SELECTIONS if grouped else SELECTIONS[:-1]
            settings = settings | {"selection": {"enum": list(rules)} | SELECTION}
    return Extension(one.constant, one.name, one.file, one.values | {"settings": settings})
