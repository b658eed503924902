"""Fixtures for all tests: the real corpora, where the checkout has them beside it."""

import sys
from pathlib import Path

import pytest

from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems() -> None:
    """Forget the stand-ins that speechbrain leaves for its renamed modules.

    hypothesis looks at every loaded module, and a look at one of these imports it, with a warning
    or without success.
    """
    for name, module in list(sys.modules.items()):
        if type(module).__name__ == "DeprecatedModuleRedirect":
            del sys.modules[name]


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
    corpus = {"kind": "cremad", "labels": cremad, "demographics": demographics, "classes": None}
    return read_corpus({**corpus, "stratify": "gender"})
