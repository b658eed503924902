"""Jobs that an earlier run of the workflow left in the queue of a Slurm cluster.

Snakemake that is killed can't cancel what it has submitted. The next run in the same folder would
submit the same cells while the old jobs still write, so it cancels them first. A job is known by
the prefix of its name and by its folder: runs in other folders, and of other users, are left alone.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from fairser.core.errors import InputError

PREFIX = "fairser_"  # of job names: slurm-jobname-prefix in slurm/config.yaml, and Snakemake's run
WAIT = 180  # seconds for cancelled jobs to end; Slurm itself kills a job 30 s after it asked
POLL = 1
CHUNK = 500  # jobs named in one command line


def find(folder: str | Path) -> dict[str, str]:
    """Number and state of this user's jobs of the workflow in ``folder`` that have not ended.

    Raises:
        InputError: the queue can't be seen.
    """
    here = os.path.realpath(folder)
    # By number: the name in the environment may be that of who started a shell for another user.
    lines = _run("squeue", "--noheader", f"--user={os.getuid()}", "--format=%i|%T|%j|%Z")
    jobs = [line.split("|", 3) for line in lines.splitlines() if line.count("|") >= 3]
    return {
        job: state
        for job, state, name, where in jobs
        if name.startswith(PREFIX) and os.path.realpath(where) == here
    }


def cancel(folder: str | Path, tell: Callable[[str], object]) -> int:
    """Cancel what an earlier run in ``folder`` left in the queue, and wait until it is gone.

    Nobody else may be running the workflow in this folder; Snakemake's lock sees to that. ``tell``
    is called with one line before the wait. Returns the number of jobs.

    Raises:
        InputError: the queue can't be seen, or a job is still there after :data:`WAIT` seconds.
    """
    jobs = list(find(folder))
    if not jobs:
        return 0
    tell(f"Cancelling {len(jobs)} job(s) that an earlier run left in the queue: {' '.join(jobs)}.")
    for start in range(0, len(jobs), CHUNK):
        _run("scancel", *jobs[start : start + CHUNK])
    end = time.monotonic() + WAIT
    while left := [(job, state) for job, state in find(folder).items() if job in jobs]:
        if time.monotonic() > end:
            job, state = left[0]
            raise InputError(
                f"Slurm job {job} of an earlier run is still {state} {WAIT} s "
                "after it was cancelled, and could write into the results. Wait until squeue no "
                "longer lists it (its node may be down: ask the site), then start again."
            )
        time.sleep(POLL)
    return len(jobs)


def has_queue() -> bool:
    """Whether this machine can see the queue of a Slurm cluster."""
    return shutil.which("squeue") is not None


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise InputError(
            f"{command[0]} failed: {done.stderr.strip()}. Whether an earlier run left jobs in the "
            "queue is unknown; start again when the cluster answers."
        )
    return done.stdout
