"""Text in figures: names of points that do not overlap, legends that fit, names at ticks."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from fairser.results import style
from fairser.results.tables import method_name, ordered

LETTER = 0.07  # width of a letter in inches
ROOM = (1.1, 1.5)  # width and height of a label relative to its text, to keep it off the markers
ITERATIONS = 1000  # of the label placement; a time limit would make the figure vary


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    avoid: Sequence[tuple[float, float]] = (),
    **look: Any,
) -> list[Text]:
    """Write each text near its point, so that it covers neither other texts nor markers.

    Call this after everything else is drawn, because it measures the figure. Coordinates of the
    points and of the markers to ``avoid`` are those of the data.
    """
    from adjustText import adjust_text  # takes a second to import

    # A box, because text with a white outline would become a path in svg.
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
    shapes = {s: Line2D([], [], **style.point_look("random", s)) for s in found}
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
