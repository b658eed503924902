"""Estimates as cells: intervals, tests, published numbers, and their signs."""

from pathlib import Path

import polars as pl
import pytest

from fairser.report.estimates import APART, BETTER, WORSE, EstimateTable, read_published
from fairser.report.pages import Column, PageCell
from unit.builders import sealed


def line(method: str, f1: float | None, gap: float | None, p: float | None) -> dict:
    found = {"method": method, "f1": f1, "gap": gap}
    for name, value in (("f1", f1), ("gap", gap)):
        ends = (None, None) if value is None else (value - 0.1, value + 0.1)
        found |= {f"{name}_std": 0.05, f"{name}_low": ends[0], f"{name}_high": ends[1]}
        found[f"{name}_p"] = p
    return found


LINES = [line("ERM", 0.5, 0.3, None), line("A", 0.6, 0.2, 0.01), line("B", 0.4, 0.4, 0.049)]
LINES += [line("C", 0.6, 0.2, 0.05), line("Gain", -0.2, 1.5, None), line("none", None, None, None)]
HEAD = [Column("method", "Method")]
NUMBERS = [Column("f1", "F1"), Column("gap", "Gap")]


@pytest.fixture
def table(tmp_path: Path) -> EstimateTable:
    path = tmp_path / "table.csv"
    sealed(path, pl.DataFrame(LINES, infer_schema_length=None))
    paper = tmp_path / "table_vs_paper.csv"
    sealed(
        paper,
        "method,column,ours,published,difference\n"
        "ERM,f1,0.5,0.65,-0.15\nA,f1,0.6,0.55,0.05\nB,f1,0.4,0.4,0.0\n",
    )
    return EstimateTable(str(path), HEAD, NUMBERS, ["f1"], digits=2, paper=str(paper))


def cells(table: EstimateTable, column: str) -> dict[str, PageCell]:
    return {line["method"]: table.cells(line)[column] for line in table.lines}


def test_better_and_worse_depend_on_the_column(table: EstimateTable) -> None:
    f1, gap = cells(table, "f1"), cells(table, "gap")
    assert [f1[name].mark for name in ("ERM", *"ABC")] == [None, BETTER, WORSE, None]
    assert [gap[name].mark for name in "ABC"] == [BETTER, WORSE, None]
    assert f1["ERM"].test == "" and "0.05" in f1["C"].test


def test_a_cell_says_value_and_uncertainty(table: EstimateTable) -> None:
    cell = cells(table, "f1")["A"]
    assert (cell.text, cell.spread, cell.value) == ("0.60", "(0.05) [0.50, 0.70]", 0.6)
    assert cells(table, "f1")["none"] == PageCell("", None)


def test_the_interval_is_on_the_scale_of_its_column(table: EstimateTable) -> None:
    """F1 from 0.3 (low of B) to 0.7 (high of A): ERM in the middle; a gain has no place on it."""
    found = cells(table, "f1")
    assert found["C"].scale == pytest.approx({"a": 50, "b": 100, "v": 75, "e": 50})
    assert found["Gain"].scale == {}


def test_published_numbers_and_those_outside_the_interval(table: EstimateTable) -> None:
    found = cells(table, "f1")
    assert found["ERM"].published == "published 0.65, Δ \N{MINUS SIGN}0.15"
    assert found["ERM"].published_mark is APART
    assert found["A"].published == "published 0.55, Δ +0.05"
    assert found["A"].published_mark is None
    assert found["C"].published == "" and found["C"].published_mark is None
    assert found["ERM"].scale["p"] == pytest.approx(87.5)


def test_a_row_is_compared_with_its_own_erm(tmp_path: Path) -> None:
    lines = [line("ERM", 0.4, 0.3, None), line("ERM", 0.8, 0.3, None)]
    lines += [line("A", 0.6, 0.3, 0.01)] * 2
    lines = [one | {"language": name} for one, name in zip(lines, "xyxy", strict=True)]
    path = tmp_path / "table.csv"
    sealed(path, pl.DataFrame(lines, infer_schema_length=None))
    head = [*HEAD, Column("language", "Language")]
    table = EstimateTable(str(path), head, NUMBERS, ["f1"], same=["language"])
    assert [table.cells(x)["f1"].mark for x in table.lines] == [None, None, BETTER, WORSE]


def test_published_numbers_are_read_by_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "table2_vs_paper.csv"
    sealed(
        path,
        "method,k,column,ours,published,difference\n"
        "ERM,,f1,0.5,0.6,-0.1\nDS,16,f1,0.5,0.4,0.1\nDS,16,gap,,0.4,\n",
    )
    found = read_published(str(path), ["method", "k"])
    assert found == {("ERM", None, "f1"): (0.6, -0.1), ("DS", 16, "f1"): (0.4, 0.1)}
    assert read_published(None, ["method"]) == {}


def test_spread_over_seeds_where_there_are_no_folds(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    sealed(path, "method,f1,f1_low,f1_high,f1_seed_std,f1_p\nA,1.0,0.0,2.0,0.5,\n")
    table = EstimateTable(str(path), HEAD, NUMBERS[:1], [], digits=1)
    assert table.cells(table.lines[0])["f1"].spread == "(0.5) [0.0, 2.0]"
