"""What a check found, laid out for a person."""

import textwrap
from dataclasses import dataclass, field

from fairser.corpora.faults import Faults

WIDTH = 100
LABEL = 14  # columns of what a line is about

# Below this number of speakers or positive clips a rate says little.
FEW = 5


@dataclass
class Report:
    """What is there, what would stop a run, what to look at, and what to do next.

    Attributes:
        found: lines of a label and a text; an empty label goes on with the line above.
        faults: what would stop a run.
        warnings: what lets a run pass and may still be wrong.
        next: commands, and what they do.
        there: whether there was a corpus to look at.
    """

    found: list[tuple[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    warnings: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    there: bool = True

    def __str__(self) -> str:
        wrong = self.faults.told
        parts = [
            ("Found", [_line(label, text) for label, text in self.found]),
            (f"Wrong ({len(wrong)}): mend before a run", [_item(text) for text in wrong]),
            (f"Look at ({len(self.warnings)})", [_item(text) for text in self.warnings]),
            ("Next", [f"  {text}" for text in self.next]),
        ]
        shown = ["\n".join([title, *lines]) for title, lines in parts if lines]
        if self.there and not wrong:
            shown.insert(1, "Nothing is wrong.")
        return "\n\n".join(shown)


def _line(label: str, text: str) -> str:
    start = f"  {label:<{LABEL}}"
    return _wrapped(text, start, " " * len(start))


def _item(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join([_wrapped(first, "  - ", "    "), *(f"  {line}" for line in others)])


def _wrapped(text: str, first: str, then: str) -> str:
    """Paths and commands stay whole."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def shortened(names: list[str], most: int = 6) -> str:
    """Names in a row, the first ones of many."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def count(number: int, noun: str) -> str:
    """A number with its noun: ``1 clip``, ``1,200 clips``."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"
