"""The faults of a corpus' files, gathered so that all of them are told at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl

from fairser.core.errors import InputError

SHOWN = 5  # further rows of one fault that a message names

Message = Callable[[dict[str, Any]], str]


class Faults:
    """What several checks of one input find.

    Each kind of fault is one message: its first row in full, the places of the next ones, and how
    many there are. ``told`` holds the messages.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def without(
        self, frame: pl.DataFrame, bad: pl.Expr, message: Message, value: str | None = None
    ) -> pl.DataFrame:
        """The frame without its bad rows, which are noted: later checks work on what is left.

        Args:
            frame: with ``row``, a text that locates each row in its file.
            bad: whether a row is bad; null is no.
            message: about the first bad row, which it gets by the names of its columns.
            value: column whose value is told of further rows.
        """
        self.note(frame.filter(bad), message, value)
        return frame.filter(~bad.fill_null(False)) if self.told else frame

    def note(self, bad: pl.DataFrame, message: Message, value: str | None = None) -> None:
        """Note rows that are bad, if there are any (see :meth:`without`)."""
        # The rows of a clip in several folds are one row of the file.
        rows = bad.unique("row", keep="first", maintain_order=True)
        if rows.height:
            first, *others = rows.head(1 + SHOWN).iter_rows(named=True)
            places = _places([first, *others], value)
            more = rows.height - len(others) - 1
            places += [f"{more} more"] if more else []
            also = f" Also {_listed(places)}." if places else ""
            self.told.append(message(first) + also)

    @contextmanager
    def gather(self) -> Iterator[None]:
        """Note the bad input that ends the block, and go on after it."""
        try:
            yield
        except InputError as error:
            self.told += error.faults

    def refuse(self) -> None:
        """End with all faults that were noted, if there are any.

        Raises:
            InputError: with each of them.
        """
        if self.told:
            raise InputError(*self.told)


def _places(rows: list[dict[str, Any]], value: str | None) -> list[str]:
    """Where rows after the first one are: by their numbers alone where all are of one file."""
    files, numbers = zip(*(row["row"].rsplit(", row ", 1) for row in rows), strict=True)
    same = len(set(files)) == 1
    places = [f"row {number}" for number in numbers] if same else [row["row"] for row in rows]
    if value is not None:
        places = [f"{place} ('{row[value]}')" for place, row in zip(places, rows, strict=True)]
    return places[1:]


def _listed(places: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(places[:-1]), places[-1]]))
