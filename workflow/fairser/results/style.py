"""How figures look and how they are saved: sizes, colours, markers, names.

The colours are those of Okabe and Ito (2008), which readers with colour blindness can distinguish.
Each comes with a marker, a line style or a hatch, so that figures can be read without colours.
"""

import textwrap
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairser.core.escape import one_line
from fairser.core.files import complete
from fairser.evaluation.bootstrap import Gap
from fairser.evaluation.metrics import Floats
from fairser.results.tables import declared, method_name

WIDTH = 7.0  # inches: the text width of a page
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, RED, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, DARK = "#8C8C8C", "#555555"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, BLACK)  # small yellow points are hard to see
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
PANEL_LETTERS = 48  # of a line above a panel of half the width
HATCHES = ("", "////", "xxxx", "----", "\\\\\\\\", "....")
OWN = "#7F4F24"  # brown: methods that declare no colour
PLURALS = {"gender": "genders", "race": "races", "age": "age groups", "ethnicity": "ethnicities"}
DOT: dict[str, Any] = {"s": 9, "color": "white", "edgecolors": BLACK, "linewidths": 0.7}
DOT |= {"zorder": 3, "clip_on": False, "label": "one fold"}
CROSS: dict[str, Any] = {"s": 16, "color": BLACK, "marker": "x", "linewidths": 0.9}
CROSS |= {"label": "no positive clip"}
RATES = {
    "tpr": "true positive rate",
    "ppr": "predicted positive rate",
    "fpr": "false positive rate",
}

SETTINGS = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.frameon": False,
    "legend.title_fontsize": 8,
    "savefig.dpi": 300,
    "text.parse_math": False,  # names of classes and groups are no formulas
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "fair-ser",  # the same names of parts in every run
}
# A decorator: drawing does not depend on the user's settings of matplotlib.
styled = style.context(["default", SETTINGS])


def method_colour(method: str) -> str:
    """The colour that a method declares; :data:`OWN` for the others."""
    return str(declared("METHOD", method, "colour") or OWN)


def line_look(method: str, number: int) -> dict[str, Any]:
    """Keywords of the line of a method, the ``number``-th line of a figure."""
    return {
        "color": method_colour(method),
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
        "label": method_name(method),
    }


def group_look(number: int | None) -> dict[str, Any]:
    """Colour and marker of the points of the ``number``-th group; None stands for unknown."""
    if number is None:
        return {"color": GREY, "marker": "h"}
    turn, colour = divmod(number, len(COLOURS))  # 56 different pairs
    return {"color": COLOURS[colour], "marker": MARKERS[(colour + turn) % len(MARKERS)]}


def point_look(method: str, source: str) -> dict[str, Any]:
    """Keywords of the point of a configuration."""
    return {
        "linestyle": "none",
        "marker": declared("SOURCE", source, "marker") or "v",
        "markersize": 5.5,
        "markerfacecolor": method_colour(method),
        "markerfacecoloralt": "white",
        # The half that is filled distinguishes colours that look alike in grey.
        "fillstyle": declared("METHOD", method, "fill") or "full",
        "markeredgecolor": BLACK,
        "markeredgewidth": 0.5,
    }


def bar_look(number: int) -> dict[str, Any]:
    """Colour and hatch of the bars of the ``number``-th group."""
    return {"facecolor": COLOURS[number % len(COLOURS)], "hatch": HATCHES[number % len(HATCHES)]}


def words(attribute: str) -> str:
    """The name of a demographic column, with spaces, in one line as figures need it."""
    return one_line(attribute.replace("_", " "))


def metric_name(column: str, gaps: dict[str, Gap]) -> str:
    """The name of a table's column, such as ``Gap in true positive rate between genders``."""
    if column not in gaps:
        return str(declared("METRICS", column, "title") or column)
    gap = gaps[column]
    name = words(gap.attribute)
    text = f"Gap in {RATES[gap.rate]} between {PLURALS.get(name, f'groups of {name}')}"
    return textwrap.fill(text, PANEL_LETTERS)


def new_figure(height: float) -> Figure:
    """An empty figure of the page's width; the height is in inches."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def new_panels(number: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure with panels in rows of two; ``height`` of a row in inches."""
    rows, columns = (number + 1) // 2, min(2, number)
    figure = new_figure(rows * height)
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in panels[number:]:
        axes.remove()
    return figure, panels[:number]


def interval_line(axes: Axes, x: Floats, part: pl.DataFrame, name: str, **look: Any) -> None:
    """A line with thin bars from ``_low`` to ``_high``; nothing if there is no number."""
    ends = [part[f"{name}{end}"].cast(pl.Float64).to_numpy() for end in ("", "_low", "_high")]
    y, low, high = (np.asarray(end, dtype=np.float64) for end in ends)
    if not np.isnan(y).all():
        bars = np.maximum([y - low, high - y], 0)
        axes.errorbar(x, y, bars, linewidth=1.2, markersize=4.5, elinewidth=0.6, **look)


@styled
def notice(text: str) -> Figure:
    """A figure with a sentence that says why there is nothing to draw."""
    figure = new_figure(1.0)
    figure.text(0.5, 0.5, text, ha="center", va="center", wrap=True)
    return figure


@styled
def svg_content(figure: Figure) -> bytes:
    """A figure as the content of an svg file, the same bytes in every run."""
    content = BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


@styled
def save(figure: Figure, svg: str | Path, png: str | Path) -> None:
    """Write a figure as svg and as png of 300 dpi, with the same bytes in every run."""
    for file, kind, varying in ((svg, "svg", "Date"), (png, "png", "Software")):
        with complete(file) as path:
            figure.savefig(path, format=kind, metadata={varying: None})
