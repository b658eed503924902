"""Small clip tables and feature stores that several test files need."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from fairser.corpora.clips import ClipTable, build
from fairser.encoders.store import FeatureStore, open_store, write_store

CLASSES = ("angry", "happy", "sad")


def clip_table(
    labels: np.ndarray,
    splits: Sequence[str],
    classes: Sequence[str] = CLASSES,
    fold: int = 1,
    **attributes: Sequence[str | None],
) -> ClipTable:
    """Clip table of one fold: clips c000, c001, ..., each of a speaker of its own.

    Args:
        labels: label values [N, C].
        splits: split of each clip; each of the three must occur.
        classes: names of the C classes.
        fold: number of the fold.
        attributes: demographic columns.
    """
    names = [f"c{i:03d}" for i in range(len(labels))]
    frame = pl.DataFrame(
        {
            "clip": names,
            "file": [f"{name}.wav" for name in names],
            "speaker": names,
            "fold": [fold] * len(names),
            "split": list(splits),
            **{name: labels[:, c] for c, name in enumerate(classes)},
            **{name: pl.Series(values, dtype=pl.String) for name, values in attributes.items()},
            "row": [f"labels.csv, row {i + 2}" for i in range(len(names))],
        }
    )
    return build(frame, list(classes), list(attributes), "labels.csv")


def feature_store(folder: Path, array: np.ndarray, names: Sequence[str]) -> FeatureStore:
    """Features [N, L, D], written to ``folder`` and opened."""
    paths = folder / "features.safetensors", folder / "clips.csv"
    write_store(*paths, array, list(names))
    return open_store(*paths)
