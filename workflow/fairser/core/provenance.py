"""Where a number comes from: code, versions, commit."""

import ast
import hashlib
import platform
import subprocess
from collections.abc import Collection, Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from fairser import __version__

PACKAGE = Path(__file__).parents[1]
RECORDED = (
    *("torch", "numpy", "polars", "safetensors", "scikit-learn", "torchaudio", "soundfile"),
    *("transformers", "peft", "accelerate"),
)

# Modules that log, explain or record, and so decide no number: long extractions outlive their
# changes.
NEUTRAL = (
    *(f"fairser.core.{name}" for name in ("errors", "jobs", "provenance")),
    "fairser.pretrained.records",
)


@cache
def code_hash(*modules: str) -> str:
    """A hash of the modules and of all modules of this package that they import, 12 hex digits.

    It changes with what the code does, not with comments, docstrings or layout, nor with modules
    that decide no number. Modules that are found by name at run time (training methods) must be
    named.

    Args:
        modules: full names, such as ``fairser.training.train``.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(modules, NEUTRAL)):
        digest.update(f"{name}\n{_meaning(name)}\n".encode())
    return digest.hexdigest()[:12]


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
    """Commit of the workflow's repository, with ``-dirty`` for changes; None outside of one."""
    command = ["git", "-C", str(PACKAGE), "describe", "--always", "--abbrev=40", "--dirty"]
    command += ["--exclude=*"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def closure(modules: Iterable[str], without: Collection[str] = ()) -> set[str]:
    """Names of the modules and of all modules of this package that they import, at any distance.

    Args:
        modules: full names, such as ``fairser.training.train``.
        without: modules that are left out, with what only they import.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and name not in without:
            found.add(name)
            waiting += _imports(name)
    return found


@cache
def _imports(name: str) -> list[str]:
    """Modules of this package that a module imports."""
    names = []
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(name, node)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return [n for n in names if n.split(".")[0] == PACKAGE.name and _file(n)]


def _origin(name: str, node: ast.ImportFrom) -> str:
    """The module that ``from ... import`` of the module ``name`` names, absolute."""
    if not node.level:
        return node.module or ""
    file = _file(name)
    above = node.level - (file is not None and file.name == "__init__.py")
    parts = name.split(".")
    return ".".join([*parts[: len(parts) - above], *filter(None, [node.module])])


@cache
def _meaning(name: str) -> str:
    """The syntax tree of a module without docstrings, as text."""
    tree = _tree(name)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                del body[0]
    return ast.dump(tree)


@cache
def _tree(name: str) -> ast.Module:
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(f"no module '{name}' in {PACKAGE}")
    return ast.parse(path.read_text(encoding="utf-8"))


def _file(name: str) -> Path | None:
    path = PACKAGE.joinpath(*name.split(".")[1:])
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((c for c in candidates if c.is_file()), None)
