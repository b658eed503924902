"""A fold whose bias is known: a voice that is easy to hear, and a class that is hard to hear."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.metrics import adjusted_rand_score

from fairser.config.extensions import extension
from fairser.groups.base import Fold
from unit.builders import clip_table, write_store

TRAIN, OTHER = 400, 60
TRAINING = {"epochs": 20, "batch_size": 16, "learning_rate": 1e-3, "clip_norm": 1.0}


def biased_fold(
    folder: Path,
    source: str,
    train: int = TRAIN,
    voice: float = 3.0,
    seed: int = 0,
    training: Mapping[str, Any] = TRAINING,
    **settings: Any,
) -> Fold:
    """Two classes, of which 85 % of the clips are of one gender each; features [N, 1, 8].

    Args:
        folder: of the features.
        source: that is to infer groups, for its default settings.
        train: number of train clips; development and test have 60 each.
        voice: distance of the genders' means to 0, in standard deviations; classes have 0.7.
        seed: of labels and features.
        training: settings of the training.
        settings: of the source, where they are not at their defaults.
    """
    random = np.random.default_rng(seed)
    splits = np.repeat(["train", "development", "test"], [train, OTHER, OTHER])
    labels = np.arange(len(splits)) % 2
    gender = np.where(random.random(len(splits)) < 0.85, labels, 1 - labels)
    array = random.normal(size=(len(splits), 1, 8)).astype(np.float32)
    array[:, 0, 0] += voice * (2 * gender - 1)
    array[:, 0, 1] += 0.7 * (2 * labels - 1)
    table = clip_table(
        np.eye(2)[labels],
        splits.tolist(),
        ("angry", "sad"),
        gender=[("female", "male")[one] for one in gender],
    )
    files = {"features": str(folder / "f.safetensors"), "clips": str(folder / "clips.csv")}
    write_store(files["features"], files["clips"], array, table.frame["clip"].to_list())
    values = extension("SOURCE", source).defaults() | settings
    return Fold(table, settings=values, files=files, train=training)


def agreement_within_classes(groups: pl.DataFrame, fold: Fold) -> float:
    """Smallest adjusted Rand index, over the classes, of the groups and the gender in train."""
    table = fold.table.frame.select("clip", "majority", "gender")
    train = groups.filter(split="train").join(table, on="clip")
    return min(
        adjusted_rand_score(part["gender"].to_list(), part["group"].to_list())
        for part in train.partition_by("majority")
    )
