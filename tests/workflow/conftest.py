"""A small corpus of tones in a manifest, on which the whole workflow runs in seconds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from filelock import FileLock

from workflow.browser import opened_browser
from workflow.runner import SOCKET, Workflow

PRELOADED = Path(__file__).parent / "preloaded"
# A process of 300 MB is forked in a quarter of the time.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "PYTHONMALLOC": "malloc"}
RATE = 22_050
EMOTIONS = {"calm": 1.0, "angry": 1.6, "happy": 2.4}  # pitch relative to the speaker's
SPEAKERS = 16  # so that two folds have five speakers of each gender
TAKES = 3


# The grid of the finished run; Table A3 is about fold 1 all the same.
METHODS = ["random", "erm", "rw", "gdro", "gadro"]
FOLDS = [2, 3]


def shared_folder(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """A folder that is made once for all workers: the first one makes it, the others wait."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, complete = base / name, base / f"{name}.complete"
    with FileLock(base / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            complete.touch()
    return folder


def make_tones(folder: Path) -> Path:
    """Sixteen speakers, three emotions, three takes of 0.3 s each, and their manifest."""
    generator = np.random.default_rng(1)
    rows = []
    (folder / "audio").mkdir(parents=True)
    for speaker in range(SPEAKERS):
        gender = "female" if speaker % 2 else "male"
        pitch = (210 if speaker % 2 else 110) * generator.uniform(0.9, 1.1)
        for emotion, factor in EMOTIONS.items():
            for take in range(TAKES):
                time = np.arange(int(0.3 * RATE)) / RATE
                tone = np.sin(2 * np.pi * pitch * factor * time)
                waveform = 0.3 * tone + 0.05 * generator.standard_normal(len(time))
                name = f"audio/{speaker:02d}_{emotion}_{take}.wav"
                soundfile.write(folder / name, waveform, RATE)
                rows.append((name, f"{speaker:02d}", gender, 25 + 3 * speaker, emotion))
    columns = ["file", "speaker", "gender", "age", "emotion"]
    manifest = folder / "clips.csv"
    pl.DataFrame(rows, columns, orient="row").write_csv(manifest)
    return manifest


@pytest.fixture(scope="session", autouse=True)
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Snakemake and its scripts run in forks of a process that has imported the libraries."""
    path = str(tmp_path_factory.mktemp("preloaded") / "socket")
    command = [sys.executable, str(PRELOADED / "server.py"), path]
    folders = [str(PRELOADED), *filter(None, [os.environ.get("PYTHONPATH")])]
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, start_new_session=True, env=os.environ | LARGE_PAGES
        ) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        assert server.stdout and server.stdout.readline() == b"ready\n"
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        patch.setenv(SOCKET, path)
        yield
        server.kill()


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_folder(tmp_path_factory, "tones", make_tones) / "clips.csv"


def overlay(manifest: Path) -> dict[str, Any]:
    return {
        "corpus": {"kind": "manifest", "manifest": str(manifest), "folds": 3},
        "bias": {"ratio": 4},
        "encoder": {"kind": "fbank"},
        "grid": {"methods": ["random", "erm"], "folds": [1, 2]},
        "train": {"epochs": 5, "learning_rate": 0.001},
        "statistics": {"resamples": 100},
    }


@pytest.fixture
def workflow(tmp_path: Path, tones: Path) -> Workflow:
    """The workflow on the tones, with nothing made yet."""
    return Workflow(tmp_path, overlay(tones))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, tones: Path) -> Workflow:
    """The workflow on the tones after ``snakemake report``.

    Tests only read it and list its jobs. Those that make or change something use :func:`copied`.
    """
    grid = {"methods": METHODS, "sources": ["none", "annotated"], "folds": FOLDS}
    settings = overlay(tones) | {"grid": grid}

    def make(folder: Path) -> None:
        assert "report: results/report.html" in Workflow(folder, settings).run("report")

    return Workflow(shared_folder(tmp_path_factory, "finished", make), settings)


@pytest.fixture
def copied(finished: Workflow, tmp_path: Path) -> Workflow:
    """A copy of the finished run that the test may change."""
    return finished.copy(tmp_path / "copied")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with opened_browser() as started:
        yield started
