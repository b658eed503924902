"""Groups from annotation: one demographic column, or several crossed."""

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.groups.base import Fold

SOURCE = {
    "title": "annotated",
    "order": 2,
    "marker": "s",
    "k": "attributes",
    "settings": {
        "attributes": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string"},
            "default": ["gender"],
            "description": "Demographic columns of the clip table; several are crossed.",
        },
    },
}


def infer_groups(fold: Fold) -> pl.DataFrame:
    """The group of each clip; null for a clip that lacks one of the attributes."""
    attributes, known = fold.settings["attributes"], list(fold.table.attributes)
    for name in attributes:
        if name not in known:
            raise InputError(
                f"'sources.annotated.attributes' names '{name}', which the corpus does not have."
                f"{nearest(name, known)} It has: {', '.join(known) or 'no demographics'}."
            )
    label = pl.concat_str(attributes, separator=" x ", ignore_nulls=False).alias("group")
    return fold.table.frame.select("clip", "split", label)
