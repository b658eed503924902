"""What surrounds the work of a job: its log, its exit code, its progress."""

import logging
import os
import random
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairser.core import jobs
from fairser.core.errors import InputError
from fairser.core.jobs import INTERRUPTED, THREADS, Progress, job, logger, prepare_processes


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Path of a log; logging is as before at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path / "logs" / "job.log"
    logging.captureWarnings(False)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def read(log: Path) -> str:
    return log.read_text(encoding="utf-8")


def test_lines_and_warnings_go_to_the_log(log: Path) -> None:
    with job(log):
        logger.info("%d clips", 12)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("an old setting", DeprecationWarning, stacklevel=1)
    assert re.search(r"^\d{4}-\d\d-\d\d [\d:,]+ 12 clips$", read(log), re.MULTILINE)
    assert "an old setting" in read(log)


def test_log_starts_anew(log: Path) -> None:
    for line in ("first", "second"):
        with job(log):
            logger.info(line)
    assert "first" not in read(log)
    assert "second" in read(log)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("a.csv, row 2: fix it."), "Error: a.csv, row 2: fix it."),
        (KeyError("lost"), "KeyError: 'lost'"),
    ],
)
def test_error_ends_the_process(log: Path, error: Exception, told: str) -> None:
    """Bad input shows as its message, a bug with its traceback; both are in the log."""
    with pytest.raises(SystemExit) as ended, job(log):
        raise error
    for text in (read(log), str(ended.value.code)):  # the latter goes to stderr, with status 1
        assert told in text
        assert ("Traceback (most recent call last)" in text) is isinstance(error, KeyError)
        assert "InputError" not in text


def test_interrupt_ends_the_process(log: Path) -> None:
    with pytest.raises(SystemExit) as ended, job(log):
        raise KeyboardInterrupt
    assert ended.value.code == INTERRUPTED


INTERRUPTED_JOB = """
import sys
snakemake = sys.argv  # as in a script that Snakemake runs
from fairser.core.jobs import job
print("ready", flush=True)
import csv, decimal, fractions, http.client, statistics, xml.dom.minidom
with job(snakemake[1]):
    import numpy
    while True:
        sorted(range(1000))
"""


def test_interrupts_that_come_twice(tmp_path: Path) -> None:
    """While the script imports, or at work: one end, without a traceback."""
    pauses = random.Random(0)
    for number in range(8):
        log = tmp_path / f"{number}.log"
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED_JOB, log],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(jobs.__file__).parents[2])},
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        assert process.stdout and process.stdout.readline() == "ready\n"
        for pause in (pauses.uniform(0, 0.15), pauses.expovariate(1 / 0.001)):
            time.sleep(pause)
            process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
        assert process.returncode == INTERRUPTED
        assert "Traceback" not in told
        assert not log.exists() or "Error: interrupted." in read(log)


LOST_INTERRUPT = """
import signal, sys, time
import polars as pl
from fairser.core import jobs
jobs.AGAIN = 1
def called(value):
    signal.raise_signal(signal.SIGINT)
    return value
class Dropping:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.1)
with jobs.job(sys.argv[1]):
    Dropping()
    print("dropped", flush=True)
    pl.DataFrame({"a": [1]}).select(pl.col("a").map_elements(called, return_dtype=pl.Int64))
    time.sleep(100)
"""


def interrupted(code: str, log: Path) -> tuple[str, str]:
    """Output and errors of a process that Ctrl-C ends."""
    environment = os.environ | {"PYTHONPATH": str(Path(jobs.__file__).parents[2])}
    command = [sys.executable, "-c", code, log]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == INTERRUPTED, done.stderr
    assert "Error: interrupted." in read(log)
    return done.stdout, done.stderr


def test_an_interrupt_that_python_dropped_comes_again(tmp_path: Path) -> None:
    """Also if a second one follows while Polars works."""
    output, errors = interrupted(LOST_INTERRUPT, tmp_path / "log")
    assert output == "dropped\n"
    assert "Exception ignored" in errors


INTERRUPTED_IN_RUST = """
import signal, sys, time
import polars as pl
from fairser.core.jobs import job
def called(value):
    signal.raise_signal(signal.SIGINT)
    return 2 * value
with job(sys.argv[1]):
    frame = pl.DataFrame({"a": [1, 2, 3]})
    made = frame.select(pl.col("a").map_elements(called, return_dtype=pl.Int64))
    print(made["a"].to_list(), flush=True)
    time.sleep(100)
"""


def test_polars_ends_before_an_interrupt(tmp_path: Path) -> None:
    output, errors = interrupted(INTERRUPTED_IN_RUST, tmp_path / "log")
    assert output == "[2, 4, 6]\n"
    assert "Traceback" not in errors and "panicked" not in errors


@pytest.mark.parametrize("steps", [[], [1], [1, 1, 1], [2, 1]])
def test_the_end_of_the_work_is_told_once(log: Path, steps: list[int]) -> None:
    with job(log), Progress(sum(steps), "clips") as shown:
        for items in steps:
            shown.add(items)
    lines = read(log).splitlines()
    assert len(lines) == min(len(steps), 1)
    assert all(f"{sum(steps)} of {sum(steps)} clips" in line for line in lines)


def test_progress_is_told_now_and_then(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes 20 s forward at each of six batches: a line is due at every second one."""
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with job(log), Progress(60, "clips") as shown:
        for _ in range(6):
            shown.add(10)
    told = re.findall(r"(\d+) of 60 clips, ([\d.]+) per second, (\d+) s left", read(log))
    assert told == [("20", "0.5", "80"), ("40", "0.5", "40"), ("60", "0.5", "0")]


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_is_for_terminals(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with Progress(3, "clips") as shown:
        shown.add(3)
    assert ("0/3" in screen.getvalue()) is terminal


def test_other_processes_have_the_package_and_one_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for name in THREADS:
        monkeypatch.setenv(name, "4")
    prepare_processes()
    prepare_processes()
    assert {os.environ[name] for name in THREADS} == {"1"}
    first, *rest = os.environ["PYTHONPATH"].split(os.pathsep)
    assert rest == [str(tmp_path)]
    assert (Path(first) / "fairser" / "core" / "jobs.py").is_file()
    command = [sys.executable, "-c", "import fairser.core.errors"]
    assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
