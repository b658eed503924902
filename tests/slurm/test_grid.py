"""Runs without faults on the cluster: equal results, groups, GPU requests, two runs at once."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from slurm.cluster import Cluster, ask
from slurm.conftest import EPOCHS
from slurm.site import PROFILE, Site

pytestmark = pytest.mark.slurm
CLUSTER_PROFILE = ("--profile", "slurm")


def accounted(job: str, what: str) -> str:
    return ask("sacct", "-n", "-X", "-P", "-j", job, "-o", what).strip()


@pytest.mark.subset
def test_cells_of_a_fold_travel_together(
    site: Site, undisturbed: Callable[[int], dict[str, str]]
) -> None:
    site.edit("slurm/config.yaml", {"group-components": ["cells_{fold}=8"]})
    site.finish("tables")
    assert site.outcome() == undisturbed(EPOCHS)
    jobs = site.submitted()
    assert len(jobs) == 2  # one for each fold, of two cells
    for job in jobs:
        # One member's CPU and memory, and time for both.
        request = accounted(job, "ReqCPUS,ReqMem,TimelimitRaw,JobName,State")
        assert re.fullmatch(r"1\|1500M\|10\|fairser_[\w-]+\|COMPLETED", request), request


@pytest.mark.subset
def test_a_fold_is_one_submission(site: Site) -> None:
    """And one for its groups: `train.together: fold`, with the profile's request of a GPU."""
    site.edit("config.yaml", {"train": {"together": "fold"}})
    request = {"slots": 1, "slurm_partition": "gpu", "gres": "'gpu:1'"}
    site.edit("slurm/config.yaml", {"set-resources": {"train_fold": request}})
    site.finish("tables")
    jobs = site.submitted()
    assert len(jobs) == 4
    groups, runs = jobs[:2], jobs[2:]
    for job in groups:
        assert accounted(job, "State") == "COMPLETED"
        assert "gres/gpu" not in accounted(job, "AllocTRES")
    for job in runs:
        assert accounted(job, "NodeList,State") == "g1|COMPLETED"
        assert "gres/gpu=1" in accounted(job, "AllocTRES")
    assert len(list(site.results.rglob("runs/**/metrics.json"))) == 4
    assert site.parts() == []


def test_one_by_one(site: Site, undisturbed: Callable[[int], dict[str, str]]) -> None:
    site.finish("tables")
    assert len(site.submitted()) == 4
    assert site.outcome() == undisturbed(EPOCHS)
    assert site.parts() == []
    assert len(list(site.results.rglob("train.log"))) == 4


@pytest.mark.parametrize("request_", [{"gres": "'gpu:1'"}, {"gpu": 1}], ids=["gres", "gpus"])
def test_a_gpu_is_asked_for_in_either_form(site: Site, request_: dict[str, object]) -> None:
    site.profile(slurm_partition="gpu", **request_)
    site.finish("results/runs/erm/none/k1/fold1/seed0/run.json")
    (job,) = site.submitted()
    assert accounted(job, "NodeList,State") == "g1|COMPLETED"
    assert "gres/gpu=1" in accounted(job, "AllocTRES")


def test_two_folders_at_once(
    site: Site, undisturbed: Callable[[int], dict[str, str]], tmp_path: Path
) -> None:
    sites = [site.copy(tmp_path / name) for name in ("first", "second")]
    for running in [one.start(*CLUSTER_PROFILE, "tables") for one in sites]:
        done = running.wait()
        assert done.code == 0, done.text[-6000:]
    first, second = sites
    assert first.outcome() == second.outcome() == undisturbed(EPOCHS)
    assert not set(first.submitted()) & set(second.submitted())


def test_the_demo_grid(cluster: Cluster, tmp_path: Path) -> None:
    """Every method and source on one fold, with all but the cheap rules on the cluster."""
    demo = Site.make(tmp_path / "root", {})
    grid = ("--configfile", "config.yaml", "workflow/grids/demo.yaml", "small.yaml")
    small = {"grid": {"folds": [1], "k": [2]}, "tables": {"table1_k": 2, "table2_k": [2]}}
    (demo.folder / "small.yaml").write_text(yaml.safe_dump(small | {"results": "results"}))
    demo.edit("slurm/config.yaml", PROFILE | {"group-components": ["cells_{fold}=5"]})
    local = demo.copy(tmp_path / "local")
    done = local("--cores", "2", "tables", *grid, timeout=900)
    assert done.code == 0, done.text[-6000:]
    done = demo(*CLUSTER_PROFILE, "tables", *grid, timeout=1500)
    assert done.code == 0, done.text[-6000:]
    outcome = demo.outcome()
    assert len(outcome) == 17 + 6
    assert outcome == local.outcome()
