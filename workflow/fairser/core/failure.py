"""What a workflow that did not succeed tells its user: what failed, why, and how to go on."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 5  # causes, and lines of each
LINES = 12
# A line of a job's log is dated; its last error is told in these words, or by a traceback.
START = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ ", re.MULTILINE)
NO_WORDS = (
    "It ended without a word: it may have been out of memory or time, or been cancelled. On a "
    "cluster `sacct` tells."
)


@dataclass(frozen=True)
class Failed:
    """A job that failed: what it was to do, and its log."""

    name: str
    log: str | None


def failure(failed: Sequence[Failed], results: str, runs: str, arguments: Sequence[str]) -> str:
    """The last words of a run that did not succeed.

    Args:
        failed: the jobs that failed; none if the run was interrupted.
        results: the results folder.
        runs: how many of the grid's runs are done.
        arguments: of the command line.
    """
    causes: dict[str, list[Failed]] = {}
    for job in failed:
        causes.setdefault(last_words(job.log), []).append(job)
    number = len(failed)
    lines = [f"{number} job{'s' * (number != 1)} failed." if failed else "Stopped before the end."]
    for words, jobs in list(causes.items())[:SHOWN]:
        more = f", and {len(jobs) - 1} more for the same reason" if len(jobs) > 1 else ""
        lines += ["", f"{jobs[0].name}{more}:", *(f"  {line}" for line in words.splitlines())]
        lines += [f"  (log: {jobs[0].log})"] if jobs[0].log else []
    if len(causes) > SHOWN:
        lines += ["", f"{len(causes) - SHOWN} more causes stand in {results}/logs."]
    mend = "Mend that; the" if failed else "The"
    lines += [
        "",
        f"What is finished is kept ({runs} runs). {mend} same command goes on from there:",
        f"  {shlex.join(['snakemake', *arguments])}",
    ]
    return "\n" + "\n".join(lines) + "\n\n"


def telling(group: Sequence[Failed]) -> list[Failed]:
    """Jobs of one submission whose logs hold an error; the first one if none does.

    The others were done before it, or were waiting for it.
    """
    return [job for job in group if last_words(job.log) != NO_WORDS] or list(group[:1])


def last_words(log: str | None) -> str:
    """The error that ends a log, in a few lines: a message, or what a traceback comes to."""
    path = Path(log) if log else None
    if path is None or not path.is_file():
        return NO_WORDS
    entries = START.split(path.read_text(encoding="utf-8", errors="replace"))
    errors = [entry.strip() for entry in entries if entry.startswith(("Error: ", "Traceback "))]
    if not errors:
        return NO_WORDS
    lines = errors[-1].splitlines()
    if errors[-1].startswith("Traceback "):
        return f"{lines[-1]}\nThis is a fault of the workflow; its log has the place."
    shown = [lines[0].removeprefix("Error: "), *lines[1:]]
    left = len(shown) - LINES
    return "\n".join([*shown[:LINES], *([f"and {left} more lines"] if left > 0 else [])])
