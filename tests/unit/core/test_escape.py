"""Escapes of names, each checked by a parser of its format."""

import csv
import io
import re
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fairser.core import escape
from fairser.core.text import markdown
from fairser.results.writing import latex, read_table, write_table
from unit.rendered import HOSTILE, Seen, rendered

# Letters that mean something somewhere, among others.
LETTERS = "".join(map(chr, range(128))) + "äß°\u2028\u0085\u200f漢"
NAMES = st.text(st.sampled_from(LETTERS) | st.characters(codec="utf-8"), min_size=1, max_size=20)
BUDGET = settings(max_examples=300, deadline=None)


def plain(text: str) -> str:
    """What remains of a name where lines and control characters cannot be."""
    return " ".join(escape.one_line(text).split())


def with_examples(test):
    for name in HOSTILE:
        test = example(name)(test)
    return test


@BUDGET
@with_examples
@given(NAMES)
def test_markdown_shows_a_name_and_nothing_else(name: str) -> None:
    """In a table with other cells, and within a sentence."""
    seen = rendered(markdown(["class", name], [["a", "b"], [name, "0.1*"]]))
    assert set(seen.elements) == {"table", "thead", "tbody", "tr", "th", "td"}
    cells = [" ".join(cell.split()) for cell in seen.cells]
    assert cells == ["class", plain(name), "a", "b", plain(name), "0.1*"]
    said = rendered(f"Speaker {escape.markdown(name)} has *none*.")
    assert said.elements == ["p", "em"]
    assert " ".join("".join(said.texts).split()) == " ".join(
        f"Speaker {plain(name)} has none.".split()
    )


@BUDGET
@with_examples
@given(NAMES)
def test_html_shows_a_name_and_nothing_else(name: str) -> None:
    seen = Seen(f'<p title="{escape.html(name)}">{escape.html(name)}</p>')
    assert seen.elements == ["p"]
    assert "".join(seen.texts) == name


@BUDGET
@with_examples
@example("*")
@example("[2cm]")
@given(NAMES)
def test_latex_has_no_command_of_a_name(name: str) -> None:
    """Every special character is a command that prints it, and rows stay rows."""
    lines = latex(pl.DataFrame({"class": [name, "b"]})).splitlines()
    assert len(lines) == 8 and lines[5] == r"b \\"
    cell = lines[4].removesuffix(r" \\")
    assert not cell.startswith(("[", "*"))
    commands = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"}
    commands |= {f"\\{character}": character for character in "_%&#${}"}
    commands |= {"{[}": "[", "{*}": "*"}
    parts = re.split("|".join(map(re.escape, commands)), cell)
    assert not set("\\_%&#${}^~") & set("".join(parts))
    shown = re.sub("|".join(map(re.escape, commands)), lambda found: commands[found[0]], cell)
    assert shown == escape.one_line(name)


@BUDGET
@with_examples
@example("=cmd|' /C calc'!A0")
@example("'=1")
@example("-1+1")
@given(NAMES)
def test_csv_has_no_formula_and_gives_the_name_back(name: str) -> None:
    written = io.StringIO()
    csv.writer(written).writerow([escape.csv(name)])
    (cell,) = next(csv.reader(io.StringIO(written.getvalue(), newline="")))
    assert cell[0] not in "=+-@\t\r"
    assert escape.csv_content(cell) == name


@pytest.mark.parametrize(
    "text", ["Macro F1", "k_means", "0.31* (0.1) [0.2, 0.4]", "tpr_gap", "a-b", "p < 0.05"]
)
def test_what_means_nothing_stays_as_it_is(text: str) -> None:
    assert escape.markdown(text) == text


@settings(max_examples=100, deadline=None)
@with_examples
@example("=1+1")
@given(NAMES)
def test_a_written_table_gives_names_back_and_shows_them(name: str) -> None:
    """In a column and as a column, through the csv and in Markdown."""
    column = name if name not in ("class", "f1") else "other"
    table = pl.DataFrame({"class": [name, "b"], column: ["x", name], "f1": [0.5, None]})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        write_table(path, table, legend=[f"No speaker of {name}."])
        assert read_table(path, ["class", column]).equals(table)
        seen = rendered(path.with_suffix(".md").read_text(encoding="utf-8"))
    assert set(seen.elements) == {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert plain(name) in [" ".join(cell.split()) for cell in seen.cells]
