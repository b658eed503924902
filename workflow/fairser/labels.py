"""Texts around the data: names of points that cover nothing, legends that fit, names at ticks."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from fairser import style
from fairser.tables import SOURCES

LETTER = 0.07  # inches: width of a letter
MARKER = 3.0  # points: radius that labels leave free around a marker
TRIES = 30  # orders in which labels are placed, besides from the first and from the last
CROSSED = 10  # how much worse it is to cover a line than to cover a text, by area
LINE = 30  # points further away that are as bad as a line
TOUCHING = 8  # points: labels further away get a line to their point
# Where a label may stand: direction from its point across and up, distance in points.
DIRECTIONS = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
PLACES = [(0, 0, 0)] + [(dx, dy, r) for r in (5, 8, 12, 17, 24, 34, 46) for dx, dy in DIRECTIONS]
ALIGN: dict[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}
UPRIGHT: dict[int, Literal["bottom", "center", "top"]] = {1: "bottom", 0: "center", -1: "top"}


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    avoid: Sequence[tuple[float, float]] = (),
    **look: Any,
) -> list[Annotation]:
    """Write each text beside its point, at the nearest place where it covers least.

    Call it last: it measures the figure as it is then.

    Args:
        axes: where to write.
        points: data coordinates.
        texts: one for each point.
        avoid: data coordinates of markers that should stay free.
        **look: further properties of the texts.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    figure.draw_without_rendering()
    pixels = figure.dpi / 72  # in a point
    half = MARKER * pixels
    centres = [axes.transData.transform(point) for point in avoid]
    taken = [Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half) for x, y in centres]
    frame, choices = axes.get_window_extent(), []
    for point, text in zip(points, texts, strict=True):
        probe = axes.text(0, 0, text, **look)
        size = probe.get_window_extent()
        probe.remove()
        x, y = axes.transData.transform(point)
        choices.append([_place((x, y), size, place, pixels, taken, frame) for place in PLACES])
    shuffle, order = random.Random(0), list(range(len(texts)))  # noqa: S311 (no secret)
    orders = [order, order[::-1], *(shuffle.sample(order, len(order)) for _ in range(TRIES))]
    found = min((_arrange(choices, one) for one in orders), key=lambda tried: tried[0])[1]
    placed = []
    for number, (point, text) in enumerate(zip(points, texts, strict=True)):
        across, up, distance = PLACES[found[number]]
        corner = ((1 - across) / 2, (1 - up) / 2)  # the text's, where its line ends
        line = {"arrowstyle": "-", "lw": 0.5, "color": style.GREY, "relpos": corner, "shrinkA": 0}
        label = axes.annotate(
            text,
            point,
            xytext=(across * distance, up * distance),
            textcoords="offset points",
            ha=ALIGN[across],
            va=UPRIGHT[up],
            arrowprops=line if distance > TOUCHING else None,
            # A box, not a stroke: text with a stroke becomes a path in svg.
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
            zorder=5,
            **look,
        )
        label.set_in_layout(False)
        placed.append(label)
    return placed


@dataclass(frozen=True)
class Place:
    """Where a text may stand: its box in pixels, the line to its point, what it covers there."""

    box: Bbox
    line: list[Bbox]
    covered: float
    distance: int


def _place(
    point: tuple[float, float],
    size: Bbox,
    place: tuple[int, int, int],
    pixels: float,
    taken: Sequence[Bbox],
    frame: Bbox,
) -> Place:
    across, up, distance = place
    x, y = point[0] + across * distance * pixels, point[1] + up * distance * pixels
    left, low = x + (across - 1) / 2 * size.width, y + (up - 1) / 2 * size.height
    box = Bbox.from_bounds(left, low, size.width, size.height)
    outside = size.width * size.height - _shared(box, frame)
    shares = [i / 8 for i in range(1, 8)] if distance > TOUCHING else []
    ends = [(point[0] + s * (x - point[0]), point[1] + s * (y - point[1])) for s in shares]
    line = [Bbox.from_bounds(a - pixels, b - pixels, 2 * pixels, 2 * pixels) for a, b in ends]
    return Place(box, line, 4 * outside + sum(_shared(box, other) for other in taken), distance)


def _arrange(
    choices: Sequence[Sequence[Place]], order: Sequence[int]
) -> tuple[tuple[int, int], dict[int, int]]:
    """The best place for each text, one after the other, and how bad all are together."""
    found: dict[int, int] = {}
    worst = 0
    for number in order:
        others = [choices[other][place] for other, place in found.items()]
        least = None
        for i, place in enumerate(choices[number]):
            clash = sum(
                _shared(place.box, other.box)
                + CROSSED * sum(_shared(place.box, dot) for dot in other.line)
                + CROSSED * sum(_shared(dot, other.box) for dot in place.line)
                for other in others
            )
            cost = round(place.covered + clash)  # whole pixels: of equal places the nearest
            if least is None or cost < least:
                least, found[number] = cost, i
            if cost == 0:
                break
        worst += least or 0
    distances = [choices[i][place].distance for i, place in found.items()]
    return (worst, sum(d + LINE * (d > TOUCHING) for d in distances)), found


def _shared(one: Bbox, other: Bbox) -> float:
    """Area that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)


def legend(
    figure: Figure, handles: dict[str, Any], title: str, above: bool = True, **look: Any
) -> None:
    """A legend above or below all panels, with as many columns as fit.

    Args:
        figure: where to write.
        handles: what is drawn, by its name.
        title: what the names are of; may be empty.
        above: or below.
        **look: further properties of the legend.
    """
    room = (max(map(len, handles)) + look.get("handlelength", 2.0) + 3) * LETTER
    figure.legend(
        handles.values(),
        handles.keys(),
        title=title,
        loc="outside upper center" if above else "outside lower center",
        ncols=max(1, min(len(handles), int(style.WIDTH / room))),
        columnspacing=1.5,
        **look,
    )


def merged_legend(figure: Figure, panels: Iterable[Axes], title: str, length: float) -> None:
    """One legend above all panels, each name once, marks that explain the others last."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    last = (style.DOT["label"], style.CROSS["label"])
    names = sorted(handles, key=lambda name: name in last)
    legend(figure, {name: handles[name] for name in names}, title, handlelength=length)


def point_legends(figure: Figure, methods: Sequence[str], sources: Iterable[str]) -> None:
    """Legends of points as :func:`fairser.style.point_look` has them: methods, and sources."""
    found = set(sources)
    colours = {style.method_name(m): Line2D([], [], **style.point_look(m, "none")) for m in methods}
    shapes = {s: Line2D([], [], **style.point_look("random", s)) for s in SOURCES if s in found}
    legend(figure, colours, "Method", handlelength=1.0)
    legend(figure, shapes, "Groups from", above=False, handlelength=1.0)


def name_ticks(axes: Axes, names: Sequence[str], columns: int) -> None:
    """Names at places 0, 1, ..., slanted where they would touch in one of so many columns."""
    room = (style.WIDTH / min(columns, 2) - 0.7) / len(names)  # inches for a name
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) * LETTER > room:
        axes.tick_params(axis="x", rotation=30)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def spread(values: Iterable[float], apart: float) -> list[float]:
    """Those of ascending values that are so far apart from the one kept before."""
    kept: list[float] = []
    for value in values:
        if not kept or value - kept[-1] >= apart:
            kept.append(value)
    return kept
