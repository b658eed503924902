"""The cluster, and the workflow prepared on it up to the training."""

import functools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slurm.cluster import Cluster, obstacle
from slurm.site import Site
from workflow.conftest import make_tones, overlay

EPOCHS = 5


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster; all its processes end with the session, also after a failure."""
    reason = obstacle()
    if reason:
        pytest.skip(reason)
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.stop()
        assert made.daemons() == []


@pytest.fixture(autouse=True)
def quiet_cluster(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each drill finds the cluster idle and leaves it so."""
    yield
    if "cluster" in request.fixturenames:
        request.getfixturevalue("cluster").settle()


@pytest.fixture(scope="session")
def shared() -> Iterator[Path]:
    """A folder that every user can read, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="fairser-shared"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def prepared(
    cluster: Cluster, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], Site]:
    """By a number of epochs: a root in which all but training has been done on one machine."""
    manifest = make_tones(shared / "tones")

    @functools.cache
    def prepare(epochs: int) -> Site:
        settings = overlay(manifest)
        settings["grid"] = {"methods": ["erm", "rw"], "sources": ["none", "annotated"]}
        settings["grid"]["folds"] = [1, 2]
        settings["train"] |= {"epochs": epochs, "checkpoint_seconds": 5}
        made = Site.make(tmp_path_factory.mktemp("site") / "root", settings)
        done = made("--cores", "2", "groups", "features", "results/tableA4.csv")
        assert done.code == 0, done.text[-6000:]
        return made

    return prepare


@pytest.fixture(scope="session")
def undisturbed(
    prepared: Callable[[int], Site], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], dict[str, str]]:
    """By a number of epochs: the outcome of a run on one machine, without a cluster."""

    @functools.cache
    def outcome(epochs: int) -> dict[str, str]:
        local = prepared(epochs).copy(tmp_path_factory.mktemp("undisturbed") / "root")
        done = local("--cores", "2", "tables")
        assert done.code == 0, done.text[-6000:]
        return local.outcome()

    return outcome


@pytest.fixture
def site(prepared: Callable[[int], Site], tmp_path: Path) -> Site:
    """A root of its own for a drill, with runs of a second."""
    return prepared(EPOCHS).copy(tmp_path / "root")
