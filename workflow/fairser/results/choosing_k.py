"""The number of clusters that :mod:`fairser.groups.cluster_stability` recommends, and its table.

The rule knows no demographic label:

1. Groups must be *large enough* in every fold: the smallest one has at least so many clips, of at
   least so many speakers. A group's weight or worst-case loss rests on its clips alone.
2. Groups must *stand out*: mean stability over the folds is above that of every reference corpus,
   which has voices and no groups. With 20 references that is a test at the level 1/21.
3. Of these K, the recommended one is the largest whose corrected stability is within one standard
   error (over folds) of the best: of numbers that are as stable, the one that sees more groups.

If no K passes 1 and 2, none is recommended.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

LEGEND = (
    "silhouette, stability, corrected: mean over folds (standard deviation); reference: mean "
    "[largest] of corpora without groups; smallest: over all folds; effective: exponential of the "
    "entropy of the groups' shares"
)


def choose(folds: Sequence[dict[str, Any]], clips: int, speakers: int) -> pl.DataFrame:
    """A row per K with its measures over the folds, and whether it is recommended.

    Args:
        folds: what :func:`fairser.groups.cluster_stability.measure` gives of each fold.
        clips: that the smallest group must have.
        speakers: that the smallest group must have.

    Returns:
        ``k``, ``silhouette``, ``stability`` and ``corrected``, each with its standard deviation
        over folds (``_std``), ``reference`` and ``reference_high``, ``smallest_clips``,
        ``smallest_speakers``, ``largest``, ``effective``, ``folds``, ``large_enough``,
        ``stands_out``, ``recommended``.
    """
    rows = []
    for of_k in zip(*(fold["numbers"] for fold in folds), strict=True):
        stable = np.array([fold["stability"] for fold in of_k])
        references = np.array([fold["references"] for fold in of_k])
        usual = references.mean(axis=1)
        corrected = np.divide(stable - usual, 1 - usual, np.zeros(len(usual)), where=usual < 1)
        known = np.array([f["silhouette"] for f in of_k if f["silhouette"] is not None])
        high = references.mean(axis=0).max()
        row: dict[str, Any] = {"k": of_k[0]["k"]}
        for name, values in (
            ("silhouette", known),
            ("stability", stable),
            ("corrected", corrected),
        ):
            row[name] = float(values.mean()) if values.size else None
            row[f"{name}_std"] = float(values.std(ddof=1)) if values.size > 1 else None
        row |= {"reference": float(references.mean()), "reference_high": float(high)}
        row |= {n: min(f[n] for f in of_k) for n in ("smallest_clips", "smallest_speakers")}
        row["largest"] = max(fold["largest"] for fold in of_k)
        row["effective"] = float(np.mean([fold["effective"] for fold in of_k]))
        row["folds"] = len(of_k)
        row["large_enough"] = (
            row["smallest_clips"] >= clips and row["smallest_speakers"] >= speakers
        )
        row["stands_out"] = bool(stable.mean() > high)
        rows.append(row)
    chosen = recommended(rows)
    for row in rows:
        row["recommended"] = row["k"] == chosen
    return pl.DataFrame(rows, infer_schema_length=None).sort("k")


def recommended(rows: Sequence[dict[str, Any]]) -> int | None:
    """The K that the rule of this module recommends; None if none passes."""
    passed = [row for row in rows if row["large_enough"] and row["stands_out"]]
    if not passed:
        return None
    best = max(passed, key=lambda row: (row["corrected"], row["k"]))
    error = (best["corrected_std"] or 0.0) / np.sqrt(best["folds"])
    return max(row["k"] for row in passed if row["corrected"] >= best["corrected"] - error)


def verdict(table: pl.DataFrame, clips: int, speakers: int) -> str:
    """The recommendation in a sentence or two.

    Args:
        table: what :func:`choose` gives.
        clips: that the smallest group must have.
        speakers: that the smallest group must have.
    """
    chosen = table.filter("recommended")["k"].to_list()
    large = table.filter("large_enough")["k"].to_list()
    if chosen:
        return f"Recommended: K = {chosen[0]}."
    size = f"{clips} clips of {speakers} speakers in every group and fold"
    if not large:
        return f"No K is recommended: none has {size}. Name smaller numbers in 'choose_k.k'."
    return (
        "No K is recommended: where groups are large enough, they are no more stable than those "
        f"of corpora without groups. K up to {max(large)} has {size}."
    )


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table of :func:`choose` with each number and its uncertainty in one cell."""
    rows = []
    for row in table.iter_rows(named=True):
        line: dict[str, Any] = {"k": row["k"]}
        for name in ("silhouette", "stability", "corrected"):
            line[name] = _with_spread(row[name], row[f"{name}_std"])
        line["reference"] = f"{row['reference']:.3f} [{row['reference_high']:.3f}]"
        names = ("smallest_clips", "smallest_speakers", "largest", "effective")
        line |= {name: row[name] for name in names}
        for name in ("large_enough", "stands_out", "recommended"):
            line[name.replace("_", " ")] = "yes" if row[name] else ""
        rows.append(line)
    return pl.DataFrame(rows)


def _with_spread(value: float | None, spread: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" + ("" if spread is None else f" ({spread:.3f})")
