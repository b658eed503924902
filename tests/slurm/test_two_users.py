"""Two users of one cluster: neither touches the jobs, files, caches or leftovers of the other."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from fairser.cluster import leftovers
from slurm.cluster import Cluster, ask, wait_for
from slurm.conftest import EPOCHS
from slurm.site import Site, User
from slurm.test_drills import ONCE, RUN

pytestmark = pytest.mark.slurm
OTHER = "nobody"
CELLS = 4  # of the grid, each a submission
DEBIANS = "/usr/bin/python3"  # that of the environment may lie in a home that others can't enter
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def runs(python: str, code: str, number: int, packages: str = "") -> str | None:
    """What a user's Python prints; None if the user can't run it."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": packages, "HOME": "/nonexistent"}
    with suppress(PermissionError, FileNotFoundError):
        done = subprocess.run(
            [python, "-c", code],
            user=number,
            group=number,
            extra_groups=[],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() if done.returncode == 0 else None
    return None


def link_or_copy(source: str, target: str) -> None:
    """No second copy of some gigabytes where a link will do."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@pytest.fixture(scope="session")
def other(cluster: Cluster, shared: Path) -> User:
    """A user with no rights, with a home and Debian's Python, which reads this one's packages."""
    number = pwd.getpwnam(OTHER).pw_uid
    home = shared / "home-of-other"
    home.mkdir(0o700)
    os.chown(home, number, number)
    found = runs(DEBIANS, "import sys; print('%d.%d' % sys.version_info[:2])", number)
    if found != VERSION:
        pytest.skip(f"Debian's Python here is {found}; the packages are for {VERSION}")
    packages = sysconfig.get_path("purelib")
    code = "import snakemake, torch, polars"
    if runs(DEBIANS, code, number, packages) is None:  # below a folder that others can't enter
        folder = shared / "packages"
        shutil.copytree(packages, folder, symlinks=True, copy_function=link_or_copy)
        packages = str(folder)
        assert runs(DEBIANS, code, number, packages) is not None
    return User(number, OTHER, home, DEBIANS, packages)


@pytest.fixture
def users(other: User, shared: Path) -> tuple[User, User]:
    home = shared / "home-of-root"
    home.mkdir(0o700, exist_ok=True)
    return User(os.getuid(), "root", home), other


def owners(*folders: Path) -> set[int]:
    """Users that own something in folders."""
    paths = (path for folder in folders for path in (folder, *folder.rglob("*")))
    return {path.lstat().st_uid for path in paths}


@pytest.mark.subset
def test_neither_touches_what_is_the_others(
    cluster: Cluster,
    site: Site,
    undisturbed: Callable[[int], dict[str, str]],
    users: tuple[User, User],
    shared: Path,
) -> None:
    site.inject(ONCE.format(seconds=240))
    sites = [site.copy(shared / f"of-{user.name}", user) for user in users]
    left = []
    for one in sites:  # each is killed and leaves jobs in the queue, of which the first one's run
        run = one.start(*RUN)
        wait_for("its jobs", lambda folder=one.folder: len(cluster.jobs(where=folder)) == CELLS)
        run.kill()
        left.append(set(cluster.jobs(where=one.folder)))
        done = one("--unlock")
        assert done.code == 0, done.text[-3000:]
    assert leftovers.find(sites[1].folder) == {}  # of this user
    assert set(leftovers.find(sites[0].folder)) == left[0]

    for attempt in [one.start(*RUN) for one in sites]:
        done = attempt.wait(900)  # two runs at once, one of which compiles all modules anew
        assert done.code == 0, done.text[-6000:]
    for one, jobs in zip(sites, left, strict=True):
        assert one.user is not None
        assert one.outcome() == undisturbed(EPOCHS)
        number, name = one.user.number, one.user.name
        for job in jobs:
            assert accounted(job, "State") == f"CANCELLED by {number}"
        for job in one.submitted():
            assert accounted(job, "User,State") == f"{name}|COMPLETED"
        assert owners(one.folder, one.user.home) == {number}
        assert list(one.user.home.iterdir())  # caches
        assert one.parts() == []
        assert not list(one.folder.rglob(".lock"))


def accounted(job: str, what: str) -> str:
    return ask("sacct", "-n", "-X", "-P", "-j", job, "-o", what).strip()
