"""Lambda, the gaps and W-F1 over the rounds."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from matplotlib.figure import Figure

from fairser.llm.grid import LLMCell
from fairser.llm.tables import NAMES
from fairser.results import labels, style

PANELS = {
    "weight": ("Weight of the gap (lambda)", "lambda"),
    "w_f1": ("W-F1 (%)", "on development"),
    "train_gap": ("Largest loss gap (nats)", "as the training estimates it"),
    "development_gap": ("Largest loss gap (nats)", "on development"),
}
CHANCE: dict[str, Any] = {"linestyle": ":", "linewidth": 0.8, "label": "expected without any gap"}
MODALITIES = {"speech": "speech", "speech_text": "speech and transcript"}
Variant = tuple[str, int, str]  # objective, p, weighting


@style.styled
def rounds_figure(histories: Mapping[LLMCell, pl.DataFrame]) -> Figure:
    """Four panels per modality and language set: :data:`PANELS`; gaps with their chance level.

    Histories are those of :meth:`fairser.llm.training.Trainer.frame`; lines are means over seeds.
    """
    lines: dict[tuple[str, str], dict[Variant, list[pl.DataFrame]]] = {}
    for cell, history in histories.items():
        variants = lines.setdefault((cell.languages, cell.modality), {})
        variants.setdefault((cell.objective, cell.p, cell.weighting), []).append(history)
    if not lines:
        return style.notice("No run of the grid trains anything.")
    turns = list(dict.fromkeys(variant for variants in lines.values() for variant in variants))
    figure, panels = style.new_panels(len(PANELS) * len(lines), 2.6)
    left = iter(panels)
    for (languages, modality), variants in lines.items():
        for column, (title, unit) in PANELS.items():
            axes = next(left)
            for variant in turns:
                if variant not in variants or (column == "weight" and variant[0] == "erm"):
                    continue
                look = _look(variant, turns.index(variant))
                axes.plot(*_mean(variants[variant], column), **look)
                if column.endswith("_gap"):
                    chance = _mean(variants[variant], f"{column}_chance")
                    axes.plot(*chance, color=look["color"], **CHANCE)
            axes.set(title=f"{title}\n{MODALITIES[modality]}, {languages}", xlabel="Round")
            axes.set_ylabel(unit)
            axes.set_ylim(bottom=0)
    labels.merged_legend(figure, panels, "", 3.0)
    return figure


def _mean(histories: Sequence[pl.DataFrame], column: str) -> tuple[pl.Series, pl.Series]:
    """Rounds, and the mean of a column over histories."""
    both = pl.concat([one.select("round", pl.col(column).cast(pl.Float64)) for one in histories])
    mean = both.group_by("round").agg(pl.col(column).mean()).sort("round")
    return mean["round"], mean[column]


def _look(variant: Variant, turn: int) -> dict[str, Any]:
    objective, p, weighting = variant
    text = NAMES[objective] if objective == "erm" else f"{NAMES[objective]}, p = {p}, {weighting}"
    colour = style.BLACK if objective == "erm" else style.COLOURS[(turn - 1) % 6]
    look = {"color": colour, "marker": style.MARKERS[turn % 8], "markersize": 3.5, "label": text}
    return look | {"linestyle": style.LINES[turn % 6], "linewidth": 1.2}
