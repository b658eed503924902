"""Where a number comes from: code, versions, commit."""

import ast
import hashlib
import json
import platform
import subprocess
from collections.abc import Callable, Collection, Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from fairser import __version__
from fairser.core.files import sha256_text
from fairser.core.places import PACKAGE, SCRIPTS
from fairser.core.sources import SourceReader

RECORDED = (
    *("torch", "numpy", "polars", "safetensors", "scikit-learn", "torchaudio", "soundfile"),
    *("transformers", "peft", "accelerate", "opensmile"),
)

# Modules that log, explain or record decide no number: results outlive their changes.
NEUTRAL = (
    *(f"fairser.core.{name}" for name in ("errors", "jobs", "places", "provenance", "words")),
    "fairser.config.declarations",
    "fairser.config.extensions",
    "fairser.pretrained.records",
)

Source = str | Path  # a module of this package by its full name, or a file outside of the package


def code_of(
    script: str, named: Callable[[Any], Iterable[Source]] = lambda _: ()
) -> Callable[[Any], str]:
    """A params function of a rule: the hash of all code that its results depend on.

    Args:
        script: name of the rule's script, without folder and ending.
        named: from the wildcards to the modules that the script finds by name at run time, such as
            a training method. What the script imports needs no mention.
    """

    def code(wildcards: Any) -> str:
        return _cached_hash(SCRIPTS / f"{script}.py", *named(wildcards))

    return code


def code_hash(*sources: Source) -> str:
    """A hash of the sources and of all modules of this package that they import, 12 hex digits.

    It changes with what the code does, not with comments, docstrings or layout, nor with
    :data:`NEUTRAL` modules.
    """
    digest = hashlib.sha256()
    for name, file in sorted(closure(sources, NEUTRAL).items()):
        digest.update(f"{name}\n{_summary(file, PACKAGE)[0]}\n".encode())
    return digest.hexdigest()[:12]


_cached_hash = cache(code_hash)


def fingerprint(*parts: Any) -> str:
    """A hash of values that JSON can hold, 12 hex digits."""
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def closure(sources: Iterable[Source], without: Collection[str] = ()) -> dict[str, Path]:
    """Name and file of the sources and of all modules of this package that they import.

    Args:
        sources: full names such as ``fairser.training.train``, and files.
        without: modules that are left out, with what only they import.
    """
    found: dict[str, Path] = {}
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        name = f"{source.parent.name}/{source.name}" if isinstance(source, Path) else source
        if name in found or name in without:
            continue
        file = source if isinstance(source, Path) else _modules(PACKAGE).get(source)
        if file is None:
            raise ModuleNotFoundError(f"no module '{source}' in {PACKAGE}")
        found[name] = file
        imported = (_absolute(one, level, name, file) for one, level in _summary(file, PACKAGE)[1])
        waiting += [module for module in imported if module in _modules(PACKAGE)]
    return found


def versions() -> dict[str, str]:
    """Versions of this package, Python and the libraries that results depend on."""
    found = {"fairser": __version__, "python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """Commit of the workflow's repository, with ``-dirty`` for changes; None outside of one.

    A repository that only has an environment or a copy of the workflow in it is not the workflow's.
    """
    git = ["git", "-C", str(PACKAGE)]
    describe = ["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        for command in (["ls-files", "--error-unmatch", "."], describe):
            answer = subprocess.run([*git, *command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def _summarise(file: Path) -> list[Any]:
    """A hash of what a file's code does, and what it imports: names and their leading dots."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    imports: list[list[Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports += [[alias.name, 0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            imports += [[origin, node.level]]
            names = [f"{origin}.{alias.name}".lstrip(".") for alias in node.names]
            imports += [[name, node.level] for name in names]
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                del body[0]  # a docstring
    return [sha256_text(ast.dump(tree)), imports]


_summary = SourceReader("code", _summarise)


def _absolute(module: str, level: int, importer: str, file: Path) -> str:
    """The full name of a module that ``importer`` names with ``level`` leading dots."""
    if not level:
        return module
    parts = importer.split(".")
    above = level - (file.name == "__init__.py")
    return ".".join([*parts[: len(parts) - above], *filter(None, [module])])


@cache
def _modules(package: Path) -> dict[str, Path]:
    """Files of a package by the full names of its modules."""
    found = {}
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found
