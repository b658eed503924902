"""Tables of estimates as pages: values with their intervals, tests, and published numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from fairser.report.pages import Cell, Mark, Row, plain, text
from fairser.results.tables import SIGNIFICANT

Published = Mapping[tuple[Any, ...], tuple[float, float]]  # published, difference
BETTER = Mark("✓", "better", "better than ERM")
WORSE = Mark("✗", "worse", "worse than ERM")
APART = Mark("≠", "apart", "the published number lies outside our 95 % interval")
SIGNS = (
    "✓ better and ✗ worse than ERM, Holm-corrected p < 0.05. The line beside a number is its 95 % "
    "interval on the scale of the column (bootstrap over speakers), the thin rule is ERM."
)
SIGNS_PUBLISHED = (
    "The ring is the published number, Δ ours minus the published one; ≠ marks a published "
    "number outside of our 95 % interval. Published numbers carry no uncertainty of their own."
)


@dataclass(frozen=True)
class Estimates:
    """How a table of estimates is shown.

    Attributes:
        table: with ``x``, ``x_low``, ``x_high``, ``x_p`` and ``x_std`` or, for lack of folds,
            ``x_seed_std`` for each number x.
        head: its first columns, which name a row.
        columns: its numbers.
        higher: those of the numbers of which more is better.
        digits: decimals.
        erm: ERM's row for a row, for the rule in the intervals and what is better.
        summary: whether a row summarises others.
        signed: whether a row's numbers are relative changes, on no scale with the others.
        published: by head and column.
    """

    table: pl.DataFrame
    head: Sequence[str]
    columns: Sequence[str]
    higher: Sequence[str]
    digits: int
    erm: Callable[[dict[str, Any]], dict[str, Any] | None]
    summary: Callable[[dict[str, Any]], bool] = lambda row: False
    signed: Callable[[dict[str, Any]], bool] = lambda row: False
    published: Published = field(default_factory=dict)


def estimate_rows(
    estimates: Estimates,
    records: Callable[[dict[str, Any]], Sequence[int]],
    value: Callable[[int, str, dict[str, Any]], float | None],
) -> list[Row]:
    """Rows of a page.

    Args:
        estimates: the table.
        records: what lies behind a row.
        value: the number of a record in a column of a row.
    """
    lines = estimates.table.to_dicts()
    scales = {name: _scale(estimates, lines, name) for name in estimates.columns}
    rows = []
    for line in lines:
        behind = records(line)
        cells = {name: text(line[name]) for name in estimates.head}
        for name in estimates.columns:
            scale = None if estimates.signed(line) else scales[name]
            cells[name] = _cell(estimates, line, name, scale, bool(behind))
        values = {name: [value(i, name, line) for i in behind] for name in estimates.columns}
        rows.append(Row(cells, behind, values, estimates.summary(line)))
    return rows


def legend(spread: str, published: bool) -> list[str]:
    """What the signs of a page of estimates say; ``spread`` is what the brackets hold."""
    return [
        f"In brackets: {spread} [95 % interval].",
        SIGNS,
        *([SIGNS_PUBLISHED] if published else []),
    ]


def read_published(path: str | None, keys: Sequence[str]) -> Published:
    """Published numbers and differences of a ``*_vs_paper.csv``; nothing without one."""
    if path is None:
        return {}
    return {
        (*(row[key] for key in keys), row["column"]): (row["published"], row["difference"])
        for row in pl.read_csv(path).to_dicts()
        if row["published"] is not None and row["difference"] is not None
    }


def _cell(
    estimates: Estimates,
    line: dict[str, Any],
    name: str,
    scale: tuple[float, float] | None,
    opens: bool,
) -> Cell:
    value, digits = line[name], estimates.digits
    if value is None:
        return Cell("", None)
    low, high = line[f"{name}_low"], line[f"{name}_high"]
    std = line.get(f"{name}_std", line.get(f"{name}_seed_std"))
    erm = (estimates.erm(line) or {}).get(name)
    known = estimates.published.get((*(line[key] for key in estimates.head), name))
    spread = [f"({plain(std, digits)})"] if std is not None else []
    spread += [f"[{plain(low, digits)}, {plain(high, digits)}]"] if low is not None else []
    published = ""
    if known:
        published = f"published {plain(known[0], digits)}, Δ {_signed(known[1], digits)}"
    p = line.get(f"{name}_p")
    outside = known is not None and low is not None and not low <= known[0] <= high
    return Cell(
        text=plain(value, digits),
        value=value,
        spread=" ".join(spread),
        published=published,
        test="" if p is None else f"p = {p:.2g} against ERM, Holm-corrected",
        mark=_mark(p, value, erm, name in estimates.higher),
        published_mark=APART if outside else None,
        scale=_places(scale, value, low, high, erm, known and known[0]) if scale else {},
        opens=opens,
    )


def _mark(p: float | None, value: float, erm: float | None, higher: bool) -> Mark | None:
    if p is None or p >= SIGNIFICANT or erm is None:
        return None
    return BETTER if (value > erm) == higher else WORSE


def _signed(value: float, digits: int) -> str:
    shown = plain(value, digits)
    return shown if value < 0 or float(f"{value:.{digits}f}") == 0 else f"+{shown}"


def _scale(
    estimates: Estimates, lines: Sequence[dict[str, Any]], name: str
) -> tuple[float, float] | None:
    """Least and largest number that the intervals of a column show."""
    shown = [line for line in lines if not estimates.signed(line)]
    found = [line[key] for line in shown for key in (name, f"{name}_low", f"{name}_high")]
    found += [known[0] for key, known in estimates.published.items() if key[-1] == name]
    known = [value for value in found if value is not None]
    return (min(known), max(known)) if known and min(known) < max(known) else None


def _places(
    scale: tuple[float, float],
    value: float,
    low: float | None,
    high: float | None,
    erm: float | None,
    published: float | None,
) -> dict[str, float]:
    marks = {"a": low, "b": high, "v": value, "e": erm, "p": published}
    start, end = scale
    return {
        key: 100 * (mark - start) / (end - start) for key, mark in marks.items() if mark is not None
    }
