"""slurm-check on the real cluster."""

import subprocess
import sys

import pytest

from slurm.site import Site
from workflow.runner import ROOT

pytestmark = [pytest.mark.slurm, pytest.mark.subset]


def check(site: Site) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/slurm_check.py")]
    return subprocess.run(command, cwd=site.folder, capture_output=True, text=True, timeout=200)


def test_what_a_site_lacks_is_told(site: Site) -> None:
    done = check(site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "missing" not in done.stdout
    assert "ok       shared files" in done.stdout
    assert "ok       python on a node" in done.stdout
    site.profile(gres="'gpu:3'", slurm_partition="gpu")
    done = check(site)
    assert done.returncode == 1
    assert "missing  request (train)" in done.stdout
    site.profile(gres="'gpu:2'", slurm_partition="gpu")
    assert check(site).returncode == 0
