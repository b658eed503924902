"""Tables of estimates: numbers with intervals, tests against ERM, and published numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fairser.core.text import (
    SIGNIFICANT,
    WITHIN_CHANCE,
    chance,
    interval,
    is_significant,
    is_within_chance,
    number,
)
from fairser.report.pages import Column, Mark, PageCell, typographic
from fairser.results.writing import read_table

Line = dict[str, Any]  # a row of a csv
Published = Mapping[tuple[Any, ...], tuple[float, float]]  # published number, difference
SUMMARIES = ("Overall", "Gain")
BETTER = Mark("✓", "better", "better than ERM")
WORSE = Mark("✗", "worse", "worse than ERM")
APART = Mark("≠", "apart", "the published number is outside our 95 % interval")
SIGNS = (
    f"✓ better and ✗ worse than ERM, Holm-corrected p < {SIGNIFICANT:g}. The line beside a number "
    "is its 95 % interval on the scale of the column (bootstrap over speakers), the thin vertical "
    "line is ERM."
)
SIGNS_CHANCE = (
    "Chance: the gap with the groups shuffled among the speakers, mean to 95 % quantile. "
    f"{WITHIN_CHANCE} marks gaps that are not larger than this quantile."
)
SIGNS_PUBLISHED = (
    "The ring is the published number, Δ is our number minus the published one. ≠ marks published "
    "numbers outside our 95 % interval; they have no interval of their own."
)


@dataclass(frozen=True)
class EstimateTable:
    """A table of :func:`fairser.results.tables.estimate_table` as a csv.

    A row is compared with that row of ERM which has the same values in the columns ``same``.
    """

    path: str
    head: Sequence[Column]  # name a row; among them are ``method`` or ``objective``
    numbers: Sequence[Column]
    performance: Sequence[str]  # those of the numbers where higher is better
    digits: int = 3  # decimals
    same: Sequence[str] = ()
    paper: str | None = None  # path of the csv with published numbers

    @cached_property
    def lines(self) -> list[Line]:
        return read_table(self.path).to_dicts()

    @cached_property
    def published(self) -> Published:
        return read_published(self.paper, [column.name for column in self.head])

    @property
    def files(self) -> list[str]:
        """Paths of the table and of the published numbers."""
        return [path for path in (self.path, self.paper) if path]

    def legend(self, spread: str) -> list[str]:
        """What brackets and signs mean; ``spread`` is what the round brackets hold."""
        found = [f"In brackets: {spread} [95 % interval].", SIGNS]
        if any(name.endswith("_chance") for line in self.lines[:1] for name in line):
            found.append(SIGNS_CHANCE)
        return [*found, SIGNS_PUBLISHED] if self.published else found

    def cells(self, line: Line) -> dict[str, PageCell]:
        """The cells of the numbers of a row."""
        return {column.name: self._cell(line, column.name) for column in self.numbers}

    def _cell(self, line: Line, name: str) -> PageCell:
        value, digits = line[name], self.digits
        if value is None:
            return PageCell("", None)
        low, high = line[f"{name}_low"], line[f"{name}_high"]
        std, p = line.get(f"{name}_std", line.get(f"{name}_seed_std")), line.get(f"{name}_p")
        erm = self._erm(line).get(name)
        spread = [f"({number(std, digits)})"] if std is not None else []
        spread += [interval(low, high, digits)] if low is not None else []
        if level := chance(line, name, digits):
            sign = WITHIN_CHANCE if is_within_chance(line, name) else ""
            spread.append(f"{sign} chance {level}".strip())
        key = (*(line[column.name] for column in self.head), name)
        paper, difference = self.published.get(key, (None, None))
        published, outside = "", False
        if paper is not None:
            shown = f"{number(paper, digits)}, Δ {number(difference, digits, signed=True)}"
            published = f"published {typographic(shown)}"
            outside = low is not None and not low <= paper <= high
        mark = None
        if is_significant(p) and erm is not None:
            mark = BETTER if (value > erm) == (name in self.performance) else WORSE
        return PageCell(
            text=typographic(number(value, digits)),
            value=value,
            spread=typographic(" ".join(spread)),
            published=published,
            test="" if p is None else f"p = {p:.2g} against ERM, Holm-corrected",
            mark=mark,
            published_mark=APART if outside else None,
            scale=self._places(line, {"a": low, "b": high, "v": value, "e": erm, "p": paper}, name),
        )

    def _erm(self, line: Line) -> Line:
        """The row of ERM that a row is compared with; empty without one."""
        kind = "method" if "method" in line else "objective"
        wanted = {kind: "ERM"} | {name: line[name] for name in self.same}
        return next((other for other in self.lines if wanted.items() <= other.items()), {})

    def _places(self, line: Line, marks: Mapping[str, float | None], name: str) -> dict[str, float]:
        """Marks in percent of the range of a column; none for a relative gain."""
        low, high = self._ranges[name]
        if line.get("method") == "Gain" or low >= high:
            return {}
        return {
            key: 100 * (mark - low) / (high - low)
            for key, mark in marks.items()
            if mark is not None
        }

    @cached_property
    def _ranges(self) -> dict[str, tuple[float, float]]:
        """Least and largest number of each column with its intervals."""
        shown = [line for line in self.lines if line.get("method") != "Gain"]
        found = {}
        for name in (column.name for column in self.numbers):
            values = [line[key] for line in shown for key in (name, f"{name}_low", f"{name}_high")]
            values += [known[0] for key, known in self.published.items() if key[-1] == name]
            known = [value for value in values if value is not None]
            found[name] = (min(known, default=0.0), max(known, default=0.0))
        return found


def read_published(path: str | None, keys: Sequence[str]) -> Published:
    """Published numbers and differences of a ``*_vs_paper.csv``; nothing without one."""
    if path is None:
        return {}
    return {
        (*(row[key] for key in keys), row["column"]): (row["published"], row["difference"])
        for row in read_table(path).to_dicts()
        if row["published"] is not None and row["difference"] is not None
    }
