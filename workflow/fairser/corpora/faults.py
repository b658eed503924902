"""Faults in the files of a corpus, collected so that all of them are reported together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.words import joined

SHOWN = 5  # further rows that the message about a fault names


class Faults:
    """The faults that several checks of one input find: ``messages``, one for each kind.

    A message has the first row in full, the places of the next rows and the number of all others.
    """

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, *messages: str) -> None:
        self.messages += messages

    def note(
        self,
        bad: pl.DataFrame,
        text: str,
        value: str | None = None,
        known: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Add a fault if there are rows that have it.

        Args:
            bad: these rows, with ``row``, the place of each in its file.
            text: what is wrong with the first of them, with its columns in braces.
            value: column whose value is shown for further rows.
            known: correct values, of which the message suggests the nearest.
            more: further values for the braces of the text.
        """
        # The rows of a clip in several folds are one row of the file.
        rows = bad.unique("row", keep="first", maintain_order=True)
        if rows.is_empty():
            return
        first, *others = rows.head(1 + SHOWN).iter_rows(named=True)
        files = {row["row"].rpartition(", row ")[0] for row in (first, *others)}
        places = [row["row"] for row in others]
        if len(files) == 1 and "" not in files:  # the number is enough
            places = [f"row {place.rpartition(', row ')[2]}" for place in places]
        if value:
            places = [f"{p} ('{row[value]}')" for p, row in zip(places, others, strict=True)]
        rest = rows.height - 1 - len(others)
        places += [f"{rest:,} more"] if rest else []
        message = f"{first['row']}: {text.format_map(first | more)}"
        message += nearest(first[value], list(known)) if value and known else ""
        self.add(message + (f" Also {joined(places)}." if places else ""))

    def without(
        self,
        frame: pl.DataFrame,
        bad: pl.Expr,
        text: str,
        value: str | None = None,
        known: Sequence[str] = (),
        **more: Any,
    ) -> pl.DataFrame:
        """The frame without its bad rows, which are noted; null in ``bad`` counts as good."""
        self.note(frame.filter(bad), text, value, known, **more)
        return frame.filter(~bad.fill_null(False)) if self.messages else frame

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Add the faults of an InputError that ends the block, if new, and continue after it."""
        try:
            yield
        except InputError as error:
            self.add(*(fault for fault in error.faults if fault not in self.messages))

    def raise_all(self) -> None:
        """Raise an InputError with all messages, if there are any."""
        if self.messages:
            raise InputError(*self.messages)


class _AtOnce(Faults):
    """Raises each fault instead of collecting it."""

    def add(self, *messages: str) -> None:
        raise InputError(*messages)


AT_ONCE = _AtOnce()  # for a reader that collects no faults
