"""Numbers, lists and tables as text, by hand."""

import math

import pytest

from fairser.core.text import estimate, interval, is_significant, mark, markdown, number
from fairser.core.words import counted, joined, shortened


@pytest.mark.parametrize(
    ("value", "digits", "signed", "expected"),
    [
        (0.12345, 3, False, "0.123"),
        (-0.0001, 3, False, "0.000"),
        (-0.0001, 3, True, "+0.000"),
        (1234.5, 1, True, "+1234.5"),
        (-2.0, 0, False, "-2"),
        (None, 3, False, ""),
    ],
)
def test_numbers(value: float | None, digits: int, signed: bool, expected: str) -> None:
    assert number(value, digits, signed) == expected


def test_intervals() -> None:
    assert interval(0.1, 0.25, 2) == "[0.10, 0.25]"
    assert interval(-0.1, 0.2, 1, signed=True) == "[-0.1, +0.2]"
    assert interval(None, 0.2) == interval(0.1, None) == ""


@pytest.mark.parametrize(("p", "told"), [(0.049, True), (0.05, False), (None, False)])
def test_significance(p: float | None, told: bool) -> None:
    assert is_significant(p) is told
    assert mark(p) == "*" * told
    assert not is_significant(math.nan)


def test_estimates_show_what_is_known() -> None:
    row = {"f1": 0.5, "f1_p": 0.01, "f1_std": 0.1, "f1_low": 0.4, "f1_high": 0.6, "gap": None}
    assert estimate(row, "f1") == "0.500* (0.100) [0.400, 0.600]"
    assert estimate({"f1": 0.5}, "f1", 1) == "0.5"
    assert estimate(row | {"f1_std": None, "f1_p": None}, "f1", 1) == "0.5 [0.4, 0.6]"
    assert estimate(row, "gap") == ""


def test_a_cell_does_not_break_the_table() -> None:
    lines = markdown(["name", "n"], [["a|b", "1"], ["two\nlines", "22"]], ["n"]).splitlines()
    assert len(lines) == 4
    assert lines[1].split("|")[2].strip().endswith(":")
    assert r"a\|b" in lines[2]
    assert {len(line) for line in lines} == {len(lines[0])}


def test_words() -> None:
    assert (counted(1, "clip"), counted(2000, "clip")) == ("1 clip", "2,000 clips")
    assert [joined(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert shortened("abc", 3) == list("abc")
    assert shortened("abcde", 3) == ["a", "b", "c", "2 more"]
