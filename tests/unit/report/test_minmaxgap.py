"""The pages of the second study: the runs behind each row, and their numbers."""

from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import resolve
from fairser.core.checksums import write_record
from fairser.report.inputs import unknown_speakers_page
from fairser.report.minmaxgap import MEASURES, MinMaxGap
from fairser.report.records import Runs
from unit.builders import sealed

CONFIG = resolve({"llm": {"corpus": {"kind": "demo"}}})
SHOWN = CONFIG["llm"]["tables"]
VARIANTS = [("erm", 0, "none"), ("minmaxgap", SHOWN["p"], SHOWN["weighting"])]
VARIANTS += [("minmaxgap", SHOWN["p"] + 1, SHOWN["weighting"])]


def metrics(objective: str, p: int, weighting: str, number: float) -> dict[str, Any]:
    """A run whose numbers are all the same."""
    rates = {"tpr": number / 100, "ppr": 0.5, "fpr": None, "f1": 0.5, "clips": 9, "positives": 3}
    scope = dict.fromkeys(MEASURES, number)
    scope |= {"unparsed": 1, "gender": {"rates": {"joy": {"female": rates}}}}
    run = {"objective": objective, "p": p, "weighting": weighting, "modality": "speech"}
    run |= {"languages": "deu", "seed": 0, "best_round": 2, "seconds": {"train": 1.5}}
    run |= {"commit": "c1", "device": "cpu", "versions": {"python": "3.11"}}
    return run | {"test": {"all": scope, "deu": {**scope, "w_f1": number + 1}}}


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> MinMaxGap:
    folder = tmp_path_factory.mktemp("runs")
    paths = [str(folder / f"{i}.json") for i in range(len(VARIANTS))]
    for i, (path, variant) in enumerate(zip(paths, VARIANTS, strict=True)):
        write_record(path, metrics(*variant, number=10.0 * (i + 1)), [])
    return MinMaxGap(Runs(paths), CONFIG, {"commit": "m1"})


def written(folder: Path, head: str, *lines: str) -> str:
    """A table with W-F1 and its uncertainty."""
    others = [name for name in MEASURES if name != "w_f1"]
    names = [f"{name}{end}" for name in ["w_f1", *others] for end in ("", "_low", "_high", "_p")]
    path = folder / "table.csv"
    numbers = ",".join(["50,40,60,", *[",,,"] * len(others)])
    rows = [f"{head},{','.join(names)}", *(f"{line},{numbers}" for line in lines)]
    sealed(path, "\n".join(rows) + "\n")
    return str(path)


def test_the_runs_behind_performance(grid: MinMaxGap, tmp_path: Path) -> None:
    head = "languages,modality,objective,language"
    lines = ("deu,speech,ERM,all", "deu,speech,ERM-MinMaxGAP,deu")
    page = grid.performance_page(written(tmp_path, head, *lines))
    assert [row.records for row in page.rows] == [[0], [1]]  # the variant that the tables show
    assert [row.values["w_f1"] for row in page.rows] == [[10.0], [21.0]]
    assert page.rows[0].cells["w_f1"].spread == "[40.0, 60.0]"
    sections = dict(page.records.sections)
    assert sections["Model"] == [("commit", "m1")]


def test_the_runs_behind_every_variant(grid: MinMaxGap, tmp_path: Path) -> None:
    head, more = "languages,modality,objective,p,weighting", SHOWN["p"] + 1
    lines = ("deu,speech,ERM,,none", f"deu,speech,ERM-MinMaxGAP,{more},{SHOWN['weighting']}")
    page = grid.ablation_page(written(tmp_path, head, *lines))
    assert [row.records for row in page.rows] == [[0], [2]]


def test_the_runs_behind_a_gain_are_both_sides(grid: MinMaxGap, tmp_path: Path) -> None:
    path = tmp_path / "gains.csv"
    sealed(
        path,
        "languages,modality,column,baseline,ours,published,difference\ndeu,speech,acc,ERM,10,4,6\n",
    )
    (row,) = grid.gains_page(str(path)).rows
    assert (row.records, row.values["ours"]) == ([1, 0], [20.0, 10.0])
    assert row.opens("ours") and not row.opens("published")


def test_runs_and_rates_are_by_variant(grid: MinMaxGap) -> None:
    runs, rates = grid.runs_page("").rows, grid.rates_page("").rows
    assert [row.cells["p"].value for row in runs] == [None, SHOWN["p"], SHOWN["p"] + 1]
    assert [row.cells["tpr"].text for row in rates[::2]] == ["0.100", "0.200", "0.300"]
    assert [row.cells["language"].value for row in rates[:2]] == ["all", "deu"]


@pytest.mark.parametrize(
    ("lines", "cells"), [((), []), (("Bo,true,2", "Al,false,1"), [("Bo", "yes"), ("Al", "no")])]
)
def test_speakers_without_a_gender_or_none_of_them(
    tmp_path: Path, lines: tuple[str, ...], cells: list[tuple[str, str]]
) -> None:
    """A csv without rows says nothing of the types of its columns."""
    path, clips = tmp_path / "unknown_speakers.csv", tmp_path / "llm_clips.parquet"
    path.write_text("\n".join(("speaker,listed,clips", *lines)) + "\n")
    clips.touch()
    own = {"kind": "manifest", "manifest": "my_clips.csv"}
    config = {"study": "minmaxgap", "corpus": own, "llm": {"corpus": {"kind": "manifest"}}}
    page = unknown_speakers_page(str(path), str(clips), resolve(config))
    found = [tuple(row.cells[name].text for name in ("speaker", "listed")) for row in page.rows]
    assert found == cells
    assert any("my_clips.csv" in str(record) for record in vars(page.records).values())
