"""The pages of the first study: which runs lie behind a cell, and with which numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairser.config.configuration import resolve
from fairser.core.checksums import write_record
from fairser.report.benchmark import benchmark_page
from fairser.report.inputs import counts_page, groups_page
from fairser.report.numbers import fairness_page, sweeps_page
from fairser.report.pages import Page, Picture, render
from fairser.report.records import Runs
from fairser.report.subgroups import Subgroups
from unit.builders import sealed

GRID = {"methods": ["erm", "ds", "rw", "gdro", "gadro"], "k": [4, 16], "folds": [1, 2]}
CONFIG = resolve({"corpus": {"kind": "demo"}, "grid": {**GRID, "seeds": [0, 1]}})
DIFFERENCE = {"": -0.02, "_low": -0.03, "_high": 0.01}
VERSIONS = {"fairser": "0.1.0", "python": "3.11"}


def metrics(method: str, source: str, k: int, fold: int, seed: int) -> dict[str, Any]:
    """A run whose numbers say which one it is."""
    f1 = fold / 10 + seed / 100 + k / 1000
    line = {"clips": 10 * fold, "positives": 5, "predicted": 4, "hits": 3}
    line |= {"tpr": f1, "ppr": 0.4, "fpr": None, "f1": 0.5}
    gap = {name: {"rms": f1 + 0.001} for name in ("pairwise", "max_deviation")}
    attributes = {
        name: {
            "gaps": {"tpr": gap, "ppr": gap},
            "rates": {"angry": {"a": line, "b": line}},
            "compared": {"worst_group_f1": f1 - number, "worst_group_ece": f1 + number},
        }
        for number, name in enumerate(("gender", "race", "age"))
    }
    groups = {"settings": {"kind": source}, "versions": VERSIONS, "commit": "c2"}
    return {
        "method": method,
        "source": source,
        "k": k,
        "task": "multi_label",
        "fold": fold,
        "seed": seed,
        "best_epoch": fold,
        "seconds": {"train": 1.0},
        "device": "cpu",
        "clips": 20,
        "features": {"settings": {"kind": "fbank"}, "versions": {**VERSIONS, "python": "3.12"}},
        "groups": None if source == "none" else groups,
        "versions": VERSIONS,
        "commit": "c1",
        "config": CONFIG,
        "f1": f1,
        "acc": f1,
        "attributes": attributes,
    }


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Subgroups:
    folder = tmp_path_factory.mktemp("runs")
    cells = [("erm", "none", 1)]
    cells += [(m, "kmeans", k) for m in ("ds", "rw", "gdro", "gadro") for k in (4, 16)]
    paths = []
    for i, (cell, fold, seed) in enumerate(
        (cell, fold, seed) for cell in cells for fold in (1, 2) for seed in (0, 1)
    ):
        paths.append(str(folder / f"{i}.json"))
        write_record(paths[-1], metrics(*cell, fold, seed), [])
    return Subgroups(Runs(paths), CONFIG)


def table(folder: Path, heads: list[dict[str, Any]], columns: list[str]) -> str:
    """A csv with these first columns and numbers that stand for others."""
    rows = []
    for head in heads:
        row = dict(head)
        for name in columns:
            row |= {name: 0.5, f"{name}_std": 0.1, f"{name}_low": 0.4, f"{name}_high": 0.6}
            row[f"{name}_p"] = None
        rows.append(row | {"folds": 2, "seeds": 2, "note": "Few speakers."})
    path = folder / "table.csv"
    sealed(path, pl.DataFrame(rows, infer_schema_length=None))
    return str(path)


def behind(page: Page, **head: Any) -> dict[str, set[str]]:
    """Names of the runs behind a row without fold and seed, and what the page knows of them."""
    for row in page.rows:
        if all(row.cells[name].value == value for name, value in head.items()):
            names = [page.records.records[i].name for i in row.records]
            return {name.split(", fold")[0] for name in names}, len(names)
    raise AssertionError(f"no row {head}")


def test_the_runs_behind_table_1(grid: Subgroups, tmp_path: Path) -> None:
    heads = [("ERM", "none", None), *((n, "kmeans", 16) for n in ("RW", "Overall", "Gain"))]
    columns = ["f1", "acc", "tpr_gap", "dp_gap"]
    path = table(tmp_path, [{"method": m, "source": s, "k": k} for m, s, k in heads], columns)
    page = grid.table1_page(path, None)
    four = {f"{name} kmeans 16" for name in ("DS", "RW", "GDRO", "GADRO")}
    assert behind(page, method="ERM") == ({"ERM"}, 4)
    assert behind(page, method="RW") == ({"RW kmeans 16"}, 4)
    assert behind(page, method="Overall") == (four, 16)
    assert behind(page, method="Gain") == (four | {"ERM"}, 20)
    row = page.rows[1]
    assert row.values["f1"] == pytest.approx([0.116, 0.126, 0.216, 0.226])
    assert row.values["tpr_gap"] == pytest.approx([0.117, 0.127, 0.217, 0.227])
    assert [row.summary for row in page.rows] == [False, False, True, True]
    assert page.rows[3].cells["f1"].scale == {}  # a gain is on no scale with the rest
    assert page.legend.count("Few speakers.") == 1


def test_the_page_of_the_benchmark(grid: Subgroups, tmp_path: Path) -> None:
    rows = [("ERM", "none", None, None), ("RW", "kmeans", 4, True), ("DS", "kmeans", 16, False)]
    lines = []
    for number, (method, source, k, pareto) in enumerate(rows):
        line: dict[str, Any] = {"method": method, "source": source, "k": k, "needs": "x"}
        line["at_test"] = "yes" if method == "DS" else None
        for name in ("f1", "acc", "tpr_gap", "dp_gap"):
            line |= {name: 0.5, f"{name}_std": 0.1, f"{name}_low": 0.4, f"{name}_high": 0.6}
            line |= {f"{name}_p": None}
            changes = dict.fromkeys(("", "_low", "_high")) if method == "ERM" else DIFFERENCE
            line |= {f"{name}_diff{end}": value for end, value in changes.items()}
        line |= {"f1_rank": number + 1.0, "tpr_gap_rank": None, "pareto": pareto}
        line |= {"shrinks": None if method == "ERM" else 0.25, "seconds": 12.34}
        lines.append(line | {"folds": 2, "seeds": 2, "note": "Few folds."})
    path = tmp_path / "benchmark.csv"
    sealed(path, pl.DataFrame(lines, infer_schema_length=None))
    page = benchmark_page(grid, str(path))
    assert behind(page, method="RW") == ({"RW kmeans 4"}, 4)
    assert behind(page, method="ERM") == ({"ERM"}, 4)
    columns = [column.name for column in page.columns]
    assert columns[:5] == ["method", "source", "k", "needs", "at_test"]
    assert columns[-7:-3] == ["f1_diff", "tpr_gap_diff", "f1_rank", "tpr_gap_rank"]
    assert columns[-3:] == ["pareto", "shrinks", "seconds"]
    shown = {name: (one.text, one.value) for name, one in page.rows[1].cells.items()}
    assert shown["f1_diff"] == ("\N{MINUS SIGN}0.020", -0.02)
    assert page.rows[1].cells["f1_diff"].spread == "[\N{MINUS SIGN}0.030, +0.010]"
    assert (shown["f1_rank"], shown["tpr_gap_rank"]) == (("2.0", 2.0), ("", None))
    assert (shown["pareto"], shown["shrinks"]) == (("yes", "yes"), ("0.25", 0.25))
    assert page.rows[0].cells["f1_diff"].text == page.rows[2].cells["pareto"].text == ""
    assert "Few folds." in page.legend
    picture = Picture("Title", "A caption of a figure", b"<svg></svg>")
    drawn = render(replace(page, picture=picture), tmp_path)
    assert drawn.count(picture.address) == 1 and "A caption of a figure" in drawn
    assert "<figure>" not in render(page, tmp_path)


def test_the_page_of_all_numbers(grid: Subgroups, tmp_path: Path) -> None:
    same = {"source": "kmeans", "k": 4}
    rows: list[dict[str, Any]] = [{"method": "ERM", "source": "none", "k": None}]
    rows += [{"method": "RW", **same}]
    heads = [row | {"attribute": name} for row in rows for name in ("gender", "race")]
    names = ["worst_group_f1", "worst_group_class_recall", "auroc", "worst_group_ece"]
    page = fairness_page(grid, table(tmp_path, heads, ["f1", *names, "auroc_gap"]))
    head = ["method", "source", "k", "attribute"]
    assert [column.name for column in page.columns] == [*head, *names]
    assert page.columns[3].start == "gender"
    assert behind(page, method="RW", attribute="race") == ({"RW kmeans 4"}, 4)
    values = page.rows[3].values  # RW, race
    f1 = np.array([0.104, 0.114, 0.204, 0.214])
    np.testing.assert_allclose(np.array(values["worst_group_f1"], float), f1 - 1)
    np.testing.assert_allclose(np.array(values["worst_group_ece"], float), f1 + 1)
    assert values["auroc"] == [None] * 4  # not in these records


def test_the_page_of_the_sweeps(tmp_path: Path) -> None:
    """A row has the runs of its settings; a value that is not swept says nothing."""
    config = resolve({"corpus": {"kind": "demo"}, "grid": {"sweep": {"jtt": {"weight": [5, 20]}}}})
    paths = []
    for fold in (1, 2):
        for method in ("erm", "jtt+weight=5", "jtt+weight=20"):
            run = metrics(method, "none", 1, fold, 0) | {"config": config}
            paths.append(str(tmp_path / f"{method}{fold}.json"))
            write_record(paths[-1], run, [])
    same = {"source": "none", "k": None}
    rows = [
        {"method": name, **same, "settings": settings, "selection": "loss"}
        | {"development": 1.5, "chosen": settings == "weight 20"}
        for name, settings in (("ERM", ""), ("JTT", "weight 5"), ("JTT", "weight 20"))
    ]
    csv = table(tmp_path, rows, ["f1", "acc", "tpr_gap", "dp_gap"])
    page = sweeps_page(Subgroups(Runs(paths), config), csv)
    assert [len(row.records) for row in page.rows] == [2, 2, 2]
    assert [row.cells["chosen"].text for row in page.rows] == ["", "", "yes"]
    assert behind(page, settings="weight 20") == ({"JTT (weight 20)"}, 2)
    assert behind(page, settings="weight 5") == ({"JTT (weight 5)"}, 2)


def test_the_runs_behind_table_2(grid: Subgroups, tmp_path: Path) -> None:
    heads = [("ERM", None), ("RW", 4), ("RW", 16), ("Gain", 4)]
    columns = ["f1", "acc"] + [f"{a}_{g}_gap" for a in ("race", "age") for g in ("tpr", "dp")]
    path = table(tmp_path, [{"method": m, "k": k} for m, k in heads], columns)
    page = grid.table2_page(path, None)
    assert behind(page, method="ERM") == ({"ERM"}, 4)
    assert behind(page, method="RW", k=4) == ({"RW kmeans 4"}, 4)
    found, number = behind(page, method="Gain", k=4)
    assert (len(found), number) == (5, 20) and "DS kmeans 4" in found
    labels = [column.label for column in page.columns]
    assert labels[-2:] == ["TPR gap, age", "DP gap, age"]


def test_what_a_run_tells_of_itself(grid: Subgroups) -> None:
    page = grid.runs_page("")
    record = next(r for r in page.records.records if r.name == "RW kmeans 16, fold 2, seed 1")
    assert record.facts == [("best epoch", "2"), ("train, s", "1.0")]
    sections = dict(page.records.sections[i] for i in record.sections)
    assert ("commit", "c1") in sections["Code and machine"]
    changed = sections["Configuration where it differs from the default"]
    assert ("grid.folds", "1, 2 (default null)") in changed
    # Versions only where they differ from the run's.
    assert sections["Features"] == [("settings kind", "fbank"), ("versions python", "3.12")]
    assert sections["Groups"] == [("settings kind", "kmeans"), ("commit", "c2")]
    erm = next(record for record in page.records.records if record.name.startswith("ERM"))
    assert "Groups" not in dict(page.records.sections[i] for i in erm.sections)
    assert len(page.records.sections) == 4  # each kept once


def test_rates_are_means_over_folds_of_means_over_seeds(grid: Subgroups) -> None:
    page = grid.rates_page("")
    row = next(
        row
        for row in page.rows
        if [row.cells[n].value for n in ("method", "attribute", "group")] == ["ERM", "gender", "a"]
    )
    assert row.cells["tpr"].value == pytest.approx(((0.101 + 0.111) / 2 + (0.201 + 0.211) / 2) / 2)
    assert (row.cells["clips"].value, row.cells["positives"].value) == (30, 10)
    assert row.cells["fpr"].text == "" and not row.opens("fpr")
    assert len(page.rows) == 9 * 3 * 2


def test_counts_beside_published_ones(tmp_path: Path) -> None:
    ours, paper = tmp_path / "tableA4.csv", tmp_path / "tableA4_vs_paper.csv"
    sealed(ours, "fold,split,angry,male\n1,Train,5,6\n2,Train,7,8\n")
    sealed(
        paper,
        "fold,split,column,ours,published,difference\n"
        "1,Train,angry,5.0,5.0,0.0\n1,Train,male,6.0,9.0,-3.0\n",
    )
    splits = {1: "fold1.parquet", 2: "fold2.parquet"}
    page = counts_page(str(ours), str(paper), ["fold", "split"], splits, CONFIG)
    assert page.rows[0].cells["angry"].published == ""
    assert page.rows[0].cells["male"].published == "published 9"
    assert [page.records.records[row.records[0]].path for row in page.rows] == list(splits.values())
    assert page.rows[1].values == {"angry": [7], "male": [8]}


def test_group_quality_names_the_file_of_each_row(tmp_path: Path) -> None:
    files = []
    for fold in (1, 2):
        files.append(str(tmp_path / f"fold{fold}.json"))
        origin = {"settings": {"kind": "mfcc"}, "versions": VERSIONS}
        made = {"source": "kmeans", "k": 4, "fold": fold, "origin": origin if fold == 1 else None}
        Path(files[-1]).write_text(json.dumps(made))
    path = tmp_path / "groups.csv"
    sealed(
        path,
        "source,k,fold,split,groups,unknown,smallest,largest,attribute,clips,accuracy,purity,nmi,"
        "ari\nkmeans,4,2,train,4,0,1,9,gender,20,0.5,0.6,0.1,\nkmeans,4,1,train,4,0,1,9,gender,20,"
        "0.5,0.6,0.1,0.2\n",
    )
    page = groups_page(str(path), files)
    assert [page.records.records[row.records[0]].path for row in page.rows] == files[::-1]
    assert page.rows[0].cells["ari"].text == ""
    assert dict(page.records.sections)["Made from"][0] == ("settings kind", "mfcc")
    assert page.records.records[1].sections == []
