"""What a check found, as text for a person."""

import textwrap
from dataclasses import dataclass, field

from fairser.corpora.faults import Faults

WIDTH = 100
LABEL = 14  # width of the labels of lines


@dataclass
class Report:
    """What a check found."""

    # Labels and texts; an empty label continues the line above.
    found: list[tuple[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)  # what would stop a run
    warnings: list[str] = field(default_factory=list)  # what may be wrong, and would not
    next: list[str] = field(default_factory=list)  # commands, and what they do
    there: bool = True  # whether there was a corpus to check

    def add(self, label: str, *texts: str) -> None:
        self.found += [(label if not number else "", text) for number, text in enumerate(texts)]

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def __str__(self) -> str:
        wrong = self.faults.messages
        parts = [
            ("Found", [_wrapped(text, f"  {label:<{LABEL}}") for label, text in self.found]),
            (f"Wrong ({len(wrong)}): fix before a run", [_item(text) for text in wrong]),
            (f"Look at ({len(self.warnings)})", [_item(text) for text in self.warnings]),
            ("Next", [f"  {text}" for text in self.next]),
        ]
        shown = ["\n".join([title, *lines]) for title, lines in parts if lines]
        if self.there and not wrong:
            shown.insert(1, "Nothing is wrong.")
        return "\n\n".join(shown)


def _item(text: str) -> str:
    first, *others = text.split("\n")
    return "\n".join([_wrapped(first, "  - "), *(f"  {line}" for line in others)])


def _wrapped(text: str, first: str) -> str:
    """A paragraph that starts with ``first``; paths and commands stay whole."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )
