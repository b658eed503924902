"""Compare two results folders: which cells differ, by how much, and whether beyond noise.

    python scripts/compare.py results/before results/after --out results/comparison

Cells are the combinations of method, group source and K (or those of the study minmaxgap) that
have finished runs in both folders. docs/comparing.md explains how the noise is measured.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import add_resampling, command, new_parser
from fairser.core.files import check_target_folder


def parser() -> argparse.ArgumentParser:
    made = new_parser("compare", __doc__)
    add = made.add_argument
    add("a", metavar="A", help="a results folder")
    add("b", metavar="B", help="another one; differences are B - A")
    text = "write compare.csv, .md and .tex into this folder (default: only print)"
    add("--out", type=Path, metavar="FOLDER", help=text)
    text = "attributes whose gaps are compared (default: all); fewer tests detect smaller ones"
    add("--attributes", nargs="+", metavar="NAME", help=text)
    add_resampling(made, "; more are drawn where many cells differ")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # Polars and scipy take seconds, which --help does not need.
    from fairser.comparison.comparing import compare, text, write
    from fairser.comparison.stored_runs import read_folder

    if given.out:
        check_target_folder(given.out)
    a, b = read_folder(given.a), read_folder(given.b)
    found = compare(a, b, given.attributes, given.resamples, given.seed)
    print(text(found, given.a, given.b), end="")
    if given.out:
        print(f"\nAll differences: {', '.join(map(str, write(found, given.out)))}")
    return 0
