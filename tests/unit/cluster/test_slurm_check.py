"""The checks of a site, with stand-ins for Slurm's programs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fairser.cluster.slurm_check import TOOLS, Check, arguments, check_all, first_try, requests
from unit.conftest import Program
from workflow.runner import ROOT

GPU_RULES = ("model_features", "llm_zero_shot", "llm_train", "train_fold", "train_fold_2")
PROFILE = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())


@pytest.fixture
def healthy(tmp_path: Path, program: Program) -> Program:
    """A site at which nothing is missing, as its node says."""
    for tool in TOOLS:
        program(tool, "exit 0")
    program("sacctmgr", "echo default")
    program("sinfo", "echo cpu; echo gpu")
    program("scontrol", "echo 'MinJobAge               = 300 sec'")
    program("srun", "echo 'host n1'; echo 'files True'; echo 'python True'")
    return program


def missing(folder: Path, profile: dict[str, Any] = PROFILE) -> dict[str, Check]:
    checks = list(check_all(profile, str(folder / "results"), []))
    return {check.name: check for check in checks if not check.ok}


def test_nothing_is_missing(tmp_path: Path, healthy: Program) -> None:
    """The node is this machine."""
    healthy("srun", 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"')
    checks = list(check_all(PROFILE, str(tmp_path / "results"), []))
    assert [str(check) for check in checks if not check.ok] == []
    names = {check.name for check in checks}
    assert {"request (default)", "request (model_features)", "python on a node"} <= names
    assert list((tmp_path / "results").iterdir()) == []


def test_without_programs_nothing_else_is_tried(
    tmp_path: Path, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program("sbatch", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = list(check_all(PROFILE, str(tmp_path), []))
    assert [check.name for check in found] == ["programs"]
    assert "no srun, squeue" in str(found[0])


@pytest.mark.parametrize(
    ("tool", "script", "name", "fix"),
    [
        ("sacctmgr", "echo physics", "account", "one of yours: physics"),
        ("sinfo", "echo cpu", "partition", "one of: cpu"),
        ("scontrol", "echo 'MinJobAge = 30 sec'", "ended jobs in squeue", "sacct"),
        ("srun", "echo 'srun: error: timed out' >&2; exit 1", "node", "Try again later"),
        ("srun", "echo 'host n1'; echo 'files False'", "shared files", "nodes share"),
        ("srun", "echo 'host n1'; echo 'files True'", "python on a node", "requirements.txt"),
    ],
)
def test_each_fault_has_its_fix(
    tmp_path: Path, healthy: Program, tool: str, script: str, name: str, fix: str
) -> None:
    healthy(tool, script)
    assert fix in missing(tmp_path)[name].fix


def test_a_gpu_that_is_refused(tmp_path: Path, healthy: Program) -> None:
    healthy(
        "sbatch", 'case "$*" in *gres*) echo "allocation failure: Invalid gres" >&2; exit 1;; esac'
    )
    found = missing(tmp_path)
    assert list(found) == [f"request ({rule})" for rule in GPU_RULES]
    for check in found.values():
        assert "gpu: 1" in str(check)
        assert "Invalid gres" in str(check)


def test_a_site_without_accounting_is_no_fault(tmp_path: Path, healthy: Program) -> None:
    healthy("sacctmgr", "exit 1")
    assert missing(tmp_path) == {}


def test_requests_are_those_of_the_first_try() -> None:
    asked = requests(PROFILE)
    assert set(asked) == {"default", *GPU_RULES}
    assert asked["model_features"]["gres"] == "gpu:1"
    assert "--mem=4000" in arguments(asked["default"])
    assert first_try("60 * attempt") == 60
    assert first_try("'gpu:1'") == "gpu:1"
