"""Pins, environments, layout and documentation say the same everywhere."""

import argparse
import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fairser.config.schema import load_schema
from workflow.runner import ROOT


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
            if "properties" in part:
                assert part["additionalProperties"] is False
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
