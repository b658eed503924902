"""Pins, environments, layout and documentation say the same everywhere."""

import argparse
import importlib
import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from fairser import __version__
from fairser.commands import main
from fairser.config.schema import load_schema
from workflow.runner import COPIED, ROOT


def pins(lines: list[str]) -> dict[str, str]:
    found = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines]
    return {match[1].lower(): match[2] for match in found if match}


CONSTRAINTS = pins((ROOT / "constraints.txt").read_text().splitlines())
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_as_in_the_constraints(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    direct = pins(lines)
    assert len(direct) == sum(not line.startswith("#") for line in lines)
    assert direct.items() <= CONSTRAINTS.items()


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_environments_are_pinned_as_in_the_constraints(path: Path) -> None:
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    packages = next(entry["pip"] for entry in dependencies if isinstance(entry, dict))
    direct = pins(packages)
    assert len(direct) == len(packages)
    assert direct.items() <= CONSTRAINTS.items()


COMMANDS = sorted(
    path.stem
    for path in (ROOT / "workflow/fairser/commands").glob("*.py")
    if path.stem not in ("__init__", "base", "demo", "main")  # `fair-ser` has these alone
)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem
)
def test_scripts_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself(name: str) -> None:
    options: list[argparse.Action] = []

    class Recording(argparse.RawDescriptionHelpFormatter):
        def add_argument(self, action: argparse.Action) -> None:
            options.append(action)
            super().add_argument(action)

    module = importlib.import_module(f"fairser.commands.{name}")
    parser = module.parser()
    parser.formatter_class = Recording
    shown = parser.format_help()
    assert shown.startswith(f"usage: scripts/{name}.py")
    assert module.__doc__.splitlines()[0] in shown
    assert options and all(option.help for option in options)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_script_calls_its_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: scripts/{name}.py")


def test_a_script_runs_from_any_folder_without_the_package_on_the_path(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts/export.py"), "--help"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)


def test_the_schema_describes_every_key() -> None:
    def check(schema: dict, where: str) -> int:
        keys = schema.get("properties", {})
        for name, part in keys.items():
            assert part.get("description"), f"{where}{name} has no description"
            assert "default" in part, f"{where}{name} has no default"
            if "properties" in part:  # other keys are an error, or described, too
                others = part["additionalProperties"]
                assert others is False or others["description"]
        return len(keys) + sum(check(part, f"{name}.") for name, part in keys.items())

    schema = load_schema()
    assert schema["additionalProperties"] is False
    assert check(schema, "") > 30


def test_config_yaml_has_every_key_and_a_comment_for_it() -> None:
    text = (ROOT / "config.yaml").read_text()
    values = yaml.safe_load(text)
    for name, part in load_schema()["properties"].items():
        if values[name] == {}:  # settings by name, which docs/configuration.md lists
            continue
        assert set(values[name] if "properties" in part else [name]) == set(
            part.get("properties", [name])
        )
    lines = [line for line in text.splitlines() if re.match(r"  \w+: ", line)]
    assert len(lines) > 25
    assert [line for line in lines if "#" not in line] == []


def loaded(modules: str) -> set[str]:
    """Modules that a fresh process holds after importing some."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; print(*sys.modules)"],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def test_the_training_imports_little() -> None:
    found = loaded("fairser.training.train, fairser.training.runs, fairser.methods.disent")
    assert "torch" in found
    assert not found & {"torchaudio", "transformers", "sklearn", "scipy", "matplotlib", "snakemake"}


def test_the_grid_is_listed_without_heavy_imports() -> None:
    found = loaded(
        "fairser.config.configuration, fairser.config.grid, fairser.config.llm, "
        "fairser.config.store_names, fairser.core.closing, fairser.core.jobs, "
        "fairser.core.provenance, fairser.llm.grid, fairser.pretrained.records, "
        "fairser.report.captions, fairser.report.shell, fairser.results.grid_state"
    )
    assert not found & {"torch", "polars", "numpy", "sklearn", "jinja2"}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lowest(requirements: list[str]) -> dict[str, str]:
    found = [re.fullmatch(r"([\w.-]+)>=([\w.]+)", line) for line in requirements]
    return {match[1].lower(): match[2] for match in found if match}


def test_the_package_needs_what_the_workflow_needs() -> None:
    """Each library from the pinned version on, in one extra or for all."""
    extras = PROJECT["optional-dependencies"]
    parts = [lowest(part) for part in (PROJECT["dependencies"], *extras.values())]
    others = {line for part in extras.values() for line in part if ">=" not in line}
    assert others <= {f"fair-ser[{name}]" for name in extras}
    names = [name for part in parts for name in part]
    assert len(names) == len(set(names))
    wanted = pins((ROOT / "requirements.txt").read_text().splitlines())
    assert {name: pin for part in parts for name, pin in part.items()} == wanted
    assert {one.extra for one in main.COMMANDS.values()} <= {"", *extras}


def test_the_package_has_every_room() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = [path.parent for path in (ROOT / "workflow/fairser").rglob("__init__.py")]
    names = {".".join(room.relative_to(ROOT / "workflow").parts) for room in rooms}
    wanted = {"fairser.share", *names}
    assert set(tool["packages"]) == wanted


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    assert "version" not in zenodo  # Zenodo takes that of the release
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    papers = [one["identifiers"][0]["value"] for one in citation["references"]]
    assert [one["identifier"] for one in zenodo["related_identifiers"]] == papers
    assert zenodo["title"] == citation["title"]


def test_the_containerfile_holds_the_workflow() -> None:
    lines = (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
    steps = [line.split() for line in lines if line and not line.startswith("#")]
    base = steps[0]
    assert base[0] == "FROM" and re.fullmatch(r"python:3\.\d+-slim-\w+", base[1])
    copied = [word for step in steps if step[0] == "COPY" for word in step[1:-1]]
    assert {*copied} == {*COPIED, "requirements.txt", "constraints.txt"}
    assert all((ROOT / name).exists() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == {*copied}
    (install,) = [step for step in steps if step[:3] == ["RUN", "pip", "install"]]
    assert install[-4:] == ["-r", "requirements.txt", "-c", "constraints.txt"]


@pytest.mark.parametrize("path", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=str)
def test_continuous_integration_uses_what_is_there(path: Path) -> None:
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    steps = [step for job in jobs for step in job["steps"]]
    assert all(re.fullmatch(r"[\w/-]+@(v\d+|release/v1)", s["uses"]) for s in steps if "uses" in s)
    makefile = (ROOT / "Makefile").read_text()
    made = re.findall(r"make ([\w-]+)", " ".join(step.get("run", "") for step in steps))
    assert all(re.search(rf"^{target}: ", makefile, re.M) for target in made)
    versions = [job["strategy"]["matrix"]["python"] for job in jobs if "strategy" in job]
    supported = [line.split()[-1] for line in PROJECT["classifiers"] if "Python :: 3" in line]
    assert all(matrix == supported for matrix in versions)


def test_the_catalog_finds_what_it_asks_for() -> None:
    assert (ROOT / "workflow/Snakefile").is_file() and (ROOT / "config/README.md").is_file()
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": True}


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=str)
def test_issue_forms_have_what_the_host_asks_for(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= form.keys()
    assert {part["type"] for part in form["body"]} <= {"textarea", "input", "markdown"}
