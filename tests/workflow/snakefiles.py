"""Snakefiles as Snakemake's own parser reads them: the Python that it makes of them."""

import ast
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from snakemake.parser import parse
from snakemake.sourcecache import LocalSourceFile

from workflow.runner import ROOT

RULES = ROOT / "workflow" / "rules"


@dataclass
class Rule:
    """A rule and the arguments of its directives, as syntax trees."""

    name: str
    file: Path
    directives: dict[str, ast.Call] = field(default_factory=dict)

    def text(self, directive: str) -> str:
        """The first argument of a directive, which is a text."""
        return ast.literal_eval(self.directives[directive].args[0])


def python_of(path: Path) -> ast.Module:
    def opened(file: LocalSourceFile):
        return path.open(encoding="utf-8")

    stand_in = SimpleNamespace(sourcecache=SimpleNamespace(open=opened))
    source, _ = parse(LocalSourceFile(str(path)), stand_in, linemap={})
    return ast.parse(source)


def rules_of(path: Path) -> list[Rule]:
    """The rules of a file that have a script; others inherit it from one of these."""
    found = []
    for function in ast.walk(python_of(path)):
        if not isinstance(function, ast.FunctionDef):
            continue
        calls = {
            call.func.attr: call
            for call in function.decorator_list
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
        }
        if "script" in calls:
            name = next(k.value for k in calls["rule"].keywords if k.arg == "name")
            own = calls["name"].args[0] if "name" in calls else name  # of a rule in a loop
            found.append(Rule(_first_text(own), path, calls))
    return found


def _first_text(name: ast.expr) -> str:
    """The name of a rule, or what the names of rules begin with that a loop makes."""
    return next(str(n.value) for n in ast.walk(name) if isinstance(n, ast.Constant) and n.value)


def includes(tree: ast.Module) -> list[tuple[int, str]]:
    """Line and path of the files that a file includes, in order."""
    return [
        (node.lineno, ast.literal_eval(node.value.args[0]))
        for node in tree.body
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "include"
    ]


def defined(tree: ast.Module) -> dict[str, int]:
    """Names that a file gives a value or a function, and the line of the first time."""
    found: dict[str, int] = {}
    for node in tree.body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else []
        if isinstance(node, ast.Assign):
            targets = (n for target in node.targets for n in ast.walk(target))
            names = [n.id for n in targets if isinstance(n, ast.Name) and is_stored(n)]
        for name in names:
            if not name.startswith("__"):
                found.setdefault(name, node.lineno)
    return found


def is_stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def used(tree: ast.Module) -> set[str]:
    """Names that a file reads, in rules and in functions."""
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not is_stored(n)}
