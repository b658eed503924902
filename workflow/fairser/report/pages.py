"""A page of the report: a table that can be sorted and filtered, and what lies behind each cell.

A page is one HTML file with nothing outside of it. Its table is plain HTML, so that it is there
without JavaScript and in print; the runs behind the cells are JSON that the script reads.
"""

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fairser.core.files import write_text

PARTS = Path(__file__).parent
Facts = list[tuple[str, str]]  # what it is called, what it is


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: its key in the rows.
        label: its heading.
        number: whether it is set and sorted as numbers.
        choice: whether rows can be chosen by its values.
        start: the value that is chosen when the page opens; all without one.
        help: what it means, below the table.
        wide: whether it holds sentences, which may wrap.
    """

    name: str
    label: str
    number: bool = False
    choice: bool = False
    start: str = ""
    help: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Mark:
    """A sign beside a number, its colour (``better``, ``worse``, ``apart``) and its words."""

    sign: str
    look: str
    words: str


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what is read; the value itself if it says no other.
        value: what the column is sorted by; None comes last.
        spread: the number's uncertainty, on a line of its own.
        published: the published number and the difference to it, likewise.
        test: of the difference to ERM, for those who open the cell.
        mark, published_mark: what statistics say of the difference to ERM and to the published.
        scale: places of the interval and the numbers in it, in percent of the column's range.
        opens: whether the cell opens what lies behind it.
    """

    text: str
    value: float | str | None
    spread: str = ""
    published: str = ""
    test: str = ""
    mark: Mark | None = None
    published_mark: Mark | None = None
    scale: Mapping[str, float] = field(default_factory=dict)
    opens: bool = False


@dataclass(frozen=True)
class Row:
    """A row: its cells by column, and the records behind it with their values by column."""

    cells: Mapping[str, Cell]
    records: Sequence[int] = ()
    values: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    summary: bool = False


@dataclass(frozen=True)
class Record:
    """What lies behind a cell: a run, or another file of the results.

    Attributes:
        name: such as ``RW annotated, fold 1, seed 0``.
        path: of its file, as the configuration names the results.
        facts: of it alone.
        sections: numbers of the sections of facts that it may share with others.
    """

    name: str
    path: str
    facts: Facts
    sections: Sequence[int] = ()


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        name: of its file, without ending.
        title: what it shows.
        lede: one or two sentences below the title.
        columns: of the table; the first one names the rows.
        rows: of the table, in the order in which the page opens.
        records: what lies behind the cells.
        sections: facts that records share, under a heading.
        legend: signs and notations, in sentences.
        files: where the numbers stand as files.
        source: what a record is called: a run, a split, ...
    """

    name: str
    title: str
    lede: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    records: Sequence[Record] = ()
    sections: Sequence[tuple[str, Facts]] = ()
    legend: Sequence[str] = ()
    files: Sequence[str] = ()
    source: str = "run"


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; ``svg`` is its file's content."""

    title: str
    caption: str
    svg: bytes

    @property
    def source(self) -> str:
        """The figure as the address of an image."""
        return f"data:image/svg+xml;base64,{b64encode(self.svg).decode()}"


def text(value: Any) -> Cell:
    """A cell that says its value; a missing one is empty."""
    return Cell("" if value is None else str(value), value)


def number(value: float | None, digits: int = 3, opens: bool = False) -> Cell:
    """A cell with a number; whole ones are counts and keep no digits."""
    if value is None:
        return Cell("", None)
    shown = f"{value:,}" if isinstance(value, int) else plain(value, digits)
    return Cell(shown, value, opens=opens)


def plain(value: float, digits: int = 3) -> str:
    """A number with a fixed number of decimals; 0 without a sign."""
    shown = f"{value:.{digits}f}"
    return shown.lstrip("-") if float(shown) == 0 else shown.replace("-", "\N{MINUS SIGN}")


def write_page(path: str | Path, page: Page) -> None:
    """Write a page; links lead from its folder to the files behind its cells."""
    write_text(path, render(page, Path(path).parent))


def write_pictures(path: str | Path, title: str, pictures: Sequence[Picture]) -> None:
    """Write the page of the figures, each with its caption."""
    template = _environment().get_template("figures.html.jinja")
    write_text(path, template.render(title=title, pictures=pictures, style=_style()))


def render(page: Page, folder: Path) -> str:
    """The page as HTML, with links from ``folder``."""
    template = _environment().get_template("page.html.jinja")
    choices = {c.name: _choices(page.rows, c.name) for c in page.columns if c.choice}
    # One value alone is no choice.
    choices = {name: values for name, values in choices.items() if len(values) > 1}
    given = [cell for row in page.rows for cell in row.cells.values()]
    return template.render(
        page=page,
        choices=choices,
        spread=any(cell.spread for cell in given),
        published=any(cell.published for cell in given),
        opens=any(cell.opens for cell in given),
        estimates={n for row in page.rows for n, cell in row.cells.items() if cell.spread},
        data=_data(page, folder),
        style=_style(),
        script=(PARTS / "page.js").read_text(encoding="utf-8"),
    )


def embedded(data: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element."""
    found = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        found = found.replace(character, f"\\u{ord(character):04x}")
    return found


def _data(page: Page, folder: Path) -> str:
    records = [
        {
            "name": record.name,
            "path": record.path,
            "link": Path(os.path.relpath(record.path, folder)).as_posix(),
            "facts": record.facts,
            "sections": record.sections,
        }
        for record in page.records
    ]
    rows = [
        {"r": row.records, "v": {name: _rounded(found) for name, found in row.values.items()}}
        for row in page.rows
    ]
    return embedded({"records": records, "sections": page.sections, "rows": rows})


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None else round(value, 6) for value in values]


def _choices(rows: Sequence[Row], name: str) -> list[str]:
    """Values of a column as they are read, in the order of the rows, numbers by size."""
    cells = {row.cells[name].text: row.cells[name].value for row in rows if name in row.cells}
    found = [shown for shown in cells if shown]
    sizes = {shown: cells[shown] for shown in found}
    if all(isinstance(size, int | float) for size in sizes.values()):
        found.sort(key=lambda shown: float(sizes[shown] or 0))
    return found


def _style() -> str:
    return (PARTS / "page.css").read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(PARTS),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
