"""Gender probabilities of clips, as csv files."""

from pathlib import Path

import numpy as np
import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.table_files import read_csv
from fairser.corpora.clips import ClipTable
from fairser.corpora.names import clip_name
from fairser.extraction.store import FeatureStore

COLUMNS = ("p_female", "p_male")
SUM_TOLERANCE = 0.01


def read_probabilities(path: str | Path, table: ClipTable) -> pl.DataFrame:
    """Read and check gender probabilities (csv: clip, p_female, p_male) for all clips of a corpus.

    Raises:
        InputError: a missing column or clip, a value that is no probability, a sum that is not 1.
    """
    frame = read_csv(path)
    for name in ("clip", *COLUMNS):
        if name not in frame.columns:
            raise InputError(f"{path}, row 1: no column '{name}'.{nearest(name, frame.columns)}")
    frame = frame.with_columns(
        pl.col("clip").map_elements(clip_name, return_dtype=pl.String),
        pl.concat_str(COLUMNS, separator=" and ").alias("as written"),
        pl.col(COLUMNS).cast(pl.Float64, strict=False),
    )
    total = pl.sum_horizontal(COLUMNS)
    valid = pl.all_horizontal(pl.col(COLUMNS).is_between(0, 1))
    bad = frame.filter(~(valid & ((total - 1).abs() <= SUM_TOLERANCE)).fill_null(False))
    if bad.height:
        first = bad.row(0, named=True)
        raise InputError(
            f"{first['row']}: p_female and p_male are {first['as written']}, which are no "
            "probabilities that sum to 1; renormalise them."
        )
    twice = frame.filter(pl.col("clip").is_duplicated())
    if twice.height:
        raise InputError(f"{twice['row'][0]}: clip '{twice['clip'][0]}' has two rows; keep one.")
    clips = table.clips().select("clip")
    lost = clips.join(frame, on="clip", how="anti")
    if lost.height:
        raise InputError(
            f"{path}: {lost.height} of {clips.height} clips have no row, such as "
            f"'{lost['clip'][0]}'; add them."
        )
    return frame.with_columns(pl.col(COLUMNS) / total).select("clip", *COLUMNS)


def store_probabilities(store: FeatureStore) -> pl.DataFrame:
    """Columns clip, p_female, p_male from a store [N, 1, 2] of a gender model."""
    values = store.array[:, 0].astype(np.float64)
    columns = {name: values[:, n] for n, name in enumerate(COLUMNS)}
    return pl.DataFrame({"clip": list(store.row_of), **columns})
