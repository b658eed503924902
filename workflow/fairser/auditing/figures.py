"""Figures of an audit: rates by class and group, and the largest differences."""

from typing import Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fairser.auditing.estimates import FEWEST
from fairser.auditing.grouping import Attribute
from fairser.auditing.tables import Audit
from fairser.auditing.wording import class_words, group_words, largest_first
from fairser.evaluation.metrics import Floats
from fairser.results import labels, style

RATES = {"tpr": "Recall", "fpr": "False alarms"}
FIGURES = {"tpr": "recall", "fpr": "false_alarms"}  # names of the files of their figures
ROWS = {"tpr": 16, "fpr": 8}  # differences that are shown, of hundreds
ROW = 0.17  # inches: height of a difference or of a line in a legend
SURE: dict[str, Any] = {"markersize": 4, "marker": "o", "color": style.BLUE}
UNSURE = SURE | {"color": style.GREY, "markerfacecolor": "white"}


def all_figures(audit: Audit) -> dict[str, Figure]:
    """The figures of an audit by name: ``recall``, ``false_alarms``, ``differences``."""
    found = {name: rates_figure(audit, rate) for rate, name in FIGURES.items()}
    return found | {"differences": differences_figure(audit)}


@style.styled
def rates_figure(audit: Audit, rate: str) -> Figure:
    """One of :data:`RATES` by class and group with its interval, a panel per attribute.

    A point with too few speakers for an interval is hollow.
    """
    classes = [class_words(name) for name in audit.decisions.classes]
    many = len(audit.attributes)
    lines = max(-(-len(a.groups) // _columns(a, many)) for a in audit.attributes)
    figure, panels = style.new_panels(many, 2.6 + ROW * lines)
    for axes, attribute in zip(panels, audit.attributes, strict=True):
        mine = audit.rates.filter(attribute=attribute.name)
        width = 0.7 / len(attribute.groups)
        for number, group in enumerate(attribute.groups):
            x = np.arange(len(classes), dtype=np.float64) + ((number + 0.5) * width - 0.35)
            look = {"label": group_words(attribute.name, group), **style.group_look(number)}
            _points(axes, x, mine.filter(group=group), rate, look)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylabel=RATES[rate])
        axes.set_ylim(0, 1.03 if rate == "tpr" else None)
        axes.grid(axis="x", visible=False)
        for border in range(1, len(classes)):
            axes.axvline(border - 0.5, color=style.SETTINGS["grid.color"], linewidth=0.5, zorder=0)
        labels.name_ticks(axes, classes, many)
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            title=style.words(attribute.name).capitalize(),
            ncols=_columns(attribute, many),
            handlelength=1.0,
            columnspacing=1.2,
        )
    if audit.rates[f"{rate}_low"].null_count() > audit.rates[rate].null_count():
        few = f"no interval: fewer than {FEWEST} {audit.units.name}"
        labels.legend(figure, {few: Line2D([], [], linestyle="none", **UNSURE)}, "", False)
    return figure


def _columns(attribute: Attribute, panels: int) -> int:
    """Columns of a panel's legend that fit."""
    longest = max(len(group_words(attribute.name, group)) for group in attribute.groups)
    room = style.WIDTH / min(panels, 2) - 0.7
    return max(1, min(len(attribute.groups), int(room / ((longest + 5) * labels.LETTER))))


def _points(axes: Axes, x: Floats, part: pl.DataFrame, rate: str, look: dict[str, Any]) -> None:
    value, low, high = (
        part[f"{rate}{end}"].cast(pl.Float64).to_numpy() for end in ("", "_low", "_high")
    )
    bare = np.isnan(low)
    bars = np.maximum([value - low, high - value], 0)[:, ~bare]
    look = {"linestyle": "none", "markersize": 4, "markeredgewidth": 0.7, **look}
    axes.errorbar(x[~bare], value[~bare], bars, elinewidth=0.8, **look)
    axes.plot(x[bare], value[bare], **look | {"label": None, "markerfacecolor": "white"})


@style.styled
def differences_figure(audit: Audit) -> Figure:
    """The largest of the differences that were tested, the group with the higher rate first.

    Filled points are significant after Holm's correction.
    """
    tested = largest_first(audit.differences.drop_nulls("p"))
    tested = tested.sort("stands_out", descending=True, maintain_order=True)
    by_rate = {rate: tested.filter(rate=rate) for rate in RATES}
    shown = {rate: part.head(ROWS[rate]) for rate, part in by_rate.items()}
    if not any(part.height for part in shown.values()):
        return style.notice("No difference could be tested: the groups have too few speakers.")
    heights = [max(1, part.height) for part in shown.values()]
    figure = style.new_figure(ROW * sum(heights) + 1.8)
    panels = figure.subplots(2, 1, height_ratios=heights)
    for axes, (rate, part) in zip(panels, shown.items(), strict=True):
        _forest(axes, part)
        number = by_rate[rate].height
        which = f"{part.height} of" if number > part.height else "all"
        which = f"{which} {number} differences" if number else "no difference could be tested"
        axes.set_title(f"{RATES[rate]}: {which}")
        axes.set_xlabel("Difference in points, with 95 % interval")
    looks = {"significant after correction": SURE, "not significant": UNSURE}
    handles = {name: Line2D([], [], linewidth=0.8, **look) for name, look in looks.items()}
    labels.legend(figure, handles, "", False)
    return figure


def _forest(axes: Axes, part: pl.DataFrame) -> None:
    names = []
    for y, row in enumerate(part.iter_rows(named=True)):
        more, less = (group_words(row["attribute"], row[key]) for key in ("group", "other"))
        names.append(f"{class_words(row['class'])}: {more} above {less}")
        value, low, high = (100 * row[f"difference{end}"] for end in ("", "_low", "_high"))
        bars = np.maximum([[value - low], [high - value]], 0)
        look = SURE if row["stands_out"] else UNSURE
        axes.errorbar([value], [y], xerr=bars, elinewidth=0.8, **look)
    axes.axvline(0, color=style.BLACK, linewidth=0.6)
    axes.set_yticks(range(part.height), names)
    axes.set_ylim(part.height - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
