"""A full disk is told as such before and during the jobs, and the run goes on later."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from workflow.conftest import overlay
from workflow.runner import Workflow

SIZE = 60 * 1024
PAGE = 4096


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of 60 kB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_it_is_told_at_each_step(tmp_path: Path, tones: Path, tiny: Path) -> None:
    settings = overlay(tones) | {"grid": {"methods": ["erm"], "folds": [1]}}
    workflow = Workflow(tmp_path, settings | {"results": str(tiny)})
    filler = tiny / "filler"
    for left in (0, 1, 3, 6):  # pages: for no lock, no log, no table, no model
        filler.write_bytes(b"x" * (SIZE - left * PAGE))
        output = workflow.fail("tables")
        assert "No space left on" in output
        assert "Free some space there" in output
        assert "bug of the workflow" not in output
        assert "Traceback" not in output
        assert ("What is finished is kept (0 of 1 runs)" in output) == bool(left)
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=50m", str(tiny)], check=True)
    assert "Done in" in workflow.run("tables")
    assert (tiny / "table1.csv").is_file()
