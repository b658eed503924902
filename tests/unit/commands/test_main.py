"""The command fair-ser: its subcommands, what it says is missing, and the folder of the demo."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fairser import __version__
from fairser.commands import demo
from fairser.commands import main as module
from fairser.commands.base import BAD_INPUT, FOUND
from fairser.commands.main import COMMANDS, main
from workflow.runner import ROOT

LIGHT = ("audit", "compare", "check", "demo")  # whose modules need no torch


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is printed before the command exits with 0."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_help_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "--help")
    assert all(f"  {name:9}{one.text}\n" in f"{text}\n" for name, one in COMMANDS.items())
    assert shown(capsys, "--version") == f"fair-ser {__version__}\n"
    assert all(find_spec(f"fairser.commands.{one.module}") for one in COMMANDS.values())


@pytest.mark.parametrize("name", LIGHT)
def test_a_command_is_named_as_it_was_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, name, "--help")
    assert text.startswith(f"usage: fair-ser {name}")
    assert f"    fair-ser {name}" in text
    assert "scripts/" not in text


@pytest.mark.parametrize("arguments", [[], ["audits"], ["--audit"]])
def test_no_such_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == BAD_INPUT
    assert "usage: fair-ser" in capsys.readouterr().err


def test_help_and_version_load_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from fairser.commands.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'numpy', 'polars', 'torch', 'yaml', 'snakemake'} & set(sys.modules)\n"
    )
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", program]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("name", "missing", "wanted"),
    [
        ("predict", "torch.nn", '"fair-ser[train]"'),
        ("check", "snakemake", '"fair-ser[workflow]"'),
        ("audit", "polars", '"fair-ser"'),
    ],
)
def test_what_is_missing_can_be_installed(
    name: str,
    missing: str,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def without(_: str) -> Any:
        raise ModuleNotFoundError(name=missing)

    monkeypatch.setattr(module, "import_module", without)
    assert main([name]) == BAD_INPUT
    told = capsys.readouterr().err
    assert f"needs the package {missing.partition('.')[0]}," in told
    assert f"pip install {wanted}" in told


def test_a_missing_module_of_the_package_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(_: str) -> Any:
        raise ModuleNotFoundError(name="fairser.commands.gone")

    monkeypatch.setattr(module, "import_module", without)
    with pytest.raises(ModuleNotFoundError):
        main(["audit"])


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path]]:
    """Commands that the demo starts, with their folders; nothing runs."""
    started = []

    def run(command: list[str], cwd: Path) -> SimpleNamespace:
        started.append((command, cwd))
        return SimpleNamespace(returncode=len(started) - 1)

    monkeypatch.setattr(demo, "subprocess", SimpleNamespace(run=run))
    return started


def test_the_demo_runs_in_a_folder_of_its_own(
    runs: list[tuple[list[str], Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    folder = Path("fair-ser-demo")
    command = [sys.executable, "-m", "snakemake", "report", "--cores", "all", "--quiet", "rules"]
    command += ["--configfile", "config.yaml", "workflow/grids/demo.yaml"]
    assert runs == [(command, folder)]
    assert "fair-ser-demo/results/demo/report.html" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["fair-ser-demo"]
    (folder / "config.yaml").write_text("study: subgroups\n")
    assert main(["demo"]) == FOUND  # as Snakemake fails this time
    assert (folder / "config.yaml").read_text() == "study: subgroups\n"
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("notes.txt", "mine", "is no workflow"),
        ("workflow/fairser/__init__.py", '__version__ = "0.0.1"', "of another version"),
    ],
)
def test_a_folder_of_something_else_stays(
    runs: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str,
    message: str,
) -> None:
    (tmp_path / "out" / file).parent.mkdir(parents=True)
    (tmp_path / "out" / file).write_text(text)
    assert main(["demo", str(tmp_path / "out")]) == BAD_INPUT
    told = capsys.readouterr().err
    assert f"{tmp_path}/out" in told and message in told
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [tmp_path / "out" / file]
    assert runs == []


def test_the_demo_needs_snakemake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda _: None)
    assert main(["demo", str(tmp_path / "out")]) == BAD_INPUT
    assert '"fair-ser[workflow]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
