"""Estimates as cells: intervals, tests, published numbers, and their signs."""

from pathlib import Path

import polars as pl
import pytest

from fairser.report.estimates import APART, BETTER, WORSE, Estimates, estimate_rows, read_published


def line(method: str, f1: float | None, gap: float | None, p: float | None) -> dict:
    found = {"method": method, "f1": f1, "gap": gap}
    for name, value in (("f1", f1), ("gap", gap)):
        ends = (None, None) if value is None else (value - 0.1, value + 0.1)
        found |= {f"{name}_std": 0.05, f"{name}_low": ends[0], f"{name}_high": ends[1]}
        found[f"{name}_p"] = p
    return found


LINES = [line("ERM", 0.5, 0.3, None), line("A", 0.6, 0.2, 0.01), line("B", 0.4, 0.4, 0.049)]
LINES += [line("C", 0.6, 0.2, 0.05), line("Gain", -0.2, 1.5, None), line("none", None, None, None)]


def estimates(**more: object) -> Estimates:
    return Estimates(
        table=pl.DataFrame(LINES, infer_schema_length=None),
        head=["method"],
        columns=["f1", "gap"],
        higher=["f1"],
        digits=2,
        erm=lambda row: LINES[0],
        signed=lambda row: row["method"] == "Gain",
        **more,
    )


def cells(column: str, **more: object) -> dict:
    rows = estimate_rows(estimates(**more), lambda row: [0], lambda i, name, row: row[name])
    return {row.cells["method"].text: row.cells[column] for row in rows}


def test_better_and_worse_depend_on_the_column() -> None:
    marks = {name: (cells("f1")[name].mark, cells("gap")[name].mark) for name in "ABC"}
    assert marks == {"A": (BETTER, BETTER), "B": (WORSE, WORSE), "C": (None, None)}
    assert cells("f1")["ERM"].mark is None and cells("f1")["ERM"].test == ""
    assert cells("f1")["C"].test == "p = 0.05 against ERM, Holm-corrected"


def test_a_cell_says_value_and_uncertainty() -> None:
    cell = cells("f1")["A"]
    assert (cell.text, cell.spread, cell.value) == ("0.60", "(0.05) [0.50, 0.70]", 0.6)
    assert cell.opens
    assert cells("f1")["none"].text == "" and not cells("f1")["none"].opens


def test_the_interval_is_on_the_scale_of_its_column() -> None:
    """F1 from 0.3 (low of B) to 0.7 (high of A): ERM in the middle; a gain has no place on it."""
    scale = cells("f1")["A"].scale
    assert scale == pytest.approx({"a": 50, "b": 100, "v": 75, "e": 50})
    assert cells("f1")["Gain"].scale == {}


def test_published_numbers_and_those_outside_the_interval() -> None:
    published = {("ERM", "f1"): (0.65, -0.15), ("A", "f1"): (0.55, 0.05), ("B", "f1"): (0.4, 0.0)}
    found = cells("f1", published=published)
    assert found["ERM"].published == "published 0.65, Δ \N{MINUS SIGN}0.15"
    assert found["ERM"].published_mark is APART
    assert found["A"].published == "published 0.55, Δ +0.05"
    assert found["A"].published_mark is None
    assert found["B"].published == "published 0.40, Δ 0.00"
    assert found["C"].published == "" and found["C"].published_mark is None
    assert found["ERM"].scale["p"] == pytest.approx(87.5)


def test_published_numbers_are_read_by_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "table2_vs_paper.csv"
    path.write_text(
        "method,k,column,ours,published,difference\n"
        "ERM,,f1,0.5,0.6,-0.1\nDS,16,f1,0.5,0.4,0.1\nDS,16,gap,,0.4,\n"
    )
    found = read_published(str(path), ["method", "k"])
    assert found == {("ERM", None, "f1"): (0.6, -0.1), ("DS", 16, "f1"): (0.4, 0.1)}
    assert read_published(None, ["method"]) == {}


def test_spread_over_seeds_where_there_are_no_folds() -> None:
    table = pl.DataFrame([{"method": "A", "f1": 1.0, "f1_low": 0.0, "f1_high": 2.0} | {
        "f1_seed_std": 0.5, "f1_p": None}])  # fmt: skip
    one = Estimates(table, ["method"], ["f1"], [], 1, lambda row: None)
    (row,) = estimate_rows(one, lambda row: [], lambda i, name, row: None)
    assert row.cells["f1"].spread == "(0.5) [0.0, 2.0]"
    assert not row.cells["f1"].opens
