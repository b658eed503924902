"""What a training job costs on a throw-away Slurm cluster, one by one and in groups.

    python tests/bench/cluster.py [--cells 16] [--groups 1 4 16] [--poll 20]

It needs root and, where Slurm is not installed, Debian's apt-get to install it. Cells of a second
each are trained on a corpus of tones; the cluster has two nodes with two CPUs each.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from shared.measuring import Parser, Row, Table

from slurm.cluster import Cluster, ask, obstacle
from slurm.site import Site
from workflow.conftest import make_tones, overlay

SMALLEST = {"cells": 2, "groups": [2], "poll": 2}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, cells=16)
    made.add_argument("--groups", type=int, nargs="+", default=[1, 4, 16])
    made.add_argument("--poll", type=int, default=20, help="seconds before the first status check")
    return made


def measure(site: Site, group: int, poll: int) -> tuple[float, ...]:
    """A row of the table for one size of groups."""
    changes = {"group-components": [f"cells_{{fold}}={group}"]}
    site.edit("slurm/config.yaml", changes | {"slurm-init-seconds-before-status-checks": poll})
    start = time.time()
    done = site("--profile", "slurm", "runs", timeout=3000)
    end = time.time()
    if done.code:
        sys.exit(done.text[-3000:])
    jobs = site.submitted()
    lines = ask("sacct", "-nXP", "-j", ",".join(jobs), "-o", "Submit,Start,End").splitlines()
    times = [[datetime.fromisoformat(t).timestamp() for t in line.split("|")] for line in lines]
    runs = list(site.results.glob("runs/**/run.json"))
    used = sum(ended - started for _, started, ended in times)
    submitting = max(t[0] for t in times) - min(t[0] for t in times)
    last = max(path.stat().st_mtime for path in runs)
    return (group, len(jobs), end - start, used / len(runs), submitting, end - last)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    if reason := obstacle():
        sys.exit(f"This benchmark starts a Slurm cluster, which is not possible here: {reason}.")
    columns = {"cells in a submission": "", "submissions": "", "seconds": ".0f"}
    columns |= {"node seconds per cell": ".1f", "seconds submitting": ".0f"}
    columns |= {"seconds after the last result": ".0f"}
    cluster = Cluster()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = overlay(make_tones(folder / "tones"))
        grid = {"methods": ["erm"], "sources": ["none"], "folds": [1]}
        settings["grid"] = grid | {"seeds": list(range(options.cells))}
        base = Site.make(folder / "base", settings)
        base("--cores", "2", "features", "results/splits/fold1.parquet")
        try:
            cluster.start()
            table = Table(columns)
            for group in options.groups:
                table.add(*measure(base.copy(folder / f"group{group}"), group, options.poll))
        finally:
            cluster.stop()
    return table.rows


if __name__ == "__main__":
    main()
