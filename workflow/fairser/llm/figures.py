"""The course of lambda and of the gap on development over the rounds."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from fairser.llm.grid import LLMCell
from fairser.llm.tables import NAMES
from fairser.results import labels, style

PANELS = {"weight": "Weight of the gap (lambda)", "development_gap": "Largest loss gap (nats)"}
MODALITIES = {"speech": "speech", "speech_text": "speech and transcript"}
SPLIT = "on development"


@style.styled
def rounds_figure(histories: Mapping[LLMCell, pl.DataFrame]) -> Figure:
    """A row of panels per modality and language set: lambda, and Delta_max on development.

    Lines are means over seeds.

    Args:
        histories: what :meth:`fairser.llm.training.Trainer.frame` gives, by cell.
    """
    places = list(dict.fromkeys((cell.languages, cell.modality) for cell in histories))
    kinds = list(dict.fromkeys((c.objective, c.p, c.weighting) for c in histories))
    if not places:
        return style.notice("No run of the grid trains anything.")
    figure, panels = style.new_panels(2 * len(places), 2.6)
    for number, (languages, modality) in enumerate(places):
        for axes, (column, title) in zip(panels[2 * number :], PANELS.items(), strict=False):
            for turn, kind in enumerate(kinds):
                cells = [
                    cell
                    for cell in histories
                    if (cell.languages, cell.modality) == (languages, modality)
                    and (cell.objective, cell.p, cell.weighting) == kind
                ]
                if not cells or (column == "weight" and kind[0] == "erm"):
                    continue
                both = pl.concat([histories[cell].select("round", column) for cell in cells])
                mean = both.group_by("round").agg(pl.col(column).mean()).sort("round")
                axes.plot(mean["round"], mean[column], **_look(kind, turn))
            axes.set(title=f"{title}\n{MODALITIES[modality]}, {languages}", xlabel="Round")
            axes.set_ylabel("lambda" if column == "weight" else SPLIT)
            axes.set_ylim(bottom=0)
    labels.merged_legend(figure, panels, "", 3.0)
    return figure


def _look(kind: tuple[str, int, str], turn: int) -> dict[str, Any]:
    objective, p, weighting = kind
    text = NAMES[objective] if objective == "erm" else f"{NAMES[objective]}, p = {p}, {weighting}"
    colour = style.BLACK if objective == "erm" else style.COLOURS[(turn - 1) % 6]
    look = {"color": colour, "marker": style.MARKERS[turn % 8], "markersize": 3.5, "label": text}
    return look | {"linestyle": style.LINES[turn % 6], "linewidth": 1.2}
