"""The message at the end of a run: what was made, or what failed and how to go on."""

import csv
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fairser.core.text import SIGNIFICANT, chance, estimate
from fairser.core.words import counted, shortened

SYNTHETIC = "The demo's speech is synthetic: its numbers say nothing about people."
SHOWN = 5  # causes of a failure
LINES = 12  # of a cause
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ ", re.MULTILINE)  # starts an entry of a job's log
ENDS = ("", "_low", "_high", "_p", "_chance", "_chance_high")
NUMBERS = [name + end for name in ("tpr_gap", "f1") for end in ENDS]
NO_ERROR = (
    "Its log holds no error. It may have run out of memory or time, or been cancelled; on a "
    "cluster, see `sacct`."
)
FULL_DISK = "No space left on the disk of {}, not even for its log. Free some space there."
SPACE = 2**20  # bytes; a disk with less is called full


@dataclass(frozen=True)
class Made:
    """What a run made: results folder, files, the seconds it took, the command for a report."""

    results: str
    files: Sequence[str]
    seconds: float
    report: str


@dataclass(frozen=True)
class Failed:
    """A job that failed: what it was to do, and its log, if it has one."""

    name: str
    log: str | None


def success(made: Made, attribute: str, synthetic: bool) -> str:
    """What a run made, the headline of Table 1 if it is part of that, and where the files are."""
    folder = Path(made.results)
    files = {Path(file) for file in made.files}
    found = {
        "run": ({f for f in files if f.name == "metrics.json"}, "runs"),
        "table": ({f for f in files if f.suffix == ".csv" and f.parent == folder}, "*.csv"),
        "figure": ({f for f in files if f.suffix == ".svg"}, "figures/*.svg"),
    }
    kinds = [counted(len(paths), name) for name, (paths, _) in found.items() if paths]
    minutes = f"{made.seconds / 60:.0f} min" if made.seconds >= 90 else f"{made.seconds:.0f} s"
    lines = [f"Done in {minutes}. Made: {', '.join(kinds or [counted(len(files), 'file')])}."]
    if folder / "table1.csv" in files:
        with (folder / "table1.csv").open(encoding="utf-8", newline="") as file:
            lines += headline(list(csv.DictReader(file)), attribute)
    if folder / "choose_k.md" in files:
        _, said, *_ = (folder / "choose_k.md").read_text(encoding="utf-8").split("\n\n")
        lines.append(said)
    lines += [SYNTHETIC] if synthetic and found["run"][0] else []
    lines += [f"  {name}s: {folder}/{place}" for name, (paths, place) in found.items() if paths]
    page = folder / "report.html"
    report = str(page) if page in files else made.report
    lines += [f"  report: {report}"] if kinds or page in files else []
    return "\n" + "\n".join(lines) + "\n\n"


def headline(rows: Sequence[dict[str, str]], attribute: str) -> list[str]:
    """ERM beside the method with the smallest gap; rows of Table 1 as its csv has them."""
    erm = [row for row in rows if row["method"] == "ERM" and row["tpr_gap"]]
    tested = [row for row in rows if row["tpr_gap"] and row["tpr_gap_p"]]
    best = sorted(tested, key=lambda row: float(row["tpr_gap"]))[:1]
    if not erm:
        return []
    others = f" and the smallest of {counted(len(tested), 'other row')}" if best else ""
    lines = [f"Gap between groups of {attribute}, ERM's{others}:"]
    for row in erm[:1] + best:
        numbers = {key: float(row[key]) if row.get(key) else None for key in NUMBERS}
        gap, f1 = (f"{name} {estimate(numbers, name)}" for name in ("tpr_gap", "f1"))
        level = chance(numbers, "tpr_gap")
        gap += f" (by chance {level})" if level else ""
        k = f" {row['k']}" if row["k"] else ""
        source = f" with {row['source']}{k} groups" if row["source"] != "none" else ""
        lines.append(f"  {row['method']}{source}: {gap}, {f1}")
    lines += [f"  {note}" for note in {row["note"]: None for row in rows if row["note"]}]
    if best:
        lines.append(f"  * differs from ERM's (Holm-corrected p < {SIGNIFICANT})")
    return lines


def failure(failed: Sequence[Sequence[Failed]], results: str, runs: str, command: str) -> str:
    """Which jobs failed and why, and the command that continues.

    Args:
        failed: jobs by submission; empty if the run was interrupted.
        results: the results folder.
        runs: how many of the runs are done, such as ``3 of 9``.
        command: that was run.
    """
    causes: dict[str, list[Failed]] = {}
    for submission in failed:
        # Of jobs that were submitted together, the ones without an error did not run or were done.
        errors = [job for job in submission if last_error(job.log) != NO_ERROR]
        for job in errors or submission[:1]:
            causes.setdefault(last_error(job.log), []).append(job)
    jobs = sum(map(len, causes.values()))
    lines = [f"{counted(jobs, 'job')} failed." if jobs else "Stopped before the end."]
    for cause, same in list(causes.items())[:SHOWN]:
        more = f" and {len(same) - 1:,} more" if len(same) > 1 else ""
        if cause == NO_ERROR and is_full(results):
            cause = FULL_DISK.format(results)
        lines += [f"{same[0].name}{more}:", *(f"  {line}" for line in cause.splitlines())]
        lines += [f"  (log: {same[0].log})"] if same[0].log else []
    if len(causes) > SHOWN:
        lines.append(f"{len(causes) - SHOWN} more causes: see {results}/logs.")
    lines += [
        f"What is finished is kept ({runs} runs). {'Fix the cause; the' if jobs else 'The'} same "
        "command continues:",
        f"  {command}",
    ]
    return "\n" + "\n".join(lines) + "\n\n"


def is_full(folder: str) -> bool:
    """Whether the disk of a folder has no space left."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free < SPACE
    return False


def last_error(log: str | None) -> str:
    """The last error of a job's log: a message, or the last line of a traceback."""
    path = Path(log) if log else None
    text = path.read_text(encoding="utf-8", errors="replace") if path and path.is_file() else ""
    entries = [entry.strip() for entry in ENTRY.split(text)]
    errors = [entry for entry in entries if entry.startswith(("Error: ", "Traceback "))]
    if not errors:
        return NO_ERROR
    lines = errors[-1].removeprefix("Error: ").splitlines()
    if errors[-1].startswith("Traceback "):
        return f"{lines[-1]}\nThis is a bug of the workflow; the log has the traceback."
    return "\n".join(shortened(lines, LINES))
