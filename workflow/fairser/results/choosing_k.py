"""The recommended number of clusters K, its table and its figure.

The rule uses no demographic label:

1. Groups must be *large enough*: in every fold the smallest group has at least a given number of
   clips from a given number of speakers, because its weight or its worst-case loss rests on them.
2. Groups must *stand out*: the mean stability over folds is above that of every reference corpus,
   which has voices but no groups. With 20 references this is a test at level 1/21.
3. Of the K that pass, the largest one whose corrected stability is within one standard error (over
   folds) of the best is recommended: among equally stable K, it distinguishes the most groups.

No K is recommended if none passes 1 and 2.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairser.core.text import estimate, number
from fairser.results import labels, style

LEGEND = (
    "silhouette, stability, corrected: mean over folds (standard deviation); reference: mean "
    "[largest] of corpora without groups; smallest: over all folds; effective: exponential of the "
    "entropy of the groups' shares"
)
MEASURES = ("silhouette", "stability", "corrected")
LETTERS = 110  # of a line below the figure


def choose(folds: Sequence[dict[str, Any]], clips: int, speakers: int) -> pl.DataFrame:
    """A row per K with its measures over the folds, and whether it is recommended.

    Columns of the csv are explained in :data:`LEGEND`; ``_std`` is over folds.

    Args:
        folds: what :func:`fairser.groups.cluster_stability.measure` returns for each fold.
        clips: least number of clips of the smallest group.
        speakers: least number of speakers of the smallest group.
    """
    rows = []
    for of_k in zip(*(fold["numbers"] for fold in folds), strict=True):
        stability = np.array([fold["stability"] for fold in of_k])
        references = np.array([fold["references"] for fold in of_k])
        usual = references.mean(axis=1)
        measured = {
            "silhouette": np.array([f["silhouette"] for f in of_k if f["silhouette"] is not None]),
            "stability": stability,
            "corrected": np.divide(
                stability - usual, 1 - usual, np.zeros(len(usual)), where=usual < 1
            ),
        }
        row: dict[str, Any] = {"k": of_k[0]["k"]}
        for name, values in measured.items():
            row[name] = float(values.mean()) if values.size else None
            row[f"{name}_std"] = float(values.std(ddof=1)) if values.size > 1 else None
        row["reference"] = float(references.mean())
        row["reference_high"] = float(references.mean(axis=0).max())
        for name in ("smallest_clips", "smallest_speakers"):
            row[name] = min(fold[name] for fold in of_k)
        row["largest"] = max(fold["largest"] for fold in of_k)
        row["effective"] = float(np.mean([fold["effective"] for fold in of_k]))
        row["folds"] = len(of_k)
        enough = row["smallest_clips"] >= clips and row["smallest_speakers"] >= speakers
        row["large_enough"] = enough
        row["stands_out"] = bool(stability.mean() > row["reference_high"])
        rows.append(row)
    chosen = recommended(rows)
    for row in rows:
        row["recommended"] = row["k"] == chosen
    return pl.DataFrame(rows, infer_schema_length=None).sort("k")


def recommended(rows: Sequence[dict[str, Any]]) -> int | None:
    """The K that the rule of this module recommends, or None."""
    passed = [row for row in rows if row["large_enough"] and row["stands_out"]]
    if not passed:
        return None
    best = max(passed, key=lambda row: (row["corrected"], row["k"]))
    error = (best["corrected_std"] or 0.0) / np.sqrt(best["folds"])
    return max(row["k"] for row in passed if row["corrected"] >= best["corrected"] - error)


def verdict(table: pl.DataFrame, clips: int, speakers: int) -> str:
    """The recommendation of a table of :func:`choose`, with the same limits, as a sentence."""
    for k in table.filter("recommended")["k"]:
        return f"Recommended: K = {k}."
    large = table.filter("large_enough")["k"]
    size = f"{clips} clips from {speakers} speakers in every group and fold"
    if not len(large):
        return f"No K is recommended: none has {size}. Try smaller numbers in 'choose_k.k'."
    return (
        f"No K is recommended: K up to {max(large)} has {size}, but its groups are no more stable "
        "than those of corpora without groups."
    )


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table of :func:`choose` with each number and its uncertainty in one cell."""
    rows = []
    for row in table.to_dicts():
        line = {"k": row["k"], **{name: estimate(row, name) for name in MEASURES}}
        line["reference"] = f"{number(row['reference'])} [{number(row['reference_high'])}]"
        for name in ("smallest_clips", "smallest_speakers", "largest", "effective"):
            line[name] = row[name]
        for name in ("large_enough", "stands_out", "recommended"):
            line[name.replace("_", " ")] = "yes" if row[name] else ""
        rows.append(line)
    return pl.DataFrame(rows)


@style.styled
def figure(table: pl.DataFrame, clips: int, speakers: int) -> Figure:
    """The measures of a table of :func:`choose`, with the same limits, against K."""
    made, panels = style.new_panels(4, 2.3)
    x = np.log2(table["k"].to_numpy())
    titles = ("Silhouette", "Stability (adjusted Rand index)", "Corrected stability")
    for axes, name, title in zip(panels, MEASURES, titles, strict=False):
        spread = pl.col(f"{name}_std").fill_null(0.0)
        ends = [(pl.col(name) - spread).alias(f"{name}_low")]
        ends += [(pl.col(name) + spread).alias(f"{name}_high")]
        look: dict[str, Any] = {"color": style.BLUE, "marker": "o", "label": "train clips"}
        style.interval_line(axes, x, table.with_columns(ends), name, **look)
        axes.set(title=title, ylabel="higher is better")
    usual, high = (table[name].to_numpy() for name in ("reference", "reference_high"))
    reference: dict[str, Any] = {"color": style.ORANGE, "linewidth": 1.2}
    panels[1].plot(x, usual, marker="^", linestyle="--", label="without groups, mean", **reference)
    panels[1].plot(x, high, linestyle=":", label="without groups, largest", **reference)
    panels[2].axhline(0, color=style.GREY, linewidth=0.8)
    _draw_sizes(panels[3], x, table, clips, speakers)
    ticks, ks = labels.k_ticks(x, max(x[-1] - x[0], 1))
    for axes in panels:
        for chosen in table.filter("recommended")["k"]:
            axes.axvline(np.log2(chosen), color=style.GREEN, linewidth=3, alpha=0.35, zorder=0)
        axes.set_xticks(ticks, ks)
        axes.set_xlabel("Number of clusters K")
    made.supxlabel(textwrap.fill(verdict(table, clips, speakers), LETTERS), fontsize=8)
    labels.merged_legend(made, panels, "", 3.5)
    return made


def _draw_sizes(axes: Axes, x: np.ndarray, table: pl.DataFrame, clips: int, speakers: int) -> None:
    """Clips and speakers of the smallest group, and the least numbers of both."""
    for name, least, colour, marker in (
        ("clips", clips, style.RED, "s"),
        ("speakers", speakers, style.PURPLE, "D"),
    ):
        y = table[f"smallest_{name}"].to_numpy()
        axes.plot(x, y, color=colour, marker=marker, linewidth=1.2, markersize=4.5, label=name)
        axes.axhline(least, color=colour, linewidth=0.8, linestyle=":")
    # Logarithmic, but linear below one, because a group may be empty.
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter("{x:.0f}")
    top = 1.5 * max(clips, speakers, *table["smallest_clips"].to_list())
    axes.set(title="Smallest group of all folds (dotted: needed)", ylabel="number", ylim=(0, top))
