"""A figure for each family: values with their intervals beside their thresholds.

Verdicts differ by marker and colour. Where a family has many tests, those nearest to failing are
shown.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fairser.auditing.wording import class_words, group_words
from fairser.core.escape import one_line
from fairser.model_tests.base import Condition
from fairser.model_tests.outcomes import AT_LEAST, FAILED, PASSED, WITHIN, TestResult
from fairser.model_tests.writing import WORDS
from fairser.results import labels, style

MOST = 28  # tests of a panel
ROW = 0.17  # inches
LETTERS = 52  # of a name at a row
LOOKS: dict[str, dict[str, Any]] = {
    PASSED: {"marker": "o", "color": style.BLUE, "markersize": 4},
    FAILED: {"marker": "X", "color": style.RED, "markersize": 5.5},
}
LIMIT: dict[str, Any] = {"marker": "|", "color": style.BLACK, "markersize": 9}
REFERENCES: dict[str, dict[str, Any]] = {
    "random": {"marker": "2", "color": style.DARK, "markersize": 6},
    "constant": {"marker": "_", "color": style.DARK, "markersize": 6},
}
RING: dict[str, Any] = {"marker": "o", "markersize": 9}
RING |= {"markerfacecolor": "none", "markeredgecolor": style.RED}
HOLLOW: dict[str, Any] = {"marker": "o", "color": style.GREY, "markerfacecolor": "white"}
NOTHING = "No test of this family has a value."
SHARE = "same_prediction"


@style.styled
def family_figure(
    family: str, results: Sequence[TestResult], conditions: Sequence[Condition]
) -> Figure:
    """The figure of the tests of a family."""
    mine = [r for r in results if r.family == family and r.verdict in LOOKS]
    if not mine:
        return style.notice(NOTHING)
    if family == "robustness":
        return _robustness(mine, {condition.name: condition.title for condition in conditions})
    panels: dict[str, list[TestResult]] = {}
    for result in mine:
        panels.setdefault(result.attribute or "", []).append(result)
    return _forests(panels)


def _forests(panels: dict[str, list[TestResult]]) -> Figure:
    shown = {name: _nearest(found) for name, found in panels.items()}
    heights = [len(found) + 3 for found in shown.values()]
    figure = style.new_figure(ROW * sum(heights) + 0.9)
    axes = figure.subplots(len(shown), 1, height_ratios=heights, squeeze=False)[:, 0]
    for panel, (name, found) in zip(axes, shown.items(), strict=True):
        _forest(panel, found)
        number = len(panels[name])
        which = f"{len(found)} of {number} tests" if number > len(found) else f"{number} tests"
        panel.set_title(f"{style.words(name).capitalize()}: {which}" if name else which)
    _legend(figure, [result for found in shown.values() for result in found])
    return figure


def _nearest(results: list[TestResult]) -> list[TestResult]:
    """The failed tests and those nearest to failing, in the order of all."""
    order = sorted(results, key=_room)[:MOST]
    return [result for result in results if result in order]


def _room(result: TestResult) -> float:
    """How far a value is from its threshold; negative if it failed."""
    value, limit = result.value or 0.0, result.threshold or 0.0
    if result.rule == AT_LEAST:
        return value - limit
    return limit - (abs(value) if result.rule == WITHIN else value)


def _forest(axes: Axes, results: Sequence[TestResult]) -> None:
    """A row for each test."""
    for y, result in enumerate(results):
        _point(axes, result, y)
        for reference, look in REFERENCES.items():
            value = getattr(result, reference)
            if value is not None:
                axes.plot([value], [y], linestyle="none", zorder=1, **look)
    axes.axvline(0, color=style.BLACK, linewidth=0.6)
    axes.set_yticks(range(len(results)), [_row(result) for result in results])
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _point(axes: Axes, result: TestResult, y: float) -> None:
    """A value with its interval and its threshold, one on either side if that is meant."""
    value, limit = _number(result.value), _number(result.threshold)
    ends = [value if end is None else end for end in (result.low, result.high)]
    bars = np.maximum([[value - ends[0]], [ends[1] - value]], 0)
    axes.errorbar([value], [y], xerr=bars, elinewidth=0.8, **LOOKS[result.verdict])
    limits = [limit, -limit] if result.rule == WITHIN else [limit]
    axes.plot(limits, [y] * len(limits), linestyle="none", zorder=3, **LIMIT)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _row(result: TestResult) -> str:
    """The name of a test at its row."""
    group = group_words(result.attribute, result.group) if result.attribute and result.group else ""
    title = result.title.split(",")[0].replace(" of a class", "")
    if result.output:
        title = f"{title} of {class_words(result.output)}"
    return _short(f"{group}: {title}" if group else title)


def _short(text: str) -> str:
    plain = one_line(text)
    return plain if len(plain) <= LETTERS else f"{plain[: LETTERS - 1]}…"


def _legend(figure: Figure, results: Sequence[TestResult]) -> None:
    there = {result.verdict for result in results}
    looks = {WORDS[verdict]: look for verdict, look in LOOKS.items() if verdict in there}
    looks["threshold"] = LIMIT
    for reference, look in REFERENCES.items():
        if any(getattr(result, reference) is not None for result in results):
            looks[f"{reference} model"] = look
    handles = {name: Line2D([], [], linestyle="none", **look) for name, look in looks.items()}
    labels.legend(figure, handles, "", False)


def _robustness(results: Sequence[TestResult], titles: dict[str, str]) -> Figure:
    """Same predictions under each condition, by group; and the gaps before and after."""
    shares = [result for result in results if result.test == SHARE]
    outputs = list(dict.fromkeys(result.output for result in shares))
    # With several dimensions, the one with the lowest share in each condition and group counts.
    lowest: dict[tuple[Any, ...], TestResult] = {}
    for result in sorted(shares, key=lambda r: r.value or 0.0):
        lowest.setdefault((result.condition, result.attribute, result.group), result)
    shown = list(lowest.values())
    tested = [r for r in results if r.test in ("uar_gap", "ccc_gap")]
    gaps = _nearest(tested)
    gaps.sort(key=lambda r: r.attribute or "")
    names = [name for name in titles if any(r.condition == name for r in shown)]
    sizes = [1.4 * len(names) + 5, *([len(gaps) + 3] if gaps else [])]
    figure = style.new_figure(ROW * sum(sizes) + 0.6)
    axes = figure.subplots(len(sizes), 1, height_ratios=sizes, squeeze=False)[:, 0]
    _shares(axes[0], shown, names, titles)
    more = ", the lowest of the dimensions" if len(outputs) > 1 else ""
    axes[0].set_title(f"Share of clips with the same prediction{more}")
    if gaps:
        _gaps(axes[1], gaps, titles)
        which = f", {len(gaps)} of {len(tested)} tests" if len(tested) > len(gaps) else ""
        how = "before (hollow) and after (filled; a cross has failed)"
        axes[1].set_title(f"Gap between the groups {how}{which}")
    return figure


def _shares(
    axes: Axes, results: Sequence[TestResult], names: Sequence[str], titles: dict[str, str]
) -> None:
    groups = sorted({(r.attribute or "", r.group or "") for r in results})  # all clips first
    for number, (attribute, group) in enumerate(groups):
        mine = [r for r in results if (r.attribute or "", r.group or "") == (attribute, group)]
        look = style.group_look(number)
        look |= {"label": group_words(attribute, group) if group else "all clips"}
        y = [names.index(str(r.condition)) + _shift(number, len(groups)) for r in mine]
        axes.plot([_number(r.value) for r in mine], y, linestyle="none", markersize=4, **look)
        failed = [n for n, r in enumerate(mine) if r.verdict == FAILED]
        axes.plot(
            [_number(mine[n].value) for n in failed], [y[n] for n in failed], ls="none", **RING
        )
    for r in results:
        if r.threshold is not None and r.group is None:
            place = names.index(str(r.condition))
            axes.plot([r.threshold] * 2, [place - 0.4, place + 0.4], color=style.BLACK, lw=1)
    handles, texts = axes.get_legend_handles_labels()
    handles += [Line2D([], [], linestyle="none", **look) for look in (RING, LIMIT)]
    texts += ["failed (in a ring)", "threshold"]
    axes.legend(handles, texts, loc="upper center", bbox_to_anchor=(0.5, -0.06), ncols=4)
    axes.set_yticks(range(len(names)), [_short(titles[name]) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def _shift(number: int, groups: int) -> float:
    """Where the points of a group lie around the middle of a row."""
    return 0.7 * (number + 0.5) / groups - 0.35


def _gaps(axes: Axes, results: Sequence[TestResult], titles: dict[str, str]) -> None:
    for y, result in enumerate(results):
        before, after = _number(result.before), _number(result.after)
        axes.plot([before, after], [y, y], color=style.GREY, lw=1, zorder=1)
        axes.plot([before], [y], linestyle="none", markersize=4, **HOLLOW)
        axes.plot([after], [y], linestyle="none", **LOOKS[result.verdict])
    words = [
        f"{style.words(str(r.attribute))}: {titles.get(str(r.condition), str(r.condition))}"
        for r in results
    ]
    axes.set_yticks(range(len(results)), [_short(text) for text in words])
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.set_xlim(left=0)
