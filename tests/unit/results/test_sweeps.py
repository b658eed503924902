"""The table of sweeps: what is chosen by development, and nothing else."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts
from fairser.results.sweeps import (
    Measured,
    chosen_rows,
    read_selected,
    readable_sweeps,
    sweep_table,
)

DEFAULTS = {"epochs": 5, "weight": 5.0, "selection": "loss"}


def jtt(weight: float | None, value: float, place: tuple[str, int] = ("none", 1)) -> Measured:
    """A run of JTT, or with a weight of its variant, and its value on development."""
    name = "jtt" if weight is None else f"jtt+weight={weight:g}"
    own = {} if weight is None else {"weight": weight}
    return Measured((name, *place), DEFAULTS | own, value)


def chosen(measured: list[Measured]) -> set[tuple[str, str, int]]:
    return {place for place, found in chosen_rows(measured).items() if found}


def test_the_lowest_mean_over_folds_and_seeds_is_chosen() -> None:
    """Not the lowest single value."""
    runs = [jtt(2, 0.1), jtt(2, 0.9), jtt(20, 0.4), jtt(20, 0.5), jtt(None, 0.3), jtt(None, 0.7)]
    assert chosen(runs) == {("jtt+weight=20", "none", 1)}
    assert chosen([*runs, jtt(None, 0.2)]) == {("jtt", "none", 1)}


def test_each_source_and_k_has_a_choice() -> None:
    a, b = ("kmeans", 2), ("kmeans", 4)
    runs = [jtt(2, 0.1, a), jtt(20, 0.2, a), jtt(2, 0.6, b), jtt(20, 0.5, b)]
    assert chosen(runs) == {("jtt+weight=2", "kmeans", 2), ("jtt+weight=20", "kmeans", 4)}


def test_other_rules_of_selection_are_not_compared() -> None:
    """The largest loss of a class is larger than the mean, whatever the setting."""
    runs = [jtt(2, 0.5), jtt(20, 0.4)]
    for weight, value in ((2, 0.8), (20, 0.9)):
        name = f"jtt+weight={weight}+selection=worst_class"
        own = {"weight": weight, "selection": "worst_class"}
        runs.append(Measured((name, "none", 1), DEFAULTS | own, value))
    assert chosen(runs) == {
        ("jtt+weight=20", "none", 1),
        ("jtt+weight=2+selection=worst_class", "none", 1),
    }


def test_equal_values() -> None:
    """The default among the listed values is as good as the method itself, which comes first; what
    development says nothing about is not chosen."""
    assert chosen([jtt(20, 0.5), jtt(5, 0.4), jtt(None, 0.4)]) == {("jtt", "none", 1)}
    assert chosen([jtt(20, 0.4), jtt(5, 0.4), jtt(None, 0.4)]) == set()
    assert chosen([jtt(20, 0.4 - 1e-7), jtt(5, 0.4), jtt(None, 0.4 + 1e-7)]) == set()
    assert chosen([jtt(20, 0.5), jtt(5, 0.4 - 1e-7), jtt(None, 0.4)]) == {("jtt", "none", 1)}
    assert chosen([jtt(20, 0.4)]) == set()


SPEAKERS = [f"s{number:02d}" for number in range(12)]


def counts(hits: int) -> pl.DataFrame:
    """Twelve speakers with ten clips of each class; of women, so many positives are found."""
    return pl.DataFrame(
        [
            (speaker, gender, name, 20, 10, found, found)
            for number, speaker in enumerate(SPEAKERS)
            for gender, found in [("female", hits) if number % 2 else ("male", 8)]
            for name in ("calm", "angry")
        ],
        ["speaker", "gender", "class", "clips", "positives", "predicted", "hits"],
        orient="row",
    )


def runs_of(hits: dict[str, int]) -> list[RunCounts]:
    return [
        RunCounts(method, "none", 1, fold, 0, counts(found))
        for method, found in hits.items()
        for fold in (1, 2)
    ]


def test_the_table_has_all_settings() -> None:
    """Best on test is not best on development."""
    hits = {"erm": 4, "jtt+weight=20": 8, "jtt+weight=5": 6, "jtt": 5}
    values = {"erm": 0.9, "jtt+weight=20": 0.5, "jtt+weight=5": 0.3, "jtt": 0.4}
    hyper = {"erm": {"selection": "loss"}, "jtt": DEFAULTS | {"weight": 7.0}}
    hyper |= {f"jtt+weight={weight}": DEFAULTS | {"weight": float(weight)} for weight in (5, 20)}
    measured = [
        Measured((run.method, "none", 1), hyper[run.method], values[run.method] + run.fold / 10)
        for run in runs_of(hits)
    ]
    bootstrap = Bootstrap(50, 0, {"tpr_gap": Gap("gender", "tpr", "pairwise")})
    table = sweep_table(runs_of({"rw": 3, **hits})[2:], measured, bootstrap)
    head = ["method", "source", "k", "settings", "selection", "development", "chosen"]
    assert table.columns[: len(head)] == head
    assert table.select(head[:5]).rows() == [
        ("ERM", "none", None, "", "loss"),
        ("JTT", "none", None, "weight 7", "loss"),
        ("JTT", "none", None, "weight 5", "loss"),
        ("JTT", "none", None, "weight 20", "loss"),
    ]
    assert table["development"].to_list() == pytest.approx([1.05, 0.55, 0.45, 0.65])
    assert table["chosen"].to_list() == [False, False, True, False]
    assert table["tpr_gap"].to_list() == pytest.approx([0.4, 0.3, 0.2, 0.0])
    assert {"f1", "acc"} <= set(table.columns)
    # Only what is chosen is compared with ERM.
    assert [p is not None for p in table["f1_p"]] == [False, False, True, False]
    assert readable_sweeps(table)["chosen"].to_list() == ["", "", "yes", ""]


def record(folder: Path, **values: Any) -> str:
    path = folder / "metrics.json"
    config = {"methods": {"jtt": DEFAULTS | {"epochs": 3}}}
    write_record(path, {"source": "none", "k": 1, "config": config, **values}, [])
    assert json.loads(path.read_text())["k"] == 1
    return str(path)


def test_records_are_read(tmp_path: Path) -> None:
    path = record(tmp_path, method="jtt+weight=20", selected_value=0.25)
    expected = {"epochs": 3, "weight": 20.0, "selection": "loss"}
    assert read_selected([path]) == [Measured(("jtt+weight=20", "none", 1), expected, 0.25)]


@pytest.mark.parametrize("values", [{}, {"selected_value": None}])
def test_a_record_without_a_value(values: dict[str, Any], tmp_path: Path) -> None:
    path = record(tmp_path, method="jtt", **values)
    with pytest.raises(InputError, match=r"metrics\.json: no 'selected_value'.*Remove"):
        read_selected([path])
