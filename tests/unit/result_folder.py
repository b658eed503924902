"""Results folders with runs of known counts, as the workflow leaves them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.core.checksums import write_record

CLASSES = ("angry", "happy", "sad")
CONFIG: dict[str, Any] = {
    "results": "somewhere",
    "metrics": {"tpr_gap": "pairwise", "dp_gap": "max_deviation"},
    "train": {"epochs": 5, "memory_mb": 2000},
    "device": "auto",
}


def counts(
    seed: int,
    worse: float = 0.0,
    speakers: Iterable[int] = range(20),
    clips: int = 10,
    draw: int = 0,
) -> pl.DataFrame:
    """Counts of speakers with so many clips each, of whom every second one is a woman.

    Args:
        seed: of the corpus: with the same one, positives and whose emotions are found are the same.
        worse: share of the found positives of women that is lost.
        speakers: their numbers.
        clips: of a speaker.
        draw: another training of the same quality.
    """
    rows = []
    for number in speakers:
        corpus = np.random.default_rng([seed, number])
        training = np.random.default_rng([seed, number, draw])
        for name in CLASSES:
            positives = int(corpus.integers(2, 6))
            found = int(corpus.integers(1, positives + 1))
            if draw:
                found = int(training.integers(1, positives + 1))
            lost = round(found * worse) if number % 2 else 0
            called = found - lost + int(corpus.integers(0, 3))
            gender = "female" if number % 2 else "male"
            rows.append((f"s{number:02d}", gender, name, clips, positives, called, found - lost))
    columns = ["speaker", "gender", "class", "clips", "positives", "predicted", "hits"]
    return pl.DataFrame(rows, columns, orient="row")


def write_run(
    results: Path,
    cell: tuple[str, str, int],
    frame: pl.DataFrame,
    fold: int = 1,
    seed: int = 0,
    **changes: Any,
) -> Path:
    """A run's files; ``changes`` replace what its record holds. The folder."""
    method, source, k = cell
    folder = results / f"runs/{method}/{source}/k{k}/fold{fold}/seed{seed}"
    folder.mkdir(parents=True)
    frame.write_parquet(folder / "counts.parquet")
    frame.write_parquet(folder / "predictions.parquet")  # any bytes that follow from the counts
    record = {"method": method, "source": source, "k": k, "fold": fold, "seed": seed}
    record |= {"device": "cpu", "features": None, "groups": None, "commit": "1234567"}
    record |= {"versions": {"fairser": "0.1.0"}, "config": CONFIG, "attributes": {"gender": {}}}
    made = [folder / "counts.parquet", folder / "predictions.parquet"]
    write_record(folder / "metrics.json", record | changes, made)
    return folder
