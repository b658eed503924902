"""The clips of a fold in memory, with their groups, as methods take them."""

from typing import Any

import numpy as np
import polars as pl
import torch

from fairser.core.errors import InputError
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.extraction.features import Inputs, Statistics
from fairser.methods.base import FoldData

PREFIX = "p_"  # of the columns of groups that hold probabilities


def load_fold(
    table: ClipTable, inputs: Inputs, grouping: pl.DataFrame | None = None, seed: int = 0
) -> tuple[FoldData, Statistics]:
    """One fold's clips in the order of its table, and the statistics for standardisation.

    They lie on the device of the features.

    Raises:
        InputError: the features lack clips, or the groups are those of another split.
    """
    frame = table.frame
    rows: dict[str, Any] = {
        split: torch.from_numpy(np.flatnonzero((frame["split"] == split).to_numpy()))
        for split in SPLITS
    }
    features, statistics = inputs.fold(frame["clip"], rows["train"].numpy(), seed)
    classes = pl.Series("class", table.classes)
    index = frame["majority"].replace_strict(classes, range(len(classes)), default=-1)
    targets = torch.from_numpy(frame.select(table.classes).to_numpy().astype(np.float32))
    data = FoldData(
        features=features,
        targets=targets.to(features) if isinstance(features, torch.Tensor) else targets,
        majority=torch.from_numpy(index.cast(pl.Int64).to_numpy().copy()),
        **rows,
        **_load_groups(grouping, frame),
    )
    return data.to(getattr(features, "device", torch.device("cpu"))), statistics


def _load_groups(grouping: pl.DataFrame | None, frame: pl.DataFrame) -> dict[str, Any]:
    """The fields ``groups`` and ``probabilities`` of :class:`FoldData`."""
    if grouping is None:
        return {}
    ordered = frame.select("clip").join(grouping, on="clip", how="left", maintain_order="left")
    lost = ordered.filter(pl.col("split").is_null())["clip"]
    if len(lost):
        raise InputError(f"The groups lack clip '{lost[0]}'; make them again from this split.")
    numbers, shares = encode_groups(ordered)
    fields = {"groups": numbers, "probabilities": shares}
    return {name: torch.from_numpy(array) for name, array in fields.items() if array is not None}


def encode_groups(grouping: pl.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
    """Numbers of the groups [N], int64, -1 where unknown, in the order of their names; and the
    probabilities [N, G], float32, in the same order, or None where the source has none."""
    names = sorted(grouping["group"].drop_nulls().unique().to_list())
    columns = sorted(name for name in grouping.columns if name.startswith(PREFIX))
    if columns:
        names = [name.removeprefix(PREFIX) for name in columns]
    number = grouping["group"].replace_strict(names, range(len(names)), default=-1)
    shares = grouping.select(columns).to_numpy().astype(np.float32) if columns else None
    return number.cast(pl.Int64).to_numpy().copy(), shares
