"""How often tables are wrong: stars and gaps beyond chance without an effect, missed intervals.

    python tests/bench/calibration.py

Corpora in the shape of real ones are drawn many times. Speakers differ, clips of a speaker are
alike, and methods share the difficulty of a clip. No method is better than another, so every star
is wrong. Without a difference between the groups, a gap beyond chance is wrong, too. An interval
should contain the expected value of its number at this sample size: the mean over all draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from shared.measuring import Parser, Row, Table

from fairser.corpora.people import UNKNOWN_SPEAKER
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts
from fairser.results.tables import table1

METHODS = ("erm", "rw", "ds", "gdro", "gadro", "lff")
GAPS = {
    "tpr_gap": Gap("gender", "tpr", "pairwise"),
    "dp_gap": Gap("gender", "ppr", "max_deviation"),
}
SHOWN = ("uar", *GAPS)


@dataclass(frozen=True)
class Shape:
    """The test clips of a corpus: speakers of each gender in each fold, clips of each, classes."""

    name: str
    folds: Sequence[tuple[int, int]]
    clips: int
    classes: int
    seeds: int = 1
    known: bool = True  # whether the speakers are


SHAPES = (
    Shape("CREMA-D: 91 speakers, 5 folds", [(9, 10), (9, 9), (8, 10), (8, 10), (9, 9)], 80, 6),
    Shape("RAVDESS: 24 speakers, 5 folds", [(3, 2), (2, 3), (3, 2), (2, 3), (2, 2)], 60, 8),
    Shape("MSP-IMPROV: 12 speakers, 6 folds", [(1, 1)] * 6, 400, 4),
    Shape("IEMOCAP: 10 speakers, 5 folds", [(1, 1)] * 5, 500, 4),
    Shape("leave one of 10 speakers out", [(1, 0), (0, 1)] * 5, 53, 7),
    Shape("one fold of 16 speakers", [(8, 8)], 60, 4),
    Shape("one fold of 6 speakers", [(3, 3)], 60, 4),
    Shape("unlabelled speakers: 300 clips", [(150, 150)], 1, 4, known=False),
    Shape("IEMOCAP, 3 seeds", [(1, 1)] * 5, 500, 4, seeds=3),
)


def draw_runs(shape: Shape, random: np.random.Generator, worse: float) -> Iterator[RunCounts]:
    """Counts of every method; the logit of a right answer is ``worse`` lower for men."""
    names = [f"c{number}" for number in range(shape.classes)]
    # Trainings differ only where there are several: one seed can't tell a training from a method.
    nobody = "" if shape.known else UNKNOWN_SPEAKER
    skill = random.normal(0, 0.2 * (shape.seeds > 1), (len(METHODS), shape.seeds))
    for fold, sizes in enumerate(shape.folds, start=1):
        people = sum(sizes)
        men = np.arange(people) >= sizes[0]
        own = random.normal(0.8, 0.6, people) - worse * men
        difficulty = random.logistic(0, 1, (people, shape.clips))
        label = random.integers(0, shape.classes, (people, shape.clips))
        for (m, method), seed in (
            (one, s) for one in enumerate(METHODS) for s in range(shape.seeds)
        ):
            noise = random.normal(0, 0.7, difficulty.shape)
            right = own[:, None] + skill[m, seed] + difficulty + noise > 0
            other = (label + random.integers(1, shape.classes, label.shape)) % shape.classes
            guess = np.where(right, label, other)
            true, called = (
                values[..., None] == np.arange(shape.classes) for values in (label, guess)
            )
            counts = {"positives": true, "predicted": called, "hits": true & called}
            frame = pl.DataFrame(
                {
                    "speaker": np.repeat(
                        [f"{nobody}{fold}-{n}" for n in range(people)], shape.classes
                    ),
                    "gender": np.repeat(np.where(men, "male", "female"), shape.classes),
                    "class": names * people,
                    "clips": [shape.clips] * (people * shape.classes),
                }
                | {name: values.sum(axis=1).ravel() for name, values in counts.items()}
            )
            yield RunCounts(method, "none", 1, fold, seed, frame, "single_label")


def measure(shape: Shape, repetitions: int, resamples: int, worse: float) -> Row:
    """Shares over the repetitions; None where no table has such a number."""
    tables = []
    for number in range(repetitions):
        random = np.random.default_rng([number, len(shape.name), round(100 * worse)])
        runs = list(draw_runs(shape, random, worse))
        tables.append(table1(runs, Bootstrap(resamples, number, GAPS, None), None))
    whole = pl.concat(tables).filter(~pl.col("method").is_in(["Overall", "Gain"]))
    row: Row = {"table": "pooled" if "together" in (whole["note"][0] or "") else "folds"}
    for name in SHOWN:
        starred = [(t[f"{name}_p"] < 0.05).any() for t in tables if t[f"{name}_p"].count()]
        row[f"stars {name}"] = float(np.mean(starred)) if starred else None
        known = whole.drop_nulls(f"{name}_low")
        mean = whole[name].mean()
        inside = known[f"{name}_low"].le(mean) & known[f"{name}_high"].ge(mean)
        row[f"covered {name}"] = inside.mean() if known.height else None
    gap = whole.drop_nulls("tpr_gap_chance_high")
    beyond = gap["tpr_gap"] > gap["tpr_gap_chance_high"]
    row["beyond chance"] = beyond.mean() if gap.height else None
    return row


def parser() -> Parser:
    smallest = {"repetitions": 2, "resamples": 20}
    return Parser(__file__, __doc__, smallest, repetitions=400, resamples=300)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    shares = {f"stars {name}": ".3f" for name in SHOWN} | {"beyond chance": ".3f"}
    shares |= {f"covered {name}": ".3f" for name in SHOWN}
    table = Table({"corpus": "", "men worse by": "", "table": ""} | shares)
    shapes = SHAPES[-1:] if options.smallest else SHAPES
    for shape in shapes:
        for worse in (0.0, 0.8):
            found = measure(shape, options.repetitions, options.resamples, worse)
            table.add(shape.name, worse, *(found[name] for name in ("table", *shares)))
    return table.rows


if __name__ == "__main__":
    main()
