"""Compare two results folders: which cells differ, by how much, beyond noise or not.

    python scripts/compare.py results/before results/after --out results/comparison

Cells are the combinations of method, group source and K (or those of the study minmaxgap) that
have finished runs in both folders. docs/comparing.md says how the noise is measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import command, new_parser, whole_number


def parser() -> argparse.ArgumentParser:
    made = new_parser("compare", __doc__)
    made.add_argument("a", help="a results folder")
    made.add_argument("b", help="the other one; differences are b - a")
    made.add_argument(
        "--out", type=Path, help="folder for compare.csv, .md and .tex (none: only told)"
    )
    made.add_argument(
        "--attributes",
        nargs="+",
        metavar="NAME",
        help="whose gaps are compared (default: all); fewer tests see smaller differences",
    )
    made.add_argument(
        "--resamples",
        type=whole_number(1),
        default=1000,
        help="of the speakers, at least (default: 1000; more are drawn where many cells differ)",
    )
    made.add_argument(
        "--seed", type=whole_number(0), default=0, help="of the resamples (default: 0)"
    )
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # Polars, scipy and all that reads results: not for --help.
    from fairser.comparison.comparing import compare, text, write
    from fairser.comparison.stored_runs import read_folder

    a, b = read_folder(given.a), read_folder(given.b)
    found = compare(a, b, given.attributes, given.resamples, given.seed)
    print(text(found, given.a, given.b), end="")
    if given.out:
        print(f"\nAll differences: {', '.join(map(str, write(found, given.out)))}")
    return 0
