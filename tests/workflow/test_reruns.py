"""What a change of code, grid or methods makes anew, on a copy of the workflow."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.conftest import overlay
from workflow.runner import Workflow, copy_workflow

METHODS = ["erm", "rw", "gdro", "gadro"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tones: Path) -> Workflow:
    """A copy of the workflow that has run four methods on two folds of the tones."""
    root = copy_workflow(tmp_path_factory.mktemp("copy"))
    settings = overlay(tones)
    settings["grid"] = {"methods": METHODS, "sources": ["none", "annotated"], "folds": [1, 2]}
    done = Workflow(tmp_path_factory.mktemp("trained"), settings, root)
    done.run()
    return done


@pytest.fixture
def package(trained: Workflow) -> Iterator[Path]:
    """The package of the copy; a test's changes are undone after it."""
    folder = trained.root / "workflow" / "fairser"
    before = {path: path.read_text() for path in folder.rglob("*.py")}
    yield folder
    for path, text in before.items():
        path.write_text(text)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def retrained(workflow: Workflow) -> set[str]:
    """Methods of the training jobs that a dry run lists."""
    jobs = re.findall(r"^Job \d+: train (\w+):", workflow.run("-n"), re.M)
    return set(jobs)


def trains(workflow: Workflow) -> int:
    return workflow.jobs().get("train", 0)


def test_nothing_is_left_to_do(trained: Workflow) -> None:
    assert trained.jobs() == {}


def test_a_comment_and_a_touch_rerun_nothing(trained: Workflow, package: Path) -> None:
    for path in (package / "training/train.py", package / "methods" / "gdro.py"):
        edit(path, "import torch\n", "import torch  # the framework\n")
    script = trained.root / "scripts" / "train.py"
    script.write_text("# A comment.\n" + script.read_text())
    assert trained.jobs() == {}


def test_the_loss_of_gdro_retrains_gdro_and_gadro(trained: Workflow, package: Path) -> None:
    edit(package / "methods/gdro.py", "self.log_q.exp() @ means", "2 * self.log_q.exp() @ means")
    assert trains(trained) == 4
    assert retrained(trained) == {"gdro", "gadro"}


def test_a_hyper_parameter_retrains_its_method(trained: Workflow) -> None:
    change = {"methods": {"gdro": {"eta": 0.1}}}
    assert retrained(Workflow(trained.folder, trained.overlay | change, trained.root)) == {"gdro"}


def test_a_new_metric_retrains_nothing(trained: Workflow, package: Path) -> None:
    edit(
        package / "evaluation/evaluate.py",
        '"clips": truth.height,',
        '"clips": truth.height, "n": 1,',
    )
    jobs = trained.jobs()
    assert jobs["evaluate"] == 8
    assert "train" not in jobs


def test_another_k_adds_its_cells_alone(trained: Workflow) -> None:
    grid = trained.overlay["grid"] | {"sources": ["none", "annotated", "kmeans"], "k": [2]}
    embedding = {"embedding": {"kind": "mfcc"}}
    clustered = Workflow(trained.folder, trained.overlay | {"grid": grid} | embedding, trained.root)
    assert trains(clustered) == 3 * 2
    clustered.run("runs")
    clustered.overlay["grid"]["k"] = [2, 64]
    jobs = clustered.jobs("runs")
    assert (jobs["train"], jobs["evaluate"], jobs["infer_groups"]) == (3 * 2, 3 * 2, 2)
