"""Text in figures: names of points that do not overlap, legends that fit, names at ticks."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text

from fairser.config.extensions import ordered
from fairser.config.grid import has_k_axis
from fairser.evaluation.metrics import Floats
from fairser.results import style
from fairser.results.tables import method_name

LETTER = 0.07  # width of a letter in inches
MARKER = 3.5  # half of a marker's width, in typographical points, as are the rings
# Places of a text around its point: distances of its edge, and directions, the best first.
RINGS = (5, 8, 12, 17, 23, 30, 38, 48, 60)
NEAR = 2  # of the rings need no line to the point
SIDES, CORNERS = ((1, 0), (0, 1), (-1, 0), (0, -1)), ((1, 1), (-1, 1), (1, -1), (-1, -1))
BETWEEN = [(x / 2, y) for x, y in CORNERS] + [(x, y / 2) for x, y in CORNERS]
WAYS = np.array([*SIDES, *CORNERS, *BETWEEN])
ON_LINE = np.linspace(0.1, 0.9, 17)  # shares of the way to a text, where its line may cross others


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    avoid: Sequence[tuple[float, float]] = (),
    **look: Any,
) -> list[Text]:
    """Write each text near its point, so that it covers neither other texts nor markers.

    Call this after everything else is drawn: it measures the figure, which keeps its layout from
    then on. Coordinates of the points and of the markers to ``avoid`` are those of the data. A text
    takes the nearest place where it covers nothing or, in a crowd, the one where it covers least; a
    line leads to its point if that is not near. Without markers to avoid, a text may lie on its
    point.
    """
    figure = cast(Figure, axes.get_figure(root=True))
    if not isinstance(figure.get_layout_engine(), PlaceHolderLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    unit = figure.dpi / 72  # pixels of a typographical point
    page = np.array(axes.get_window_extent().padded(-unit).extents)
    markers = axes.transData.transform(list(avoid)) if avoid else np.empty((0, 2))
    covered = [np.concatenate([xy - MARKER * unit, xy + MARKER * unit]) for xy in markers]
    # Of texts alone, without their lines.
    covered += [np.array(Text.get_window_extent(text).extents) for text in axes.texts]
    look |= {"ha": "center", "va": "center", "zorder": 5}
    # A box, because text with a white outline would become a path in svg.
    look["bbox"] = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
    line = {"arrowstyle": "-", "lw": 0.5, "color": style.GREY, "shrinkA": 0, "shrinkB": 2}
    placed: list[Text] = []
    for point, text in zip(points, texts, strict=True):
        measured = axes.text(*point, text, **look)
        box = measured.get_window_extent().padded(unit)
        measured.remove()
        half = np.array([box.width, box.height]) / 2
        places = np.concatenate([(ring * unit + half) * WAYS for ring in RINGS])
        if not avoid:
            places = np.concatenate([np.zeros((1, 2)), places])
        far = np.arange(len(places)) >= NEAR * len(WAYS)
        origin = axes.transData.transform(point)
        boxes = np.concatenate([origin + places - half, origin + places + half], axis=1)
        crossed = _crossed(origin, places, covered) * (MARKER * unit) ** 2
        costs = _covered(boxes, covered, page) + far * crossed
        chosen = int(np.argmin(costs))  # the first of equal ones
        label = axes.annotate(
            text,
            point,
            places[chosen] / unit,
            textcoords="offset points",
            arrowprops=line if far[chosen] else None,
            **look,
        )
        label.set_in_layout(False)
        covered.append(boxes[chosen])
        placed.append(label)
    return placed


def _covered(boxes: Floats, others: Sequence[Floats], page: Floats) -> Floats:
    """How much each box covers of others, and how much of it is off the page, in square pixels.

    Boxes are left, bottom, right and top: [N, 4], a list of [4], and [4].
    """
    both = np.array([*others, page])
    left, right = boxes[:, None, :2], boxes[:, None, 2:]
    sides = np.minimum(right, both[:, 2:]) - np.maximum(left, both[:, :2])
    shared = np.maximum(sides, 0).prod(axis=2)
    whole = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.asarray(shared[:, :-1].sum(axis=1) + 9 * (whole - shared[:, -1]))


def _crossed(origin: Floats, places: Floats, others: Sequence[Floats]) -> Floats:
    """How many points of the lines from the origin [2] to places [N, 2] lie in other boxes [N]."""
    boxes = np.array([box for box in others if not _inside(origin, np.array([box])).any()])
    if not len(boxes):
        return np.zeros(len(places))
    points = origin + places[:, None] * ON_LINE[:, None]
    return np.asarray(_inside(points[:, :, None], boxes).any(axis=2).sum(axis=1), dtype=float)


def _inside(points: Floats, boxes: Floats) -> np.ndarray:
    """Whether points [..., 2] lie in boxes [M, 4], as [..., M] by broadcasting."""
    return np.asarray(((points > boxes[:, :2]) & (points < boxes[:, 2:])).all(axis=-1))


def legend(
    figure: Figure, handles: dict[str, Any], title: str, above: bool = True, **look: Any
) -> None:
    """Draw a legend above or below all panels, with as many columns as fit.

    ``handles`` are drawn objects by their names.
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
    """Draw one legend for all panels, with each name once and the marks of folds last."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    last = (style.DOT["label"], style.CROSS["label"])
    names = sorted(handles, key=lambda name: name in last)
    legend(figure, {name: handles[name] for name in names}, title, handlelength=length)


def point_legends(figure: Figure, methods: Sequence[str], sources: Iterable[str]) -> None:
    """Draw the legends of points: colours of the methods and markers of the group sources."""
    colours = {method_name(m): Line2D([], [], **style.point_look(m, "none")) for m in methods}
    found = ordered("SOURCE", sources)
    names = {s: f"{s} (number: K)" if has_k_axis(s) else s for s in found}
    shapes = {names[s]: Line2D([], [], **style.point_look("random", s)) for s in found}
    legend(figure, colours, "Method", handlelength=1.0)
    legend(figure, shapes, "Groups from", above=False, handlelength=1.0)


def name_ticks(axes: Axes, names: Sequence[str], columns: int) -> None:
    """Write names at 0, 1, ..., slanted where they would touch in a figure of so many panels."""
    room = (style.WIDTH / min(columns, 2) - 0.7) / len(names)  # inches of a name
    axes.set_xticks(range(len(names)), names)
    if max(map(len, names)) * LETTER > room:
        axes.tick_params(axis="x", rotation=30)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def k_ticks(x: Sequence[float], width: float) -> tuple[list[float], list[str]]:
    """Places and names of ticks at some ascending binary logarithms of K, which do not touch."""
    kept: list[float] = []
    for value in x:
        if not kept or value - kept[-1] >= 0.06 * width:
            kept.append(value)
    return kept, [f"{2**value:.0f}" for value in kept]
