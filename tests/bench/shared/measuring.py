"""What all benchmarks share: options, timing, and the table that they print.

Importing this module makes the package and the helpers of the tests importable.
"""

import argparse
import os
import platform
import resource
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path += [path for path in (f"{ROOT}/workflow", f"{ROOT}/tests") if path not in sys.path]

from fairser.core.provenance import commit, versions  # noqa: E402  after sys.path

Row = dict[str, Any]


class Parser(argparse.ArgumentParser):
    """Options of a benchmark.

    Args:
        file: of the benchmark.
        doc: its docstring, whose first line is shown by ``--help``.
        smallest: what ``--smallest`` sets; with it the benchmark needs no files and few seconds.
        sizes: further options by name, with their defaults.
    """

    def __init__(self, file: str, doc: str | None, smallest: Row, **sizes: int) -> None:
        super().__init__(prog=Path(file).name, description=(doc or "").splitlines()[0])
        self.smallest = smallest
        self.add_argument("--smallest", action="store_true", help="a run of seconds, as a test")
        for name, value in sizes.items():
            self.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")

    def start(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """Read the options; print the command, the commit, the date and the machine."""
        given = sys.argv[1:] if arguments is None else [*arguments]
        if "--smallest" in given:
            self.set_defaults(**self.smallest)
        options = self.parse_args(given)
        command = shlex.join(["python", f"tests/bench/{self.prog}", *given])
        print(f"`{command}`, commit {commit()}, {datetime.now(UTC).date()}\n{machine()}")
        return options


class Table:
    """A Markdown table that is printed row by row.

    Args:
        columns: format of the cells by the name of their column.

    Attributes:
        rows: cells of the rows by column, as numbers and texts.
    """

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns, self.rows = columns, list[Row]()
        print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}", flush=True)

    def add(self, *cells: str | float | None) -> None:
        """Print and keep a row; None is an empty cell."""
        row = dict(zip(self.columns, cells, strict=True))
        texts = ["" if v is None else f"{v:{self.columns[name]}}" for name, v in row.items()]
        print(f"| {' | '.join(texts)} |", flush=True)
        self.rows.append(row)


def machine() -> str:
    """Cores, processor, memory, system and versions, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    found = versions()
    libraries = [f"{name} {found[name]}" for name in ("python", "torch", "numpy", "polars")]
    processor = (names or [platform.processor() or platform.machine()])[0]
    parts = [f"{os.cpu_count()} cores of {processor}", f"{memory:.0f} GiB", platform.system()]
    return ", ".join([*parts, *libraries])


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of a call by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(rounds: int, parts: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each part measures in each round; within a round all see the same load."""
    times: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            times[name].append(part())
    return times


def paired_ratio(times: Sequence[float], base: Sequence[float]) -> float:
    """Median over the rounds of the ratio to a base that was measured in the same round."""
    return statistics.median(ours / theirs for ours, theirs in zip(times, base, strict=True))


def children_seconds() -> float:
    """CPU seconds of child processes that have ended; other load changes them little."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def peak_mb(who: int = resource.RUSAGE_SELF) -> float:
    """Largest resident memory of this process, or of any child that has ended, in MiB."""
    return resource.getrusage(who).ru_maxrss / 1024
