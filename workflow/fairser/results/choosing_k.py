"""The recommended number of clusters K, its table and its figure.

The rule uses no demographic label:

1. Groups must be *large enough*: in every fold the smallest group has at least a given number of
   clips from a given number of speakers, because its weight or its worst-case loss rests on them.
2. Groups must *stand out* from reference corpora, which have voices but no groups: the mean
   stability over folds is above what :func:`needed` says. With 20 references and one fold this is a
   test at level 1/21 for all K together: without groups, some K passes in at most 1 of 21 corpora.
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
    "stability of corpora without groups [stability that is needed to stand out]; smallest: over "
    "all folds; effective: exponential of the entropy of the groups' shares"
)
MEASURES = ("silhouette", "stability", "corrected")
LETTERS = 110  # of a line below the figure
ROUNDING = 1e-9


def choose(folds: Sequence[dict[str, Any]], clips: int, speakers: int) -> pl.DataFrame:
    """A row per K with its measures over the folds, and whether it is recommended.

    Columns of the csv are explained in :data:`LEGEND`; ``_std`` is over folds.

    Args:
        folds: what :func:`fairser.groups.cluster_stability.measure` returns for each fold.
        clips: least number of clips of the smallest group.
        speakers: least number of speakers of the smallest group.
    """
    rows = []
    by_k = list(zip(*(fold["numbers"] for fold in folds), strict=True))
    both = [[[one["stability"], *one["references"]] for one in of_k] for of_k in by_k]
    limits = needed(np.mean(both, axis=1))
    for of_k, limit in zip(by_k, limits.tolist(), strict=True):
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
        row["needed"] = limit
        for name in ("smallest_clips", "smallest_speakers"):
            row[name] = min(fold[name] for fold in of_k)
        row["largest"] = max(fold["largest"] for fold in of_k)
        row["effective"] = float(np.mean([fold["effective"] for fold in of_k]))
        row["folds"] = len(of_k)
        enough = row["smallest_clips"] >= clips and row["smallest_speakers"] >= speakers
        row["large_enough"] = enough
        row["stands_out"] = bool(stability.mean() > row["needed"] + ROUNDING)
        rows.append(row)
    chosen = recommended(rows)
    for row in rows:
        row["recommended"] = row["k"] == chosen
    return pl.DataFrame(rows, infer_schema_length=None).sort("k")


def needed(stability: np.ndarray) -> np.ndarray:
    """Stability [K] above which the groups of a K stand out, for all K at once.

    The corpus and its R references get mean 0 and standard deviation 1 for each K, and the limit is
    the largest value of any reference at any K (Westfall and Young 1993, with the maximum of
    standardised values). A corpus without groups is one of R + 1 equals, so that it exceeds the
    limit at some K with probability 1 / (R + 1).

    Args:
        stability: of the corpus, then of its R references [K, R + 1]; means over folds.
    """
    mean, std = stability.mean(axis=1, keepdims=True), stability.std(axis=1, keepdims=True)
    zero = np.zeros_like(stability)
    scaled = np.divide(stability - mean, std, zero, where=std > ROUNDING)
    return np.asarray((mean + scaled[:, 1:].max() * std)[:, 0])


def recommended(rows: Sequence[dict[str, Any]]) -> int | None:
    """The K that the rule of this module recommends, or None."""
    passed = [row for row in rows if row["large_enough"] and row["stands_out"]]
    if not passed:
        return None
    best = max(passed, key=lambda row: (row["corrected"], row["k"]))
    error = (best["corrected_std"] or 0.0) / np.sqrt(best["folds"])
    return max(row["k"] for row in passed if row["corrected"] >= best["corrected"] - error)


def verdict(table: pl.DataFrame, clips: int, speakers: int) -> str:
    """The recommendation of a table of :func:`choose`, with the same limits, and its reasons."""
    small = table.filter(~pl.col("large_enough"))["k"].to_list()
    weak = table.filter("large_enough", ~pl.col("stands_out"))["k"].to_list()
    reasons = []
    if weak:
        reasons.append(f"{_named(weak)}, no more stable than corpora without groups")
    if small:
        reasons.append(
            f"{_named(small)}, a group of fewer than {clips} clips or {speakers} speakers"
        )
    left_out = f" Left out: {'; '.join(reasons)}." if reasons else ""
    for k in table.filter("recommended")["k"]:
        best = table.filter("large_enough", "stands_out").sort("corrected", "k")[-1]
        text = f"Recommended: K = {k}, which has the best corrected stability."
        if k != best["k"].item():
            text = (
                f"Recommended: K = {k}, the largest whose corrected stability is within one "
                f"standard error of the best, that of K = {best['k'].item()}."
            )
        return text + left_out
    hint = "" if weak else " Try smaller numbers in 'choose_k.k'."
    return f"No K is recommended.{left_out}{hint}"


def _named(ks: Sequence[int]) -> str:
    return f"K = {', '.join(map(str, ks))}"


def readable(table: pl.DataFrame) -> pl.DataFrame:
    """A table of :func:`choose` with each number and its uncertainty in one cell."""
    rows = []
    for row in table.to_dicts():
        line = {"k": row["k"], **{name: estimate(row, name) for name in MEASURES}}
        line["reference"] = f"{number(row['reference'])} [{number(row['needed'])}]"
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
    usual, least = (table[name].to_numpy() for name in ("reference", "needed"))
    reference: dict[str, Any] = {"color": style.ORANGE, "linewidth": 1.2}
    panels[1].plot(x, usual, marker="^", linestyle="--", label="without groups, mean", **reference)
    panels[1].plot(x, least, linestyle=":", label="needed to stand out", **reference)
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
