"""The throw-away cluster itself. Runs first: the other files' cluster takes its place."""

from pathlib import Path

import pytest

from slurm.cluster import LINK, Cluster, ask, obstacle, wait_for

pytestmark = [pytest.mark.slurm, pytest.mark.subset]


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_no_process_and_no_configuration_survives() -> None:
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    cluster = Cluster()
    try:
        cluster.start()
        job = ask("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "sleep 600")
        wait_for("a running job", lambda: cluster.jobs("RUNNING") == [job.strip()])
        before = cluster.daemons()
        assert len(before) >= 8  # munge, MariaDB, slurmdbd, slurmctld, three slurmd and the job
    finally:
        cluster.stop()
    assert cluster.daemons() == []
    assert [pid for pid in before if is_running(pid)] == []
    assert not LINK.is_symlink()
