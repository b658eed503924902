"""Pages as HTML: what stands there without a script, and what the script is given."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fairser.report.pages import (
    Column,
    Mark,
    Page,
    PageCell,
    PageRow,
    Picture,
    cell,
    cells,
    embedded,
    render,
    write_pictures,
)
from fairser.report.records import Records

MINUS = "\N{MINUS SIGN}"


class Table(HTMLParser):
    """Texts of the cells of a page's table, row by row, and the classes of its cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.looks: list[list[str | None]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
            self.looks.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.looks[-1].append(dict(attrs).get("class"))
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def page(rows: list[PageRow], columns: list[Column], **more: Any) -> Page:
    return Page("runs", "What it is.", columns, rows, **more)


COLUMNS = [Column("method", "Method", choice=True), Column("k", "K", number=True, choice=True)]


def test_the_table_is_there_without_a_script(tmp_path: Path) -> None:
    rows = [PageRow(cells({"method": name, "k": k})) for name, k in (("ERM", 16), ("RW", 2))]
    html = render(page(rows, COLUMNS), tmp_path)
    table = Table(html)
    assert table.rows == [["Method", "K"], ["ERM", "16"], ["RW", "2"]]
    assert table.looks == [[None, "n"], [None, "n"], [None, "n"]]
    assert '<th scope="row">ERM</th>' in html and '<th scope="col"' in html and "<caption>" in html


def test_what_can_be_chosen(tmp_path: Path) -> None:
    """Values in the order of the rows, numbers by size, and nothing where there is one alone."""
    columns = [*COLUMNS, Column("fold", "Fold", number=True, choice=True)]
    rows = [
        PageRow(cells({"method": name, "k": k, "fold": 1}))
        for name, k in (("RW", 16), ("DS", 2), ("RW", 4))
    ]
    html = render(page(rows, columns), tmp_path)
    found = re.findall(r'<select data-name="(\w+)">(.*?)</select>', html, re.S)
    options = {name: re.findall(r"<option[^>]*>(\w+)", part) for name, part in found}
    assert options == {"method": ["any", "RW", "DS"], "k": ["any", "2", "4", "16"]}


def test_a_cell_with_everything(tmp_path: Path) -> None:
    everything = PageCell(
        text="0.500",
        value=0.5,
        spread="(0.010) [0.480, 0.520]",
        published="published 0.600, Δ +0.100",
        test="p = 0.04",
        mark=Mark("✗", "worse", "worse than ERM"),
        published_mark=Mark("≠", "apart", "outside"),
        scale={"a": 10, "b": 30, "v": 20, "e": 40, "p": 100},
    )
    rows = [PageRow({"method": cell("RW"), "k": everything}, [0], {"k": [0.5]})]
    records = Records()
    records.add("RW, fold 1", str(tmp_path / "runs/metrics.json"), {}, [("best epoch", "3")])
    html = render(page(rows, COLUMNS, records=records), tmp_path / "report")
    shown = Table(html).rows[1][1]
    for part in ("0.500", "worse than ERM", everything.spread, everything.published, "outside"):
        assert part in shown
    assert "--a:10.0%;--b:30.0%;--v:20.0%;--e:40.0%;--p:100.0%;" in html
    data = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])
    assert data["rows"] == [{"r": [0], "v": {"k": [0.5]}}]
    assert data["records"][0]["link"] == "../runs/metrics.json"


def test_a_missing_number_is_empty(tmp_path: Path) -> None:
    rows = [PageRow(cells({"method": "RW", "k": None}), [0], {"k": [0.5]})]
    rows += [PageRow(cells({"method": None}))]
    html = render(page(rows, COLUMNS), tmp_path)
    assert Table(html).rows[1:] == [["RW", ""], ["", ""]]
    assert "data-c=" not in html.split("<script")[0]


def test_json_cannot_end_its_element() -> None:
    data = {"</script>": "<!-- & \u2028\u2029", "é": [1.5, None, True]}
    found = embedded(data)
    assert json.loads(found) == data
    assert not re.search("[<>&\u2028\u2029]", found)
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded([float("nan")])


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.1236, "0.124"), (-0.0004, "0.000"), (-0.5, f"{MINUS}0.500"), (1200, "1,200"), ("a", "a")],
)
def test_cells_show_numbers_and_texts(value: float | str, shown: str) -> None:
    assert cell(value) == PageCell(shown, value)


def test_figures_stand_in_their_page(tmp_path: Path) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    path = tmp_path / "figures.html"
    write_pictures(path, "Figures", [Picture("One", "It shows <one> thing.", svg)])
    html = path.read_text(encoding="utf-8")
    assert "<figcaption>It shows &lt;one&gt; thing.</figcaption>" in html
    assert 'src="data:image/svg+xml;base64,PHN2Zy' in html
    assert list(tmp_path.iterdir()) == [path]
