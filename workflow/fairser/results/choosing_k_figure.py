"""The figure of :mod:`fairser.results.choosing_k`: what is known of each K without labels."""

import textwrap
from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairser.results import labels, style
from fairser.results.choosing_k import verdict

LETTERS = 110  # in a line below the figure
SIDES = ((-1, "low"), (1, "high"))


@style.styled
def figure(table: pl.DataFrame, clips: int, speakers: int) -> Figure:
    """Silhouette, stability, corrected stability and the smallest group against K.

    Args:
        table: what :func:`fairser.results.choosing_k.choose` gives.
        clips: that the smallest group must have.
        speakers: that the smallest group must have.
    """
    made, panels = style.new_panels(4, 2.3)
    x = np.log2(table["k"].to_numpy())
    look: dict[str, Any] = {"color": style.BLUE, "marker": "o", "label": "train clips"}
    for axes, name, title in (
        (panels[0], "silhouette", "Silhouette"),
        (panels[1], "stability", "Stability (adjusted Rand index)"),
        (panels[2], "corrected", "Stability above corpora without groups"),
    ):
        spread = pl.col(f"{name}_std").fill_null(0.0)
        ends = [(pl.col(name) + sign * spread).alias(f"{name}_{end}") for sign, end in SIDES]
        style.interval_line(axes, x, table.with_columns(ends), name, **look)
        axes.set(title=title, ylabel="higher is better")
    usual, high = (table[name].to_numpy() for name in ("reference", "reference_high"))
    reference: dict[str, Any] = {"color": style.ORANGE, "linewidth": 1.2}
    panels[1].plot(x, usual, marker="^", linestyle="--", label="without groups, mean", **reference)
    panels[1].plot(x, high, linestyle=":", label="without groups, largest", **reference)
    panels[2].axhline(0, color=style.GREY, linewidth=0.8)
    _sizes(panels[3], x, table, clips, speakers)
    ticks = labels.spread(x, 0.06 * max(x[-1] - x[0], 1))
    for axes in panels:
        for chosen in table.filter("recommended")["k"]:
            axes.axvline(np.log2(chosen), color=style.GREEN, linewidth=3, alpha=0.35, zorder=0)
        axes.set_xticks(ticks, [f"{2**tick:.0f}" for tick in ticks])
        axes.set_xlabel("Number of clusters K")
    made.supxlabel(textwrap.fill(verdict(table, clips, speakers), LETTERS), fontsize=8)
    labels.merged_legend(made, panels, "", 3.5)
    return made


def _sizes(axes: Axes, x: np.ndarray, table: pl.DataFrame, clips: int, speakers: int) -> None:
    """Clips and speakers of the smallest group, on a logarithmic axis, and what they must be."""
    for name, number, least, colour, marker in (
        ("clips", "smallest_clips", clips, style.RED, "s"),
        ("speakers", "smallest_speakers", speakers, style.PURPLE, "D"),
    ):
        y = table[number].to_numpy()
        axes.plot(x, y, color=colour, marker=marker, linewidth=1.2, markersize=4.5, label=name)
        axes.axhline(least, color=colour, linewidth=0.8, linestyle=":")
    # A group may be empty: linear up to one.
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter("{x:.0f}")
    top = 1.5 * max(clips, speakers, *table["smallest_clips"].to_list())
    axes.set(title="Smallest group of all folds (dotted: needed)", ylabel="number", ylim=(0, top))
