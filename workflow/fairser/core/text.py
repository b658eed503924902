"""Numbers and Markdown tables as text: the one place that decides how they are written."""

from collections.abc import Iterable, Sequence
from typing import Any

from fairser.core import escape

SIGNIFICANT = 0.05  # level of every corrected p-value
WITHIN_CHANCE = "°"  # of a gap that shuffled groups give as well
# A group of a test set needs as many speakers for an interval or a p-value. A bootstrap over fewer
# draws too few different samples, and one speaker decides the result.
FEWEST = 5


def is_significant(p: float | None) -> bool:
    """Whether a corrected p-value is below :data:`SIGNIFICANT`; None and NaN are not."""
    return p is not None and p < SIGNIFICANT


def mark(p: float | None) -> str:
    """``*`` for a significant p-value, else nothing."""
    return "*" if is_significant(p) else ""


def number(value: float | None, digits: int = 3, signed: bool = False) -> str:
    """A number with fixed decimals; zero has no minus sign, a missing value is empty."""
    if value is None:
        return ""
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.replace("-", "+" if signed else "") if not float(text) else text


def interval(low: float | None, high: float | None, digits: int = 3, signed: bool = False) -> str:
    """Such as ``[0.324, 0.470]``; empty where an end is missing."""
    if low is None or high is None:
        return ""
    return f"[{number(low, digits, signed)}, {number(high, digits, signed)}]"


def estimate(row: dict[str, Any], name: str, digits: int = 3) -> str:
    """A number of a table's row with its mark, its spread over folds and its interval.

    Args:
        row: holds ``name`` and, where they are known, ``name_p``, ``name_std``, ``name_low``,
            ``name_high`` and ``name_chance_high``.
        name: of the number; empty text where its value is missing.
        digits: decimals.
    """
    if row[name] is None:
        return ""
    std = row.get(f"{name}_std")
    chance = WITHIN_CHANCE if is_within_chance(row, name) else ""
    parts = [
        number(row[name], digits) + mark(row.get(f"{name}_p")) + chance,
        f"({number(std, digits)})" if std is not None else "",
        interval(row.get(f"{name}_low"), row.get(f"{name}_high"), digits),
    ]
    return " ".join(filter(None, parts))


def chance(row: dict[str, Any], name: str, digits: int = 3) -> str:
    """The chance level of a gap, such as ``0.054 to 0.081``; empty where there is none."""
    level, high = row.get(f"{name}_chance"), row.get(f"{name}_chance_high")
    if level is None or high is None:
        return ""
    return f"{number(level, digits)} to {number(high, digits)}"


def is_within_chance(row: dict[str, Any], name: str) -> bool:
    """Whether a gap is no larger than 95 % of those that chance gives."""
    value, high = row[name], row.get(f"{name}_chance_high")
    return value is not None and high is not None and value <= high


def markdown(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[str] = (),
    markup: bool = False,
) -> str:
    """A table in Markdown that shows its cells as they are.

    Args:
        head: names of the columns.
        rows: cells as text.
        right: columns that are aligned to the right.
        markup: whether cells are Markdown already, without bars and line breaks.
    """
    lines = [[cell if markup else escape.markdown(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = [" | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    rules = [
        "-" * (w - 1) + (":" if h in right else "-") for h, w in zip(head, widths, strict=True)
    ]
    text.insert(1, " | ".join(rules))
    return "".join(f"| {line} |\n" for line in text)
