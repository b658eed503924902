"""Rule files stand for themselves; each rule has what Snakemake and a reader expect."""

import ast
from pathlib import Path

import pytest

from fairser.core.places import PACKAGE
from fairser.core.provenance import NEUTRAL, closure
from workflow.runner import ROOT
from workflow.snakefiles import RULES, Rule, defined, includes, python_of, rules_of, used

FILES = sorted(RULES.glob("*.smk"))
FOUND = [rule for file in FILES for rule in rules_of(file)]
COMMANDS = {path.stem for path in (PACKAGE / "commands").glob("*.py")} - {
    "__init__",
    "base",
    "demo",
    "main",
}
# What these rules make is given by pinned commits, or they make nothing.
WITHOUT_CODE = {"cremad_labels", "cremad_audio", "fetch_model", "pin_models", "grid"}


def test_every_script_has_a_rule_or_a_command() -> None:
    scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
    assert scripts == {rule.name for rule in FOUND} | COMMANDS


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.name)
def test_a_rule_has_script_log_and_environment(rule: Rule) -> None:
    assert rule.text("script") == f"../../scripts/{rule.name}.py"
    assert (rule.file.parent / rule.text("conda")).resolve().is_file()
    assert "log" in rule.directives
    # A rule's own resources would silently win over the default-resources of a profile.
    assert "resources" not in rule.directives


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.name)
def test_a_result_depends_on_the_code_of_its_script(rule: Rule) -> None:
    params = rule.directives["params"].keywords if "params" in rule.directives else []
    code = [keyword.value for keyword in params if keyword.arg == "code"]
    if rule.name in WITHOUT_CODE:
        assert code == []
        return
    (call,) = code
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    assert (call.func.id, ast.literal_eval(call.args[0])) == ("code_of", rule.name)


def imported(file: Path) -> set[str]:
    """Modules of the package that a file imports, by the names of its import statements."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    paths = {name: PACKAGE.parent.joinpath(*name.split(".")) for name in found}
    return {
        name
        for name, path in paths.items()
        if name.startswith("fairser.") and (path.is_dir() or path.with_suffix(".py").is_file())
    }


@pytest.mark.parametrize("rule", FOUND, ids=lambda rule: rule.name)
def test_the_code_of_a_script_is_all_that_it_imports(rule: Rule) -> None:
    found = closure([ROOT / "scripts" / f"{rule.name}.py"], NEUTRAL)
    assert f"scripts/{rule.name}.py" in found
    for file in found.values():
        assert imported(file) <= {*found, *NEUTRAL}


def unit(file: Path) -> list[Path]:
    """A rule file and the files that it includes."""
    return [file, *(file.parent / name for _, name in includes(python_of(file)))]


def test_no_rule_file_uses_a_name_of_another_one() -> None:
    """They may use those of the common files, and of the Snakefile above their inclusion."""
    assert [name for _, name in includes(python_of(ROOT / "Snakefile"))] == ["workflow/Snakefile"]
    body = ROOT / "workflow/Snakefile"
    snakefile = python_of(body)
    included = {body.parent / name: line for line, name in includes(snakefile)}
    units = {file: unit(file) for file in included if file.parent == RULES}
    assert {file for files in units.values() for file in files} == set(FILES)
    names = {
        file: {name for part in files for name in defined(python_of(part))}
        for file, files in units.items()
    }
    common = [file for file in included if file.stem.endswith("common")]
    faults = []
    for file, files in units.items():
        free = set(names[file])
        for other in common:
            free |= set(defined(python_of(other))) if included[other] <= included[file] else set()
        free |= {n for n, line in defined(snakefile).items() if line < included[file]}
        known = set(defined(snakefile)).union(*names.values())
        faults += [
            f"{part.name} uses {name}"
            for part in files
            for name in sorted(used(python_of(part)) & known - free)
        ]
    assert faults == []
