"""What a training job costs on the throw-away cluster, one by one and grouped. Needs root.

    python tests/bench/cluster.py [--cells 16] [--groups 1 4 16] [--poll 20]

Cells of a second each on the corpus of tones of the workflow tests; two nodes with two CPUs each.
"""

import argparse
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "workflow")]

from slurm.cluster import Cluster, ask, obstacle  # noqa: E402
from slurm.site import Site  # noqa: E402
from workflow.conftest import make_tones, overlay  # noqa: E402


def measure(site: Site, group: int, poll: int) -> str:
    """A row of the table for one size of groups."""
    changes = {"group-components": [f"cells_{{fold}}={group}"]}
    site.edit("slurm/config.yaml", changes | {"slurm-init-seconds-before-status-checks": poll})
    start = time.time()
    done = site("--profile", "slurm", "runs", timeout=3000)
    end = time.time()
    if done.code:
        sys.exit(done.text[-3000:])
    jobs = site.submitted()
    text = ask("sacct", "-nXP", "-j", ",".join(jobs), "-o", "Submit,Start,End")
    times = [[datetime.fromisoformat(t).timestamp() for t in line.split("|")]
             for line in text.splitlines()]  # fmt: skip
    runs = list(site.results.glob("runs/**/run.json"))
    used = sum(ended - started for _, started, ended in times)
    last = max(path.stat().st_mtime for path in runs)
    submitting = max(t[0] for t in times) - min(t[0] for t in times)
    return (
        f"| {group} | {len(jobs)} | {end - start:.0f} | {used / len(runs):.1f} "
        f"| {submitting:.0f} | {end - last:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=16)
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument(
        "--poll", type=int, default=20, help="seconds before the first status check"
    )
    options = parser.parse_args()
    reason = obstacle()
    if reason:
        sys.exit(reason)
    cluster = Cluster()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = overlay(make_tones(folder / "tones"))
        settings["grid"] = {"methods": ["erm"], "sources": ["none"], "folds": [1]}
        settings["grid"]["seeds"] = list(range(options.cells))
        base = Site.make(folder / "base", settings)
        base("--cores", "2", "features", "results/splits/fold1.parquet")
        try:
            cluster.start()
            print("| cells in a submission | submissions | seconds | node seconds per cell "
                  "| seconds submitting | seconds after the last result |")  # fmt: skip
            print("|---|---|---|---|---|---|")
            for group in options.groups:
                site = base.copy(folder / f"group{group}")
                print(measure(site, group, options.poll), flush=True)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
