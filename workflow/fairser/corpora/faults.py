"""Faults in the files of a corpus, collected so that all of them are reported together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.words import joined

SHOWN = 5  # further rows that the message about a fault names


class Faults:
    """The faults that several checks of one input find.

    Each kind of fault is one message: its first row in full, the places of the next rows, and the
    number of all others.

    Args:
        at_once: raise the first fault instead of collecting it. Helpers for readers use this where
            the reader passes no ``Faults``.

    Attributes:
        messages: one for each kind of fault.
    """

    def __init__(self, at_once: bool = False) -> None:
        self.messages: list[str] = []
        self.at_once = at_once

    def add(self, *messages: str) -> None:
        """Add messages."""
        self.messages += messages
        if self.at_once:
            self.raise_all()

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
        places = []
        for row in others:
            place = row["row"]
            if len(files) == 1 and "" not in files:  # the number is enough
                place = f"row {place.rpartition(', row ')[2]}"
            places.append(place if value is None else f"{place} ('{row[value]}')")
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
        """Add the faults of an InputError that ends the block, and continue after it."""
        try:
            yield
        except InputError as error:
            self.add(*error.faults)

    def raise_all(self) -> None:
        """Raise an InputError with all messages, if there are any."""
        if self.messages:
            raise InputError(*self.messages)
