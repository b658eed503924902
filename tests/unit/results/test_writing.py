"""Tables as files, and ours beside the published ones."""

import hashlib
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.results.writing import compare, latex, markdown, write_table

TABLE = pl.DataFrame({"method": ["ERM", "DS"], "f1": [0.65149, None], "folds": [5, 12]})
MARKDOWN = (
    "| method | f1    | folds |\n"
    "| ------ | ----- | ----- |\n"
    "| ERM    | 0.651 | 5     |\n"
    "| DS     |       | 12    |\n"
)
LATEX = "\n".join(
    [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"method & f1 & folds \\",
        r"\midrule",
        r"ERM & 0.651 & 5 \\",
        r"DS &  & 12 \\",
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
)


def test_compare_holds_every_number_that_both_tables_have() -> None:
    ours = pl.DataFrame({"split": ["a", "b"], "male": [5, 6], "female": [7, 8], "std": [0.1, 0.2]})
    published = pl.DataFrame(
        {"split": ["b", "c"], "male": [4, 1], "female": [8.5, 2], "asian": [1, 1]}
    )
    found = compare(ours, published, ["split"])
    assert found.columns == ["split", "column", "ours", "published", "difference"]
    assert found.rows() == [("b", "male", 6, 4, 2), ("b", "female", 8, 8.5, -0.5)]


def test_compare_takes_a_missing_key_for_a_name() -> None:
    # As ERM in Table 2, which has no number of clusters.
    columns = {"method": ["ERM", "DS", "DS"], "k": [None, 16, 32]}
    ours = pl.DataFrame({**columns, "f1": [0.6, None, 0.5]})
    published = pl.DataFrame({**columns, "f1": [0.5, 0.25, 0.25]}).reverse()
    found = compare(ours, published, ["method", "k"])
    rows = found.drop("column").rows()
    assert rows[0] == ("ERM", None, 0.6, 0.5, pytest.approx(0.1))
    assert rows[1:] == [("DS", 16, None, 0.25, None), ("DS", 32, 0.5, 0.25, 0.25)]


def test_written_table_is_csv_markdown_and_latex(tmp_path: Path) -> None:
    write_table(tmp_path / "new/table1.csv", TABLE)
    assert_frame_equal(pl.read_csv(tmp_path / "new/table1.csv"), TABLE)
    assert markdown(TABLE) == MARKDOWN
    digest = hashlib.sha256((tmp_path / "new/table1.csv").read_bytes()).hexdigest()
    seal = f"\n<!-- SHA-256 of the csv: {digest} -->\n"
    assert (tmp_path / "new/table1.md").read_text() == MARKDOWN + seal
    assert latex(TABLE) == (tmp_path / "new/table1.tex").read_text() == LATEX
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_what_is_read_may_differ_from_the_numbers(tmp_path: Path) -> None:
    shown = TABLE.select("method")
    write_table(tmp_path / "table.csv", TABLE, shown, ["95 % interval"])
    assert_frame_equal(pl.read_csv(tmp_path / "table.csv"), TABLE)
    assert (
        (tmp_path / "table.md").read_text().startswith(f"{markdown(shown)}\n95 % interval\n\n<!--")
    )
    assert (tmp_path / "table.tex").read_text() == "% 95 % interval\n" + latex(shown)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tpr_gap", r"tpr\_gap"),
        ("95 %", r"95 \%"),
        ("a & b", r"a \& b"),
        ("#1", r"\#1"),
        ("$5", r"\$5"),
        ("{x}", r"\{x\}"),
        ("a^b", r"a\textasciicircum{}b"),
        ("a~b", r"a\textasciitilde{}b"),
        ("a\\b", r"a\textbackslash{}b"),
        ("0.5* (0.1) [0.4, 0.6]", "0.5* (0.1) [0.4, 0.6]"),
    ],
)
def test_latex_escapes_what_has_a_meaning_there(text: str, expected: str) -> None:
    lines = latex(pl.DataFrame({text: [text]})).splitlines()
    assert lines[2] == lines[4] == expected + r" \\"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.12345, "0.123"),
        (-0.0004, "0.000"),
        (-0.0005001, "-0.001"),
        (1.0, "1.000"),
        (7, "7"),
        (None, ""),
    ],
)
def test_cells(value: float | None, expected: str) -> None:
    row = markdown(pl.DataFrame({"x": [value]}, strict=False)).splitlines()[2]
    assert row.strip("| ") == expected
    assert latex(pl.DataFrame({"x": [value]}, strict=False)).splitlines()[4] == expected + r" \\"


def test_compare_takes_a_key_that_is_missing_in_every_row() -> None:
    ours = pl.DataFrame({"method": ["ERM"], "k": pl.Series([None], dtype=pl.String), "f1": [0.5]})
    published = pl.DataFrame({"method": ["ERM", "DS"], "k": [None, 16], "f1": [0.25, 0.75]})
    found = compare(ours, published, ["method", "k"])
    assert found.rows() == [("ERM", None, "f1", 0.5, 0.25, 0.25)]


def test_a_bar_in_a_name_ends_no_cell() -> None:
    table = pl.DataFrame({"class|group": ["joy|glee", "sad"], "f1": [0.5, 0.25]})
    assert markdown(table).splitlines() == [
        r"| class\|group | f1    |",
        "| ------------ | ----- |",
        r"| joy\|glee    | 0.500 |",
        "| sad          | 0.250 |",
    ]
