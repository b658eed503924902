"""What a change of code, grid or methods makes anew, on a copy of the workflow."""

import re
from pathlib import Path

import pytest

from fairser.core.files import read_json
from workflow.runner import Workflow, copy_workflow

EXTRA = "\n\ndef added() -> int:\n    return 1\n"


@pytest.fixture
def trained(copied: Workflow, tmp_path: Path) -> Workflow:
    """The finished run with a workflow of its own, which the test may change."""
    return Workflow(copied.folder, copied.overlay, copy_workflow(tmp_path / "workflow"))


def append(workflow: Workflow, module: str, text: str) -> None:
    path = workflow.root / "workflow/fairser" / module
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def retrained(output: str) -> list[str]:
    """Methods of the training jobs that a dry run lists, one for each job."""
    return sorted(re.findall(r"^Job \d+: train (\w+):", output, re.M))


def test_a_comment_and_a_touch_rerun_nothing(trained: Workflow) -> None:
    for module in ("training/train.py", "methods/gdro.py"):
        append(trained, module, "# A comment.\n")
    script = trained.root / "scripts/train.py"
    script.write_text("# A comment.\n" + script.read_text())
    assert trained.jobs() == {}


def test_a_change_of_gdro_retrains_gdro_and_gadro(trained: Workflow) -> None:
    append(trained, "methods/gdro.py", EXTRA)
    assert retrained(trained.run("-n")) == ["gadro", "gadro", "gdro", "gdro"]


def test_a_hyper_parameter_retrains_its_method(copied: Workflow) -> None:
    changed = copied.changed({"methods": {"gdro": {"eta": 0.1}}})
    assert retrained(changed.run("-n")) == ["gdro", "gdro"]


def test_a_new_metric_retrains_nothing(trained: Workflow) -> None:
    append(trained, "evaluation/evaluate.py", EXTRA)
    jobs = trained.jobs()
    assert jobs["evaluate"] == 10
    assert "train" not in jobs


def test_another_k_adds_its_cells_alone(copied: Workflow) -> None:
    grid = {"methods": ["erm", "rw"], "sources": ["none", "kmeans"], "k": [2], "folds": [2]}
    copied.overlay |= {"grid": grid, "embedding": {"kind": "mfcc"}}
    clustered = copied.run("runs")
    assert retrained(clustered) == ["rw"]
    grid["k"] = [2, 64]
    jobs = copied.jobs("runs")
    assert (jobs["train"], jobs["evaluate"], jobs["infer_groups"]) == (1, 1, 1)


def test_settings_of_the_training_renew_the_groups_of_its_models(copied: Workflow) -> None:
    grid = {"methods": ["erm", "rw"], "sources": ["none", "annotated", "xrm", "pitch_bins"]}
    copied.overlay |= {"grid": grid | {"folds": [2]}}
    copied.run("runs")
    groups = read_json(copied.results / "groups/xrm/k1/fold2.json")
    assert groups["origin"]["settings"]["kind"] == "fbank"
    assert set(groups["notes"]) == {"errors", "flips"}
    pitch = read_json(copied.results / "groups/pitch_bins/k3/fold2.json")
    assert pitch["origin"]["settings"]["kind"] == "f0"
    output = copied.changed({"train": {"epochs": 6, "learning_rate": 0.001}}).run("-n")
    assert re.findall(r"groups from (\w+),", output) == ["xrm"]
    output = copied.changed({"sources": {"pitch_bins": {"limits": [200, 400]}}}).run("-n")
    assert re.findall(r"groups from (\w+),", output) == ["pitch_bins"]
    assert retrained(output) == ["rw"]
