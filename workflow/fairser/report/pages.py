"""A page of the report: a table that can be sorted and filtered, and the files behind its cells.

A page is one HTML file without links to scripts or styles. Its table is plain HTML and can be read
and printed without JavaScript; the records behind the cells are JSON for the script ``page.js``.

The script is our own: DataTables (itables 2.9.1) adds 0.7 MB to each page, so that the report of
the demo would grow from 5.5 MB to about 14 MB, and neither DataTables nor great_tables draws
intervals in cells or opens the runs behind a number.
"""

import json
import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from fairser.core import text
from fairser.core.files import write_text
from fairser.report.captions import TITLES
from fairser.report.records import Records

PARTS = Path(__file__).parent
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Column:
    """A column of a page's table."""

    name: str  # its key in the rows
    label: str  # its heading
    number: bool = False  # whether it is aligned and sorted as numbers
    choice: bool = False  # whether rows can be filtered by its values
    start: str = ""  # value that is chosen when the page opens
    help: str = ""  # explanation below the table
    wide: bool = False  # whether its texts wrap


@dataclass(frozen=True)
class Mark:
    """A sign beside a number, its colour (``better``, ``worse``, ``apart``) and its meaning."""

    sign: str
    look: str
    meaning: str


@dataclass(frozen=True)
class PageCell:
    """A cell of a page's table."""

    text: str
    value: float | str | None  # for sorting; None comes last
    spread: str = ""  # uncertainty, on a second line
    published: str = ""  # published number and difference, on a third line
    test: str = ""  # test against ERM, shown when the cell is opened
    mark: Mark | None = None  # of the difference to ERM
    published_mark: Mark | None = None  # of the difference to the published number
    # Positions in percent of the column's range: interval (a, b), value v, ERM e, published p.
    scale: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PageRow:
    """A row of a page's table; the cells of the columns in ``values`` open its records."""

    cells: dict[str, PageCell]  # by column
    records: Sequence[int] = ()  # numbers of the records behind the row
    values: Mapping[str, Sequence[float | None]] = field(default_factory=dict)  # of each record
    summary: bool = False  # whether the row summarises others

    def opens(self, column: str) -> bool:
        """Whether a click on a cell opens records."""
        return bool(self.values.get(column)) and self.cells[column].value is not None


@dataclass(frozen=True)
class Page:
    """A page of the report."""

    name: str  # of the file, without ending
    lede: str  # one or two sentences below the title
    columns: Sequence[Column]  # the first one names the rows
    rows: Sequence[PageRow]  # in their order when the page opens
    records: Records = field(default_factory=Records)
    legend: Sequence[str] = ()  # explanations of signs
    files: Sequence[str] = ()  # files with the same numbers
    behind: str = "run"  # what a record is: a run, a split, ...
    picture: "Picture | None" = None  # below the table

    @property
    def title(self) -> str:
        return TITLES[self.name]


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; ``svg`` is the content of its file."""

    title: str
    caption: str
    svg: bytes

    @property
    def address(self) -> str:
        """The figure as the address of an image."""
        return f"data:image/svg+xml;base64,{b64encode(self.svg).decode()}"


def number_columns(named: Mapping[str, tuple[str, str]]) -> list[Column]:
    """Columns of numbers from their labels and explanations."""
    return [
        Column(name, label, number=True, help=meaning) for name, (label, meaning) in named.items()
    ]


def cell(value: float | str | None, digits: int = 3) -> PageCell:
    """A cell with a text or a number: integers have no decimals, missing values are empty."""
    if isinstance(value, bool):
        value = "yes" if value else None
    if isinstance(value, float):
        return PageCell(typographic(text.number(value, digits)), value)
    if isinstance(value, int):
        return PageCell(f"{value:,}", value)
    return PageCell(value or "", value)


def cells(line: Mapping[str, Any]) -> dict[str, PageCell]:
    """A cell for each value."""
    return {name: cell(value) for name, value in line.items()}


def typographic(number: str) -> str:
    """A formatted number with minus signs instead of hyphens."""
    return number.replace("-", MINUS)


def write_page(path: str | Path, page: Page) -> None:
    """Write a page; links to the files behind its cells are relative to its folder."""
    write_text(path, render(page, Path(path).parent))


def write_pictures(path: str | Path, title: str, pictures: Sequence[Picture]) -> None:
    """Write the page of the figures, each with its caption."""
    template = _environment().get_template("figures.html.jinja")
    write_text(path, template.render(title=title, pictures=pictures, style=_part("page.css")))


def render(page: Page, folder: Path, template: str = "page.html.jinja", **more: Any) -> str:
    """The page as HTML, with links relative to ``folder``; ``more`` is for another template."""
    choices = {c.name: _choices(page.rows, c.name) for c in page.columns if c.choice}
    given = [cell for row in page.rows for cell in row.cells.values()]
    return (
        _environment()
        .get_template(template)
        .render(
            **more,
            page=page,
            choices={name: values for name, values in choices.items() if len(values) > 1},
            published=any(cell.published for cell in given),
            opens=any(row.opens(name) for row in page.rows for name in row.values),
            estimates={n for row in page.rows for n, cell in row.cells.items() if cell.spread},
            data=_data(page, folder),
            style=_part("page.css"),
            script=_part("page.js"),
        )
    )


def embedded(data: Any) -> str:
    """JSON for a script element: no character in it can end the element."""
    found = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        found = found.replace(character, f"\\u{ord(character):04x}")
    return found


def _data(page: Page, folder: Path) -> str:
    records = [
        asdict(record) | {"link": Path(os.path.relpath(record.path, folder)).as_posix()}
        for record in page.records.records
    ]
    rows = []
    for row in page.rows:
        values = {
            name: [None if value is None else round(value, 6) for value in found]
            for name, found in row.values.items()
        }
        rows.append({"r": row.records, "v": values})
    return embedded({"records": records, "sections": page.records.sections, "rows": rows})


def _choices(rows: Sequence[PageRow], name: str) -> list[str]:
    """Texts of a column in the order of the rows; numbers are sorted."""
    found = {row.cells[name].text: row.cells[name].value for row in rows if name in row.cells}
    found.pop("", None)
    if all(isinstance(value, int | float) for value in found.values()):
        return sorted(found, key=lambda shown: float(found[shown] or 0))
    return list(found)


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


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
