"""The throw-away Slurm cluster of these tests, by ``cluster.sh`` beside this file."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).with_name("cluster.sh")
LINK = Path("/etc/slurm/slurm.conf")
INSTALL_SECONDS = 600


def obstacle() -> str | None:
    """Why no cluster can be started here, or None."""
    if os.geteuid() != 0:
        return "a throw-away Slurm needs root"
    if LINK.is_symlink() or LINK.exists():
        return f"{LINK} is there already: this machine has a Slurm of its own"
    if shutil.which("slurmctld", path="/usr/sbin:/usr/bin") is None:
        if shutil.which("apt-get") is None:
            return "Slurm is installed from Debian's packages, and there is no apt-get"
        done = _run("install", check=False)
        if done.returncode:
            return f"Slurm can't be installed: {done.stderr.strip()[-200:]}"
    return None


def _run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    # To files, not pipes: daemons keep what they inherit open.
    out = subprocess.run(
        [str(SCRIPT), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if arguments[0] == "daemons" else subprocess.DEVNULL,
        stderr=subprocess.PIPE if arguments[0] == "install" else None,
        text=True,
        timeout=INSTALL_SECONDS,
    )
    if check:
        out.check_returncode()
    return out


def ask(*command: str) -> str:
    """Output of a Slurm command that must succeed."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until a condition holds; fail with what was waited for."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


class Cluster:
    """Two nodes with two CPUs each (c1, c2) and one with two fake GPUs (g1)."""

    def start(self) -> None:
        _run("start")

    def stop(self) -> None:
        _run("stop")

    def stop_controller(self) -> None:
        _run("stop-ctld")

    def start_controller(self) -> None:
        _run("start-ctld")

    def kill_node(self, name: str) -> None:
        _run("kill-node", name)

    def start_node(self, name: str) -> None:
        _run("start-node", name)

    def daemons(self) -> list[int]:
        """Processes of the cluster and of its jobs that are alive."""
        return [int(pid) for pid in _run("daemons").stdout.split()]

    def jobs(
        self, state: str = "PENDING,RUNNING,COMPLETING", where: Path | None = None
    ) -> list[str]:
        """Ids of the jobs in the queue, of those alone that were started in a folder."""
        lines = ask("squeue", "-h", "-t", state, "-o", "%i|%Z").splitlines()
        pairs = [line.split("|", 1) for line in lines]
        return [job for job, folder in pairs if where is None or folder == str(where)]

    def settle(self) -> None:
        """Cancel everything and wait until every node is idle again."""
        for job in self.jobs():
            subprocess.run(["scancel", job])
        wait_for("an empty queue", lambda: not self.jobs())
        try:
            wait_for("idle nodes", lambda: set(ask("sinfo", "-hN", "-o", "%T").split()) == {"idle"})
        except AssertionError as error:
            error.add_note(ask("sinfo", "-hN", "-o", "%N %T: %E"))
            raise
