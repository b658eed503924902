"""Check rows of the benchmark's file against the runs of a results folder.

    python scripts/check_benchmark.py workflow/reference/benchmark.csv results/mine

makes each row of the folder's corpus and encoder anew from the metrics.json and counts.parquet of
its runs, and prints row, column, submitted and found value where they differ. The exit status is
then 1.

    python scripts/check_benchmark.py mine.csv results/mine --write

writes the rows of the folder into the file, where they replace those of the same settings.
docs/benchmark.md describes the columns.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import FOUND, command, new_parser
from fairser.core.errors import InputError
from fairser.core.files import check_target
from fairser.core.words import counted, shortened

SHOWN = 5  # rows that are not checked


def parser() -> argparse.ArgumentParser:
    made = new_parser("check_benchmark", __doc__)
    add = made.add_argument
    add("rows", type=Path, metavar="ROWS", help="a csv with the columns of the benchmark's file")
    add("results", metavar="RESULTS", help="a results folder with finished runs")
    add("--write", action="store_true", help="write the rows of the folder into ROWS instead")
    for name in ("corpus", "encoder"):
        text = f"with --write: name of the {name} (default: that of its model, file or folder)"
        add(f"--{name}", metavar="NAME", help=text)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # Polars takes seconds, which --help does not need.
    from fairser.comparison.benchmark_rows import check_rows, read_rows, rows_of, with_rows
    from fairser.results.writing import write_csv

    if given.write:
        check_target(given.rows)
    new = given.write and not given.rows.exists()
    submitted = [] if new else read_rows(given.rows, given.write)
    found = rows_of(given.results, {"corpus": given.corpus, "encoder": given.encoder})
    for commit in sorted({row["commit"] for row in found if "-dirty" in row["commit"]}):
        print(f"Made with changes that no commit has: {commit}.", file=sys.stderr)
    if given.write:
        write_csv(given.rows, with_rows(submitted, found))
        print(f"{given.rows}: {counted(len(found), 'row')} of {given.results}.")
        return 0
    checked = check_rows(submitted, found)
    others = shortened(checked.others, SHOWN)
    if not checked.rows:
        raise InputError(
            f"{given.rows}: the folder {given.results} is about none of its rows. Correct these "
            "columns, or name another folder.",
            *others,
        )
    for line in checked.faults:
        print(line)
    print(f"{counted(checked.rows, 'row')} checked, {counted(len(checked.faults), 'difference')}.")
    if others:
        print("\n".join(["Not checked:", *(f"  {line}" for line in others)]))
    return FOUND if checked.faults else 0
