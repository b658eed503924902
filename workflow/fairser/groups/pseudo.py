"""Groups from a gender model: the more probable gender, with both probabilities."""

import polars as pl

from fairser.groups.base import Fold
from fairser.groups.probabilities import COLUMNS

SOURCE = {
    "title": "pseudo",
    "order": 3,
    "marker": "^",
    "k": 2,
    "needs": "pseudo",
    "probabilities": True,
}


def infer_groups(fold: Fold) -> pl.DataFrame:
    """``female`` or ``male`` for each clip, with ``p_female`` and ``p_male``."""
    joined = fold.table.frame.select("clip", "split").join(
        fold.probabilities(), on="clip", how="left", maintain_order="left"
    )
    group = pl.when(pl.col("p_female") > pl.col("p_male")).then(pl.lit("female"))
    return joined.select("clip", "split", group.otherwise(pl.lit("male")).alias("group"), *COLUMNS)
