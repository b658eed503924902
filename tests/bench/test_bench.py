"""Every benchmark runs at its smallest size, and its documented commands have valid options."""

import json
import math
import os
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# A benchmark imports it; tests/conftest.py cleans up after speechbrain when tests are collected.
import unit.encoders.tiny  # noqa: F401

FOLDER = Path(__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path != Path(__file__))
COMMAND = re.compile(r"python tests/bench/(\w+)\.py([^`\n]*)")


@pytest.fixture(autouse=True)
def as_scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules are found as from the command line; the state of torch stays as it was."""
    monkeypatch.syspath_prepend(FOLDER)
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        yield
    torch.set_num_threads(threads)


def load(name: str) -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / f"{name}.py"))


def check(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = load(name)["main"](["--smallest"])
    assert rows
    for row in rows:
        numbers = [value for value in row.values() if isinstance(value, int | float)]
        assert all(math.isfinite(value) for value in numbers), row
        assert any(value > 0 for value in numbers), row
    printed = capsys.readouterr().out
    assert f"`python tests/bench/{name}.py --smallest`, commit " in printed
    assert printed.count("\n| ") >= len(rows) + 1


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cluster"])
def test_a_benchmark_runs_at_its_smallest_size(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check(name, capsys)


@pytest.mark.slurm
def test_the_cluster_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    if reason := load("cluster")["obstacle"]():
        pytest.skip(reason)
    check("cluster", capsys)


def test_without_root_the_cluster_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="needs root"):
        load("cluster")["main"](["--smallest"])


def test_a_part_that_fails_on_the_gpu_keeps_what_the_others_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main, output = load("gpu")["main"], tmp_path / "gpu.json"

    def run(name: str, *_: Any) -> list[dict[str, Any]]:
        if name == "llm":
            raise ValueError("no such kernel")
        return [{"part": name}]

    main.__globals__["run"] = run
    with pytest.raises(SystemExit, match="failed: llm"):
        main(["--only", "lora", "llm", "encoders", "--output", str(output), "--device", "cpu"])
    parts = json.loads(output.read_text())["parts"]
    assert [parts[name]["rows"] for name in ("lora", "llm", "encoders")] == [
        [{"part": "lora"}],
        [],
        [{"part": "encoders"}],
    ]
    assert parts["lora"]["error"] is None
    assert "ValueError: no such kernel" in parts["llm"]["error"]
    assert "ValueError: no such kernel" in capsys.readouterr().out


@pytest.mark.parametrize("name", NAMES)
def test_documented_commands_have_valid_options(name: str) -> None:
    pages = [FOLDER / "README.md", *sorted((FOLDER.parents[1] / "docs").glob("*.md"))]
    commands = [
        options
        for page in pages
        for found, options in COMMAND.findall(page.read_text(encoding="utf-8"))
        if found == name
    ]
    assert commands
    for options in commands:
        load(name)["parser"]().parse_args(shlex.split(options))
