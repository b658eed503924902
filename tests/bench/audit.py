"""The audit of a large table: seconds of the whole command, and of its parts.

    python tests/bench/audit.py [--clips 10000] [--speakers 91] [--resamples 1000] [--rounds 7]

Predictions of six classes are made up; groups are gender, race, age and the crossing of gender and
race. The command is run as a user runs it; the time includes the start of Python, reading, figures
and writing.
"""

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from shared.measuring import ROOT, Parser, Row, Table, children_seconds, in_turn, seconds_of

from fairser.auditing.inputs import AuditInput
from fairser.auditing.report import write_audit
from fairser.auditing.tables import make_audit

CLASSES = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
SMALLEST = {"clips": 300, "speakers": 30, "resamples": 100, "rounds": 1}


def parser() -> Parser:
    sizes = {"clips": 10_000, "speakers": 91, "resamples": 1000, "rounds": 7}
    return Parser(__file__, __doc__, SMALLEST, **sizes)


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


def run_command(folder: Path, resamples: int) -> None:
    command = [sys.executable, str(ROOT / "scripts/audit.py"), "predictions.csv"]
    command += ["--groups", "speakers.csv", "--cross", "gender", "race"]
    command += ["--resamples", str(resamples)]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_tables(folder, options.clips, options.speakers)
        files = ([folder / "predictions.csv"], (), folder / "speakers.csv")
        given = AuditInput(*files, crossings=[["gender", "race"]])
        before = children_seconds()
        times = in_turn(
            options.rounds,
            {
                "whole command": lambda: seconds_of(lambda: run_command(folder, options.resamples)),
            },
        )
        times["whole command, CPU"] = [(children_seconds() - before) / options.rounds]
        audit = make_audit(given, options.resamples)  # warms up
        times |= in_turn(
            options.rounds,
            {
                "of it reading and computing": lambda: seconds_of(
                    lambda: make_audit(given, options.resamples)
                ),
                "of it figures and writing": lambda: seconds_of(
                    lambda: write_audit(folder / "parts", audit, given)
                ),
            },
        )
    columns = {"part": "", "seconds": ".2f", "lowest": ".2f", "highest": ".2f"}
    table = Table(columns)
    for name, values in times.items():
        table.add(name, statistics.median(values), min(values), max(values))
    return table.rows


if __name__ == "__main__":
    main()
