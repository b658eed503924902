"""Runs of two clones that share a folder of results or of features."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from fairser.core.locks import NAME
from workflow.conftest import overlay
from workflow.runner import Workflow

ENDLESS = 1_000_000  # epochs


@pytest.fixture
def clones(tmp_path: Path, tones: Path) -> tuple[Workflow, Workflow]:
    """Two working directories; the first one trains without end, on features of its own."""
    settings: dict[str, Any] = overlay(tones) | {"grid": {"methods": ["erm"], "folds": [1]}}
    endless = settings["train"] | {"epochs": ENDLESS, "checkpoint_seconds": 0}
    made = []
    for name, train in (("first", endless), ("second", settings["train"])):
        (tmp_path / name).mkdir()
        own = {"results": str(tmp_path / "results"), "features": str(tmp_path / f"features-{name}")}
        made.append(Workflow(tmp_path / name, settings | {"train": train} | own))
    return made[0], made[1]


def test_the_second_run_is_refused_until_the_first_one_ends(
    clones: tuple[Workflow, Workflow],
) -> None:
    first, second = clones
    lock, output = first.results / NAME, []
    checkpoint = first.results / "runs/erm/none/k1/fold1/seed0/checkpoint.pt"

    def trains() -> bool:
        """Whether the first one trains; then the second one is tried."""
        if not checkpoint.exists():
            return False
        held = json.loads(lock.read_text())
        assert held["folder"] == str(first.folder)
        output.append(second.fail("runs"))
        for part in (held["host"], f"process {held['process']}", held["user"], held["since"]):
            assert part in output[0]
        assert f"rm {lock}" in output[0]
        assert "Traceback" not in output[0]
        second.jobs()  # looking is allowed
        second.run("grid")
        assert json.loads(lock.read_text()) == held
        return True

    stopped = first.stop_when(trains, signal.SIGINT, "runs")
    assert "Stopped before the end." in stopped
    assert not lock.exists()
    assert not (second.results / "runs/erm/none/k1/fold1/seed0/metrics.json").exists()
    assert "Done in" in second.run("runs")  # Snakemake's own lock was given back too
    assert not lock.exists()
    assert not any((second.folder / "features-second").rglob(NAME))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_run_goes_on_by_the_same_command(
    clones: tuple[Workflow, Workflow], how: signal.Signals
) -> None:
    first, _ = clones
    checkpoint = first.results / "runs/erm/none/k1/fold1/seed0/checkpoint.pt"
    first.stop_when(checkpoint.exists, how, "runs")
    killed = how == signal.SIGKILL
    assert (first.results / NAME).exists() == killed
    if killed:
        first.run("--unlock")
    first.overlay["train"] |= {"epochs": 2}
    output = first.run("runs")
    assert ("is gone" in output) == killed
    assert not (first.results / NAME).exists()


def test_features_are_held_only_while_they_are_made(clones: tuple[Workflow, Workflow]) -> None:
    first, second = clones
    second.overlay |= {"results": "results", "features": first.overlay["features"]}
    lock = first.features / NAME
    output = []

    def makes() -> bool:
        if not lock.exists():
            return False
        output.append(second.fail("runs"))
        assert f"rm {lock}" in output[0]
        return True

    first.stop_when(makes, signal.SIGINT, "features")
    assert output
    assert not lock.exists()
    first.run("features")
    first.stop_when((first.results / NAME).exists, signal.SIGINT, "runs")
    assert not lock.exists()
