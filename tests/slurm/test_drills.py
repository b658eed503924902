"""Faults of a cluster. After each drill and one more run the results equal undisturbed ones."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slurm.cluster import Cluster, ask, wait_for
from slurm.conftest import EPOCHS
from slurm.site import Done, Site

pytestmark = pytest.mark.slurm
RUN = ("--profile", "slurm", "tables")
Outcome = Callable[[int], dict[str, str]]

# Put before the training's script.
ONCE = """
import pathlib, time
first = pathlib.Path(snakemake.log[0] + ".tried")
if not first.exists():
    first.touch()
    time.sleep({seconds})
"""
DIES_TWICE = """
import pathlib, sys
tries = pathlib.Path(snakemake.log[0] + ".tries")
with tries.open("a") as file:
    file.write("x")
if tries.stat().st_size < 3:
    sys.exit("drill: a fault")
"""
BALLAST = """
import time
ballast = b"x" * 950_000_000  # beyond the first limit by itself, within the second beside torch
time.sleep(8)
"""


def running(cluster: Cluster, site: Site, number: int) -> list[str]:
    """Wait until a number of the site's jobs train; their ids."""
    found: list[str] = []

    def enough() -> bool:
        found[:] = cluster.jobs("RUNNING", site.folder)
        return len(found) >= number and len(list(site.results.rglob("*.tried"))) >= number

    wait_for(f"{number} running job(s)", enough)
    return found


def check(site: Site, undisturbed: Outcome, first: Done | None = None) -> None:
    """One more run succeeds, and all is as if nothing had happened."""
    assert first is None or first.code == 0, first.text[-6000:]
    site.finish("tables")
    assert site.outcome() == undisturbed(EPOCHS)


@pytest.mark.subset
def test_a_cancelled_job_is_tried_again(cluster: Cluster, site: Site, undisturbed: Outcome) -> None:
    site.inject(ONCE.format(seconds=30))
    run = site.start(*RUN)
    subprocess.run(["scancel", running(cluster, site, 1)[0]], check=True)
    done = run.wait()
    assert "Error in group cells_" in done.text
    assert len(site.submitted()) == 5
    check(site, undisturbed, done)


def test_a_job_that_dies_twice(site: Site, undisturbed: Outcome) -> None:
    site.inject(DIES_TWICE)
    done = site(*RUN)
    assert len(site.submitted()) == 4 * 3
    check(site, undisturbed, done)


def test_memory_exceeded_is_doubled(site: Site, undisturbed: Outcome) -> None:
    site.inject(BALLAST)
    site.profile(mem_mb="800 * attempt")
    done = site(*RUN)
    jobs = ",".join(site.submitted())
    states = ask("sacct", "-n", "-X", "-P", "-j", jobs, "-o", "ReqMem,State").split()
    assert states.count("1600M|COMPLETED") == 4, states
    # Slurm says FAILED where it polls the memory, OUT_OF_MEMORY where the kernel watches it.
    assert {state for state in states if state.startswith("800M")} == {"800M|FAILED"}
    assert "exceeded memory limit" in done.text
    check(site, undisturbed, done)


LONG = 300  # epochs; slowed down, they take longer than the minute of the first try
LONG_CELL = "erm/none/k1/fold1/seed0"
SLOW = """
import time, torch
shuffle = torch.randperm
def slow(*arguments, **options):  # called once in an epoch
    time.sleep(0.3)
    return shuffle(*arguments, **options)
torch.randperm = slow
"""


@pytest.fixture(scope="module")
def timed_out(
    prepared: Callable[[int], Site], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Site, Done]:
    """A run of one cell whose time was too short."""
    site = prepared(LONG).copy(tmp_path_factory.mktemp("timed_out") / "root")
    site.inject(SLOW)
    site.profile(runtime="1 * attempt")
    return site, site("--profile", "slurm", f"results/runs/{LONG_CELL}/run.json", timeout=900)


def test_the_time_limit_in_mid_training(timed_out: tuple[Site, Done], undisturbed: Outcome) -> None:
    site, done = timed_out
    assert done.code == 0, done.text[-6000:]
    jobs = ",".join(site.submitted())
    states = ask("sacct", "-n", "-X", "-P", "-j", jobs, "-o", "State").split()
    assert states[0] == "TIMEOUT"
    assert states[-1] == "COMPLETED"
    file = f"runs/{LONG_CELL}/predictions.parquet"
    assert site.outcome()[file] == undisturbed(LONG)[file]


def test_a_run_that_was_out_of_time_resumes(timed_out: tuple[Site, Done]) -> None:
    site, _ = timed_out
    assert "resumed at epoch" in site.log(LONG_CELL).read_text()


@pytest.fixture
def restored(cluster: Cluster) -> Iterator[None]:
    """The daemons of the cluster run again after a drill, also after a failed one."""
    yield
    cluster.start_controller()
    for node in ("c1", "c2"):
        cluster.start_node(node)


@pytest.mark.usefixtures("restored")
def test_a_node_goes_down(cluster: Cluster, site: Site, undisturbed: Outcome) -> None:
    """Its jobs go to another node, while the old processes live on and write their results."""
    site.inject(ONCE.format(seconds=60))
    run = site.start(*RUN)
    running(cluster, site, 4)
    cluster.kill_node("c1")
    done = run.wait()
    assert "excluded from subsequent submissions: c1" in done.text
    states = ask("sacct", "-n", "-X", "-P", "-j", ",".join(site.submitted()), "-o", "State").split()
    assert (states.count("NODE_FAIL"), states.count("COMPLETED")) == (2, 4)
    check(site, undisturbed, done)


@pytest.mark.usefixtures("restored")
def test_the_controller_is_away_while_jobs_run(
    cluster: Cluster, site: Site, undisturbed: Outcome
) -> None:
    site.inject(ONCE.format(seconds=15))
    run = site.start(*RUN)
    running(cluster, site, 4)
    cluster.stop_controller()
    time.sleep(20)
    cluster.start_controller()
    done = run.wait()
    assert len(site.submitted()) == 4
    check(site, undisturbed, done)


@pytest.mark.subset
@pytest.mark.usefixtures("restored")
def test_the_controller_is_away_while_jobs_are_submitted(
    cluster: Cluster, site: Site, undisturbed: Outcome
) -> None:
    run = site.start(*RUN)
    wait_for("the first group", lambda: "Group job cells_" in run.text)
    with run.paused():  # or all groups may be submitted while the controller stops
        cluster.stop_controller()
    time.sleep(20)  # two of the four tries fail
    cluster.start_controller()
    done = run.wait()
    assert "Error in group cells_" in done.text  # that submissions failed
    check(site, undisturbed, done)


@pytest.mark.subset
def test_snakemake_is_killed_and_started_again(
    cluster: Cluster, site: Site, undisturbed: Outcome
) -> None:
    """The second run cancels what the first one left before it submits anything."""
    site.inject(ONCE.format(seconds=90))
    run = site.start(*RUN)
    left = running(cluster, site, 4)
    run.kill()
    assert cluster.jobs("RUNNING", site.folder) == left
    refused = site(*RUN)
    assert refused.code != 0
    assert "--unlock" in refused.text
    assert site("--unlock").code == 0
    done = site(*RUN)
    assert "Cancelling 4 job(s) that an earlier run left in the queue" in done.text
    states = ask("sacct", "-n", "-X", "-P", "-j", ",".join(left), "-o", "State").splitlines()
    assert {state.split()[0] for state in states} == {"CANCELLED"}
    assert not set(left) & set(site.submitted())
    check(site, undisturbed, done)


@pytest.mark.usefixtures("restored")
def test_leftovers_that_can_not_be_seen_stop_a_run(cluster: Cluster, site: Site) -> None:
    cluster.stop_controller()
    done = site(*RUN)
    assert done.code != 0
    assert "start again when the cluster answers" in done.text
    assert site.submitted() == []


def test_a_wrong_account_ends_the_run(site: Site) -> None:
    """The plugin alone would wait for ever: its message for a group has a fault of its own."""
    profile = {"slurm_account": "nowhere", "slurm_partition": "cpu", "mem_mb": 500, "runtime": 5}
    site.edit("slurm/config.yaml", {"default-resources": profile})
    done = site(*RUN, timeout=120)
    assert done.code != 0
    assert "The given account nowhere appears to be invalid" in done.text
    assert site.submitted() == []


@pytest.fixture
def small_disk(site: Site, tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB below the results' runs."""
    image, folder = tmp_path / "disk.img", site.results / "runs"
    folder.mkdir(parents=True)
    with image.open("wb") as file:
        file.truncate(8_000_000)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no loopback file system here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.subset
def test_the_disk_is_full(site: Site, undisturbed: Outcome, small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 100_000)
    with filler.open("ab") as file:  # what is left is less than a model, more than predictions
        free = int(ask("df", "--output=avail", "-B1", str(small_disk)).split()[1])
        file.write(b"x" * (free - 150_000))
    profile = {"retries": 1}
    site.edit("slurm/config.yaml", profile)
    done = site(*RUN)
    assert done.code != 0
    assert "No space left on device" in done.text
    assert list(small_disk.rglob("model.safetensors")) == []
    assert site.parts() == []
    filler.unlink()
    check(site, undisturbed)
