"""Folds for a corpus whose files do not give every clip a split in every fold."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.corpora.faults import Faults


@dataclass(frozen=True)
class MadeFolds:
    """Folds to make for a corpus that has none: their ``number``, balanced in ``stratify``."""

    number: int = 5
    stratify: str | None = "gender"


DEFAULT = MadeFolds()


def fold_numbers(frame: pl.DataFrame, faults: Faults | None = None) -> pl.DataFrame:
    """The rows with the text column ``fold`` as whole numbers from 1 on."""
    number = pl.col("fold").cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False)
    frame = (faults or Faults(at_once=True)).without(
        frame,
        number.is_null() | (number < 1),
        "fold '{fold}' is not a whole number from 1 on; fix it.",
        "fold",
    )
    return frame.with_columns(number)


def rotate(frame: pl.DataFrame, origin: str | Path, faults: Faults | None = None) -> pl.DataFrame:
    """One row per clip and fold with its ``split``, from one row per clip with its test ``fold``.

    Each fold tests on its own clips, develops on those of the next fold and trains on the rest.

    Raises:
        InputError: a fold that is not a number, or fewer than three folds.
    """
    frame = fold_numbers(frame, faults)
    parts = frame["fold"].unique().sort().to_list()
    if len(parts) < 3:
        raise InputError(
            f"{origin}: {len(parts)} fold(s); three are needed for train, development and test. "
            "Add a 'split' column, or leave 'fold' out to have folds made."
        )
    following = dict(zip(parts, parts[1:] + parts[:1], strict=True))
    frames = [
        frame.with_columns(
            pl.col("fold")
            .replace_strict({test: "test", following[test]: "development"}, default="train")
            .alias("split"),
            pl.lit(test, pl.Int64).alias("fold"),
        )
        for test in parts
    ]
    return pl.concat(frames)


def speaker_folds(frame: pl.DataFrame, made: MadeFolds, origin: str | Path) -> pl.DataFrame:
    """One row per clip with its test ``fold``: speakers stay together, groups are spread evenly.

    Speakers are dealt out group by group, those with the most clips first, each to the fold that
    has the fewest clips of the group so far. scikit-learn's ``StratifiedGroupKFold`` balances
    equally well, but fails if every group has fewer clips than there are folds.

    Raises:
        InputError: fewer than three folds, or more than speakers.
    """
    speakers = frame["speaker"].n_unique()
    if not 3 <= made.number <= speakers:
        raise InputError(
            f"{origin}: 'corpus.folds' is {made.number}; it must be at least 3 and at most the "
            f"number of speakers, {speakers}."
        )
    column = pl.col(made.stratify) if made.stratify else pl.lit(None, pl.String)
    order = (
        frame.group_by("speaker")
        .agg(pl.len().alias("clips"), column.drop_nulls().first().alias("group"))
        .sort("group", "clips", "speaker", descending=[False, True, False])
    )
    of_group: Counter[tuple[str | None, int]] = Counter()
    total: Counter[int] = Counter()
    fold_of = {}
    for speaker, count, name in order.iter_rows():
        fold = min(range(1, made.number + 1), key=lambda f: (of_group[name, f], total[f], f))
        of_group[name, fold] += count
        total[fold] += count
        fold_of[speaker] = fold
    number = pl.col("speaker").replace_strict(fold_of, return_dtype=pl.Int64)
    return frame.with_columns(number.alias("fold"))
