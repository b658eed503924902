"""What a group source is given, and what becomes of its groups.

The groups of a fold are a table with a row per clip: ``clip``, ``split``, ``group`` (text, or null
where it is unknown) and, where the source has them, probabilities ``p_{group}``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from fairser.config.extensions import extension
from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.core.words import joined
from fairser.corpora.clips import ClipTable
from fairser.extraction.store import FeatureStore, open_store
from fairser.groups.probabilities import read_probabilities


@dataclass(frozen=True)
class Fold:
    """What a group source infers the groups of a fold's clips from.

    Attributes:
        table: clip table of the fold, with its biased splits.
        k: number of groups, for a source with ``"k": "grid"``.
        settings: of the source, complete.
        files: by name, those that the source declares to need: ``features`` and ``clips`` with
            ``"needs"`` of ``embedding``, ``encoder`` or ``pitch``, ``probabilities`` with
            ``"needs": "pseudo"``.
        standardise: whether each dimension of the embeddings or of the encoder's features gets mean
            0 and standard deviation 1 over train.
        train: settings of the training, with ``"needs": "encoder"``
            (:class:`fairser.training.fitting.TrainOptions`).
        notes: what the source found besides the groups, for the record of the groups; it fills
            them with what JSON can hold.
        faults: why there are no groups (:func:`find_groups`).
        models: what sources of one job have trained on the fold, which later ones use again.
    """

    table: ClipTable
    k: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    standardise: bool = False
    train: Mapping[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    models: dict[Any, Any] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Number of the fold, for messages."""
        return int(self.table.frame["fold"][0])

    def store(self) -> FeatureStore:
        """What the source needs of all clips of the corpus: embeddings, features or pitches."""
        return open_store(self.files["features"], self.files["clips"])

    def embeddings(self) -> FeatureStore:
        """Speaker embeddings of all clips of the corpus."""
        return self.store()

    def probabilities(self) -> pl.DataFrame:
        """Columns ``clip``, ``p_female`` and ``p_male`` of all clips of the corpus.

        Raises:
            InputError: a clip is missing or a value is not a probability.
        """
        return read_probabilities(self.files["probabilities"], self.table)


def infer_groups(source: str, fold: Fold) -> pl.DataFrame:
    """Groups of the clips of a fold from a source.

    Raises:
        InputError: there is no such source, or it can't infer groups from this fold.
    """
    one = extension("SOURCE", source)
    groups: pl.DataFrame = one.function("infer_groups")(fold)
    columns = ["clip", "split", "group"]
    if not set(columns) <= set(groups.columns) or groups["group"].dtype != pl.String:
        raise InputError(
            f"{one.file}: its groups have the columns {groups.schema}; they need "
            f"{joined(columns)}, all of them text."
        )
    if not groups["clip"].equals(fold.table.frame["clip"]):
        raise InputError(
            f"{one.file}: its groups have {groups.height} rows; they need one for each of the "
            f"{fold.table.frame.height} clips of the fold, in the order of the clip table."
        )
    return groups


def find_groups(source: str, fold: Fold) -> pl.DataFrame:
    """The same, but all groups are unknown if the source fails, and ``fold.faults`` says why.

    Raises:
        InputError: there is no such source.
    """
    extension("SOURCE", source)
    try:
        return infer_groups(source, fold)
    except InputError as error:
        fold.faults.extend(error.faults)
        for fault in error.faults:
            logger.warning("%s", fault)
        return fold.table.frame.select("clip", "split", group=pl.lit(None, pl.String))
