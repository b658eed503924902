"""CPU seconds and memory of `snakemake -n` on grids of 1,000, 5,000 and 10,000 cells.

    python tests/bench/dag.py [--cells 1000 5000 10000] [--profile slurm] [--arguments TARGET]

The grid is that of config.yaml with more folds and seeds. The corpus is made up; nothing is run.
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from shared.made_up import write_corpus
from shared.measuring import ROOT, Parser, Row, Table, children_seconds, peak_mb

from fairser.config import grid
from fairser.config.configuration import resolve

SMALLEST = {"cells": [30], "folds": 3}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, folds=10)
    made.add_argument("--cells", type=int, nargs="+", default=[1000, 5000, 10000])
    made.add_argument("--profile", help="such as slurm, with groups")
    made.add_argument("--arguments", nargs="*", default=[], help="such as one target")
    return made


def grid_of(cells: int, folds: int, base: dict[str, Any]) -> dict[str, Any]:
    """A configuration of about so many cells: the grid of config.yaml x folds x seeds."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for key, values in base.items():
        config[key] = config[key] | values
    config["grid"] |= {"folds": list(range(1, folds + 1)), "seeds": [0]}
    one = number(config)
    config["grid"]["seeds"] = list(range(max(1, round(cells / one))))
    return config


def number(config: dict[str, Any]) -> int:
    """Number of cells of a configuration that names its folds."""
    return len(grid.cells(resolve(config)))


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    columns = {"cells": "", "jobs": "", "CPU seconds": ".1f", "ms per job": ".2f"}
    table = Table(columns | {"largest MiB": ".0f"})
    command = [sys.executable, "-m", "snakemake", *options.arguments, "-n", "--quiet", "rules"]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
    if options.profile:
        command += ["--profile", str(ROOT / options.profile)]
    for cells in options.cells:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = grid_of(cells, options.folds, write_corpus(folder, options.folds))
            (folder / "config.yaml").write_text(yaml.safe_dump(config))
            before = children_seconds()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            seconds = children_seconds() - before
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        total = [line.split()[1] for line in lines if line.startswith("total ")]
        if done.returncode or not total:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        count, jobs = number(config), int(total[-1])
        memory = peak_mb(resource.RUSAGE_CHILDREN)
        table.add(count, jobs, seconds, 1000 * seconds / jobs, memory)
    return table.rows


if __name__ == "__main__":
    main()
