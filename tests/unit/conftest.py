"""For all unit tests: one thread, and stand-ins for the programs of a cluster."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

Program = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As in trainings: what the tests compute is too small for two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Make a program from the text of a shell script; it finds its folder as ``$HERE``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("HERE", str(folder))

    def make(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return make
