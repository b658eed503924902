"""CPU seconds and memory of `snakemake -n` on grids of 1,000, 5,000 and 10,000 cells.

    python tests/bench/dag.py [--cells 1000 5000 10000] [--profile slurm] [--arguments TARGET]

The grid is that of config.yaml with more folds, seeds and numbers of clusters. Features, labels
and audio are precomputed stand-ins: nothing is run.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

from fairser.config import grid  # noqa: E402
from fairser.config.configuration import resolve  # noqa: E402

FOLDS = 10


def write_inputs(folder: Path) -> dict[str, object]:
    """A manifest with its features, and the configuration that names them."""
    rows = [f"{n}.wav,{n},{'female' if n % 2 else 'male'},{'ab'[n % 2]}" for n in range(40)]
    (folder / "clips.csv").write_text("\n".join(["file,speaker,gender,emotion", *rows, ""]))
    (folder / "audio").mkdir()
    save_file({"features": np.zeros((40, 1, 4), np.float32)}, folder / "features.safetensors")
    precomputed = {
        "kind": "precomputed",
        "features": str(folder / "features.safetensors"),
        "clips": str(folder / "clips.csv"),
    }
    (folder / "pseudo.csv").write_text("clip,p_female,p_male\n")
    return {
        "corpus": {
            "kind": "manifest",
            "manifest": str(folder / "clips.csv"),
            "audio": str(folder / "audio"),
            "folds": FOLDS,
        },
        "encoder": precomputed,
        "embedding": precomputed,
        "pseudo": {"kind": "precomputed", "probabilities": str(folder / "pseudo.csv")},
    }


def grid_of(cells: int, base: dict[str, object]) -> dict[str, object]:
    """A configuration of about so many cells: 33 rows of the tables x 10 folds x seeds."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    for key, values in base.items():
        config[key] = config[key] | values
    config["grid"] |= {"folds": list(range(1, FOLDS + 1)), "seeds": [0]}
    one = len(grid.cells(resolve(config)))
    config["grid"]["seeds"] = list(range(round(cells / one)))
    return config


def cpu_seconds() -> float:
    """Of ended child processes; unlike the clock it does not depend on what else runs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[1000, 5000, 10000])
    parser.add_argument("--profile", help="such as slurm, with groups")
    parser.add_argument("--arguments", nargs="*", default=[], help="such as one target")
    options = parser.parse_args()
    print("| cells | jobs | CPU seconds | ms per job | largest MB |\n|---|---|---|---|---|")
    for cells in options.cells:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = grid_of(cells, write_inputs(folder))
            (folder / "config.yaml").write_text(yaml.safe_dump(config))
            command = [sys.executable, "-m", "snakemake", *options.arguments]
            command += ["-n", "--quiet", "rules"]
            command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", "config.yaml"]
            if options.profile:
                command += ["--profile", str(ROOT / options.profile)]
            before = cpu_seconds()
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            seconds = cpu_seconds() - before
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        total = [line.split()[1] for line in lines if line.startswith("total ")]
        if done.returncode or not total:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        count, jobs = len(grid.cells(resolve(config))), int(total[-1])
        each = 1000 * seconds / jobs
        print(f"| {count} | {jobs} | {seconds:.1f} | {each:.2f} | {memory:.0f} |", flush=True)


if __name__ == "__main__":
    main()
