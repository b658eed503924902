"""How groups agree with annotated attributes."""

from typing import Any

import numpy as np
import polars as pl

from fairser.corpora.clips import ClipTable

EVALUATED = ("train", "test")


def quality(grouping: pl.DataFrame, table: ClipTable) -> dict[str, Any]:
    """How the groups meet each annotated attribute, on train and on test.

    Returns:
        By split: ``clips``, ``unknown`` (clips without a group), ``sizes`` (clips of each group)
        and by attribute ``clips`` (those with both known), ``accuracy`` (of the best one-to-one
        match of groups and values), ``purity``, ``nmi``, ``ari``; None where no clip has both.
    """
    groups = grouping.select("clip", "split", "group")  # without probabilities
    joined = groups.join(table.frame.select("clip", *table.attributes), on="clip")
    result: dict[str, Any] = {}
    for split in EVALUATED:
        part = joined.filter(pl.col("split") == split)
        sizes = part["group"].drop_nulls().value_counts().sort("group")
        result[split] = {
            "clips": part.height,
            "unknown": part["group"].null_count(),
            "sizes": dict(sizes.iter_rows()),
            "attributes": {
                name: agreement(part.drop_nulls(["group", name]), name) for name in table.attributes
            },
        }
    return result


def agreement(part: pl.DataFrame, attribute: str) -> dict[str, float | int | None]:
    """Accuracy, purity, NMI and ARI of ``group`` against an attribute."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    if part.height == 0:
        return {"clips": 0, **dict.fromkeys(("accuracy", "purity", "nmi", "ari"))}
    group, truth = part["group"].to_list(), part[attribute].to_list()
    names = {g: i for i, g in enumerate(sorted(set(group)))}
    values = {v: i for i, v in enumerate(sorted(set(truth)))}
    table = np.zeros((len(names), len(values)))
    np.add.at(table, ([names[g] for g in group], [values[v] for v in truth]), 1)
    matched = table[linear_sum_assignment(table, maximize=True)].sum()
    return {
        "clips": part.height,
        "accuracy": float(matched / part.height),
        "purity": float(table.max(axis=1).sum() / part.height),
        "nmi": float(normalized_mutual_info_score(truth, group)),
        "ari": float(adjusted_rand_score(truth, group)),
    }


def quality_table(cells: list[dict[str, Any]]) -> pl.DataFrame:
    """How groups meet attributes over the grid: a row per source, k, fold, split and attribute.

    Args:
        cells: ``source``, ``k``, ``fold`` and ``quality`` (see :func:`quality`) of each cell.
    """
    rows = []
    for cell in cells:
        for split, found in cell["quality"].items():
            sizes = list(found["sizes"].values())
            head = {name: cell[name] for name in ("source", "k", "fold")} | {"split": split}
            head |= {"groups": len(sizes), "unknown": found["unknown"]}
            head |= {"smallest": min(sizes, default=0), "largest": max(sizes, default=0)}
            for attribute, scores in found["attributes"].items():
                rows.append({**head, "attribute": attribute, **scores})
    return pl.DataFrame(rows, infer_schema_length=None)
