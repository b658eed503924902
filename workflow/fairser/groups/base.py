"""What a group source is given, and what becomes of its groups.

The groups of a fold are a table with a row per clip: ``clip``, ``split``, ``group`` (text, or null
where it is unknown) and, where the source has them, probabilities ``p_{group}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from fairser.config.extensions import extension
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore, open_store
from fairser.groups.probabilities import PREFIX, read_probabilities


@dataclass(frozen=True)
class Fold:
    """What a group source infers the groups of a fold's clips from.

    Attributes:
        table: clip table of the fold, with its biased splits.
        k: number of groups, for a source with ``"k": "grid"``.
        settings: of the source, complete.
        store: speaker embeddings of all clips, for a source that needs ``embedding``.
        standardise: whether each dimension of them gets mean 0 and standard deviation 1 over train.
        probabilities: ``clip``, ``p_female``, ``p_male`` of all clips, for one that needs
            ``pseudo``.
    """

    table: ClipTable
    k: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    store: FeatureStore | None = None
    standardise: bool = False
    probabilities: pl.DataFrame | None = None


def read_fold(given: Mapping[str, str], k: int, settings: Mapping[str, Any]) -> Fold:
    """The fold from the files of a job.

    Args:
        given: ``split``; ``features`` and ``clips`` of the embeddings, or ``probabilities``.
        k: number of groups.
        settings: ``settings`` of the source, and ``standardise``.
    """
    table = ClipTable.read(given["split"])
    store = open_store(given["features"], given["clips"]) if "features" in given else None
    shares = read_probabilities(given["probabilities"], table) if "probabilities" in given else None
    return Fold(table, k, settings["settings"], store, settings["standardise"], shares)


def infer_groups(source: str, fold: Fold) -> pl.DataFrame:
    """Groups of the clips of a fold from a source.

    Raises:
        InputError: there is no such source, or it can't infer groups from this fold.
    """
    groups: pl.DataFrame = extension("SOURCE", source).function("infer_groups")(fold)
    return groups


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
