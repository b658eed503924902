"""The last words of a run that failed: which jobs, why, and how to go on."""

import subprocess
import sys
from pathlib import Path

import pytest

from fairser.core.failure import NO_WORDS, Failed, failure, last_words, telling
from workflow.runner import ROOT

ARGUMENTS = ["--cores", "2", "--configfile", "config.yaml", "my own.yaml"]


def log(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def told(*failed: Failed) -> str:
    return failure(failed, "results", "3 of 9", ARGUMENTS)


def stamped(*lines: str) -> str:
    return "".join(f"2026-11-22 06:21:11,123 {line}\n" for line in lines)


def test_the_job_its_words_its_log_and_the_command(tmp_path: Path) -> None:
    path = log(tmp_path, "a.log", stamped("12 clips", "Error: a.wav: empty.\n  fetch it again."))
    assert told(Failed("train erm", path)) == (
        "\n1 job failed.\n\ntrain erm:\n  a.wav: empty.\n    fetch it again.\n"
        f"  (log: {path})\n\n"
        "What is finished is kept (3 of 9 runs). Mend that; the same command goes on from there:\n"
        "  snakemake --cores 2 --configfile config.yaml 'my own.yaml'\n\n"
    )


def test_one_cause_of_many_jobs_is_told_once(tmp_path: Path) -> None:
    jobs = [
        Failed(f"train {n}", log(tmp_path, f"{n}.log", stamped("Error: no space.")))
        for n in range(9)
    ]
    text = told(*jobs)
    assert "9 jobs failed." in text
    assert "train 0, and 8 more for the same reason:\n  no space.\n" in text
    assert text.count("no space") == 1


def test_many_causes_are_counted(tmp_path: Path) -> None:
    jobs = [
        Failed(f"train {n}", log(tmp_path, f"{n}.log", stamped(f"Error: no {n}.")))
        for n in range(9)
    ]
    text = told(*jobs)
    assert "no 4." in text
    assert "no 5." not in text
    assert "4 more causes stand in results/logs." in text


def test_a_run_that_was_interrupted() -> None:
    text = told()
    assert text.startswith(
        "\nStopped before the end.\n\nWhat is finished is kept (3 of 9 runs). The"
    )


def test_a_log_without_an_error(tmp_path: Path) -> None:
    for path in (None, str(tmp_path / "none.log"), log(tmp_path, "a.log", stamped("12 clips"))):
        assert last_words(path) == NO_WORDS
    assert "(log:" not in told(Failed("train erm", None))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("InputError('a.csv, row 2: mend it.', 'b.csv: mend it.')", "2 faults:\n  a.csv, row 2"),
        ("KeyError('lost')", "KeyError: 'lost'\nThis is a fault of the workflow"),
        ("KeyboardInterrupt", "interrupted."),
    ],
)
def test_words_of_a_job_that_really_failed(tmp_path: Path, error: str, words: str) -> None:
    """What the log of a job holds is what is read back: a message, or what a bug comes to."""
    path = tmp_path / "job.log"
    code = (
        "from fairser.core.jobs import job; from fairser.core.errors import InputError\n"
        f"with job({str(path)!r}):\n    raise {error}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        text=True,
    )
    assert last_words(str(path)).startswith(words)
    interrupted = error == "KeyboardInterrupt"
    assert done.returncode == (130 if interrupted else 1)
    assert (done.stderr == "") == interrupted


def test_long_words_are_cut(tmp_path: Path) -> None:
    lines = "\n".join(f"  file {n}: empty" for n in range(40))
    words = last_words(log(tmp_path, "a.log", stamped(f"Error: 40 clips:\n{lines}")))
    assert words.splitlines()[-1] == "and 29 more lines"
    assert len(words.splitlines()) == 13


def test_of_jobs_submitted_together_those_that_tell(tmp_path: Path) -> None:
    done = Failed("train 1", log(tmp_path, "1.log", stamped("12 clips")))
    broken = Failed("train 2", log(tmp_path, "2.log", stamped("Error: no space.")))
    waiting = Failed("train 3", str(tmp_path / "3.log"))
    assert telling([done, broken, waiting]) == [broken]
    assert telling([waiting, done]) == [waiting]
