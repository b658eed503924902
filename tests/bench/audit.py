"""The audit of a large table: seconds of the whole process, and of its parts.

python tests/bench/audit.py [--clips 10000] [--speakers 91] [--resamples 1000] [--rounds 7]

Predictions of six classes are made up; groups are gender, race, age and the crossing of gender and
race. The command is run as a user runs it, start of Python, reading, figures and writing included.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow"))

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")


def write_tables(folder: Path, clips: int, speakers: int) -> None:
    random = np.random.default_rng(0)
    speaker = random.integers(0, speakers, clips)
    label = random.integers(0, len(CLASSES), clips)
    skill = random.normal(1.2, 0.5, (speakers, len(CLASSES)))
    scores = random.normal(0, 1, (clips, len(CLASSES)))
    scores[np.arange(clips), label] += skill[speaker, label]
    names = [f"s{number:05d}" for number in range(speakers)]
    table = {
        "clip": [f"c{number:07d}" for number in range(clips)],
        "speaker": [names[number] for number in speaker],
        "label": [CLASSES[number] for number in label],
        "prediction": [CLASSES[number] for number in scores.argmax(axis=1)],
    }
    pl.DataFrame(table).write_csv(folder / "predictions.csv")
    races = ["caucasian", "african_american", "asian"]
    people = {
        "speaker": names,
        "gender": random.choice(["female", "male"], speakers).tolist(),
        "race": random.choice(races, speakers, p=[0.6, 0.25, 0.15]).tolist(),
        "age": random.integers(20, 75, speakers).tolist(),
    }
    pl.DataFrame(people).write_csv(folder / "speakers.csv")


def whole(folder: Path, resamples: int) -> tuple[float, float]:
    """Seconds of the command by the clock, and of its cores."""
    command = [sys.executable, str(ROOT / "scripts/audit.py"), "predictions.csv"]
    command += ["--groups", "speakers.csv", "--cross", "gender", "race"]
    command += ["--resamples", str(resamples)]
    start, before = time.perf_counter(), children_seconds()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start, children_seconds() - before


def children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def parts(folder: Path, resamples: int) -> dict[str, float]:
    """Seconds of reading and computing, and of figures and writing, in this process."""
    from fairser.audit.inputs import AuditInput
    from fairser.audit.report import write_audit
    from fairser.audit.tables import make_audit

    crossings = [["gender", "race"]]
    sources = AuditInput(
        [folder / "predictions.csv"], (), folder / "speakers.csv", crossings=crossings
    )
    start = time.perf_counter()
    audit = make_audit(sources, resamples)
    computed = time.perf_counter()
    write_audit(folder / "parts", audit, sources)
    return {
        "reading and computing": computed - start,
        "figures and writing": time.perf_counter() - computed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--speakers", type=int, default=91)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tables(folder, options.clips, options.speakers)
        walls, cores = zip(
            *(whole(folder, options.resamples) for _ in range(options.rounds)), strict=True
        )
        rounds = [parts(folder, options.resamples) for _ in range(options.rounds + 1)][1:]
    print(f"{options.clips} clips, {options.speakers} speakers, {options.resamples} resamples")
    ends = f"{min(walls):.2f} to {max(walls):.2f}"
    print(
        f"  whole command: {np.median(walls):.2f} s ({ends}), {np.median(cores):.2f} s of the cores"
    )
    for name in rounds[0]:
        print(f"  {name}: {np.median([part[name] for part in rounds]):.2f} s")


if __name__ == "__main__":
    main()
