"""Texts around the data: names of points that cover nothing, legends that fit, names at ticks."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from fairser.results import style
from fairser.results.tables import SOURCES

LETTER = 0.07  # inches: width of a letter
ROOM = (1.1, 1.5)  # of a label, across and up, relative to its text: keeps it off the markers
ITERATIONS = 1000  # of the placing of labels; a limit of time would give other pictures


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    avoid: Sequence[tuple[float, float]] = (),
    **look: Any,
) -> list[Text]:
    """Write each text near its point, clear of the other texts and of what is to be avoided.

    Call it last: it measures the figure as it is then.

    Args:
        axes: where to write.
        points: data coordinates.
        texts: one for each point.
        avoid: data coordinates of markers that should stay free.
        **look: further properties of the texts.
    """
    from adjustText import adjust_text  # takes a second; most figures do without

    # A box, not a stroke: text with a stroke becomes a path in svg.
    box = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
    placed = [
        axes.text(x, y, text, bbox=box, zorder=5, ha="center", va="center", **look)
        for (x, y), text in zip(points, texts, strict=True)
    ]
    for label in placed:
        label.set_in_layout(False)
    across, up = zip(*avoid, strict=True) if avoid else ((), ())
    adjust_text(
        placed,
        list(across),
        list(up),
        target_x=[x for x, _ in points],
        target_y=[y for _, y in points],
        ax=axes,
        avoid_self=bool(avoid),
        expand=ROOM,
        iter_lim=ITERATIONS,
        arrowprops={"arrowstyle": "-", "lw": 0.5, "color": style.GREY},
    )
    return placed


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
    """Legends of points (:func:`fairser.results.style.point_look`): methods, and sources."""
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
