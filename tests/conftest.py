"""Fixtures for all tests: the real corpora, where the checkout has them beside it."""

import gc
import os
import sys
from pathlib import Path

import pytest

from fairser.config.extensions import FOLDERS
from fairser.core.jobs import THREADS

# One thread in each of the processes that pytest-xdist starts; torch reads it when it is imported.
os.environ |= dict.fromkeys(THREADS, "1")

from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, so that all processes end at the same time.

    Also forget the stand-ins that speechbrain leaves for its renamed modules: hypothesis looks at
    every loaded module, and a look at one of these imports it, with a warning or without success.
    """
    items.sort(key=lambda item: "workflow" not in item.path.parts[-2:])
    for name, module in list(sys.modules.items()):
        if type(module).__name__ == "DeprecatedModuleRedirect":
            del sys.modules[name]
    gc.collect()
    gc.freeze()  # what has been imported by now is not looked at in each further collection


@pytest.fixture(autouse=True)
def own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ``plugins`` of a test, or of a run that it reads, are forgotten after it."""
    monkeypatch.setenv(FOLDERS, os.environ.get(FOLDERS, ""))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real corpora, which are no part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("no real corpora in ../shared/data, beside the repository")
    return SHARED_DATA


@pytest.fixture(scope="session")
def cremad(shared_data: Path) -> Path:
    return shared_data / "cremad"


@pytest.fixture(scope="session")
def emodb(shared_data: Path) -> Path:
    return shared_data / "emodb"


@pytest.fixture(scope="session")
def cremad_table(cremad: Path) -> ClipTable:
    """CREMA-D with demographics, without its faulty recordings."""
    demographics = cremad / "VideoDemographics.csv"
    files = {"labels": cremad, "demographics": demographics}
    settings = {"classes": None, "speaker": None, "task": None, "stratify": "gender"}
    settings |= {"distinct_speakers": False}
    return read_corpus({"kind": "cremad", **files, **settings})
