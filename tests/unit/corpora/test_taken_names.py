"""Names of classes and attributes: those of other columns are refused, others change nothing."""

import ast
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fairser
from fairser.corpora.clips import ClipTable
from fairser.corpora.demographics import KNOWN, attribute_name
from fairser.corpora.names import TAKEN
from fairser.corpora.people import PERSONAL
from fairser.corpora.splits import bias_fold, dominant_groups
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts
from fairser.evaluation.evaluate import evaluate, speaker_counts
from fairser.evaluation.metrics import COUNTS
from fairser.groups.agreement import quality
from fairser.groups.base import Fold, infer_groups
from fairser.results.split_tables import table_a3, table_a4
from fairser.results.summaries import class_rates
from unit.corpora.builders import (
    EMOTIONS,
    Rows,
    assert_refused,
    label_rows,
    manifest_rows,
    read_labels,
    read_manifest,
    write_csv,
    write_labels,
)

NAME = re.compile(r"[a-z]\w{1,9}")
FILES = {
    "corpora": "clips manifest checks people demographics splits emosuperb",
    "evaluation": "bootstrap evaluate metrics",
    "groups": "base annotated agreement",
    "results": "summaries split_tables tables",
}


def words() -> list[str]:
    """Every word in quotes in the code that handles such tables, so every column among them."""
    found = {"len", "count", "index", "literal", "by", "value", "column_0"}
    for room, names in FILES.items():
        for name in names.split():
            file = Path(fairser.__file__).parent / room / f"{name}.py"
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                if isinstance(node, ast.keyword) and node.arg:
                    found.add(node.arg)
    plain = {attribute_name(name): name for name in sorted(found) if NAME.fullmatch(name)}
    return [name for word, name in plain.items() if word not in (*KNOWN, *PERSONAL, *EMOTIONS)]


FREE = [name for name in words() if name not in TAKEN]


def numbers(table: ClipTable, attributes: list[str]) -> str:
    """What the workflow computes of a corpus, without the names of classes and attributes."""
    part = table.fold(1)
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(len(table.classes)), part.frame.height)
    predictions = part.frame.select("clip", "split").with_columns(
        pl.Series(name, shares[:, number]) for number, name in enumerate(table.classes)
    )
    run = RunCounts("erm", "none", 1, 1, 0, speaker_counts(predictions, part), table.task)
    gaps = {f"{name}_tpr": Gap(name, "tpr", "pairwise") for name in attributes[:3]}
    found: list[Any] = [list(evaluate(predictions, part)["f1_by_class"].values())]
    found.append([one.values[0] for one in Bootstrap(1, 0, gaps).samples(run).values()])
    for name in attributes:
        found += [run.by_group(name)[1].tolist(), run.people(name)]
        found.append(class_rates([run], name)["tpr"].to_list())
        found.append(table_a3(part, name).select("train", "development", "test").rows())
        found.append(list(dominant_groups(table, name).values()))
    few = replace(part, attributes=tuple(attributes[:: len(attributes) // 20 + 1]))
    grouping = infer_groups("annotated", Fold(few, settings={"attributes": [attributes[0]]}))
    met = quality(grouping, few)["test"]["attributes"]
    found.append([met[name]["accuracy"] for name in few.attributes])
    found.append(table_a4({1: bias_fold(table, 1, attributes[0], 2, 0)}, attributes[:1]).rows())
    return json.dumps(found)  # in which NaN is like NaN


def read(folder: Path, rows: Rows, classes: list[str], attributes: list[str]) -> ClipTable:
    path = write_csv(folder / "m.csv", rows)
    table = read_manifest(path, classes=classes, attributes=attributes, folds=3, stratify=None)
    table.write(folder / "clips.parquet")
    again = ClipTable.read(folder / "clips.parquet")
    assert (again.classes, again.attributes) == (tuple(classes), tuple(attributes))
    return again


def test_free_attributes_change_no_number(tmp_path: Path) -> None:
    def made(names: list[str]) -> str:
        rows = [
            {"file": row["file"], "speaker": row["speaker"], "emotion": row["emotion"]}
            | {name: f"v{(number * (2 + place % 7)) // 5 % 2}" for place, name in enumerate(names)}
            for number, row in enumerate(manifest_rows(12, 4))
        ]
        return numbers(read(tmp_path, rows, list(EMOTIONS), names), names)

    assert len(FREE) > 100
    assert made(FREE) == made([f"free{number:04}" for number in range(len(FREE))])


@pytest.mark.parametrize(("form", "free"), [("emotion", FREE[::2]), ("shares", FREE[1::2])])
def test_free_classes_change_no_number(tmp_path: Path, form: str, free: list[str]) -> None:
    def made(names: list[str]) -> str:
        rows = []
        for number in range(2 * len(names)):
            name = names[number % len(names)]
            row = {"file": f"{number}.wav", "speaker": f"s{number % 11}"}
            row |= {"dialect": ("north", "south")[number % 3 // 2]}
            hot = {other: float(other == name) for other in names}
            rows.append(row | ({"emotion": name} if form == "emotion" else hot))
        table = read(tmp_path, rows, names, ["dialect"])
        assert table.with_task("single_label", "m.csv").task == "single_label"
        return numbers(table, ["dialect"])

    assert made(free) == made([f"free{number:04}" for number in range(len(free))])


def test_columns_of_counts_are_taken() -> None:
    assert {"speaker", "class", *COUNTS} <= set(TAKEN)


@pytest.mark.parametrize("name", TAKEN)
def test_taken_names_are_refused(tmp_path: Path, name: str) -> None:
    told = ("row 1", f"'{name}'", "attribute")
    path = write_csv(tmp_path / "m.csv", manifest_rows())
    assert_refused(told, read_manifest, path, attributes=[name])
    told = ("row 1", f"'{name}'", "class", "Rename")
    assert_refused(told, read_manifest, path, classes=["joy", name])
    rows = manifest_rows()
    rows[4]["emotion"] = name
    path = write_csv(tmp_path / "m.csv", rows)
    assert_refused(("m.csv, row 6", f"'{name}'", "class", "Rename"), read_manifest, path)
    labels = write_labels(tmp_path, label_rows(("angry", "sad", name)))
    if name not in ("file", "row"):  # which are no classes there, in front of all
        assert_refused(("labels_consensus_1.csv, row 1", f"'{name}'"), read_labels, labels)
    if name not in ("speaker", "row"):  # of which the second gets another name
        rows = [{"speaker": f"s{number}", name: "x"} for number in range(8)]
        path = write_csv(tmp_path / "speakers.csv", rows)
        manifest = write_csv(tmp_path / "m.csv", manifest_rows())
        assert_refused(("speakers.csv, row 1",), read_manifest, manifest, demographics=path)


@pytest.mark.parametrize("columns", [["gender", "Gender"], ["Sex", "sex"], ["Sex", "SEX"]])
def test_two_columns_of_an_attribute(tmp_path: Path, columns: list[str]) -> None:
    rows = [
        {"file": row["file"], "speaker": row["speaker"], "emotion": row["emotion"]}
        | dict(zip(columns, (row["gender"], "male"), strict=True))
        for row in manifest_rows()
    ]
    path = write_csv(tmp_path / "m.csv", rows)
    assert_refused(("m.csv, row 1", *columns, "'gender'"), read_manifest, path)


def test_an_emotion_with_the_name_of_an_attribute(tmp_path: Path) -> None:
    rows = manifest_rows()
    rows[4]["emotion"] = "gender"
    path = write_csv(tmp_path / "m.csv", rows)
    assert_refused(("m.csv, row 6", "'gender'", "class", "attribute"), read_manifest, path)


def test_other_columns_of_a_manifest_stay_out(tmp_path: Path) -> None:
    """A column that the clip table has for something else is not taken for it."""
    own = {"test_set": "a", "age_years": "old", "majority": "x", "race": "X Y"}
    path = write_csv(tmp_path / "m.csv", [row | own for row in manifest_rows()])
    speakers = write_csv(
        tmp_path / "speakers.csv", [{"speaker": f"s{n}", "race": "Asian"} for n in range(8)]
    )
    table = read_manifest(path, attributes=["gender"], demographics=speakers)
    assert not {"test_set", "age_years"} & set(table.frame.columns)
    assert set(table.frame["majority"]) == set(EMOTIONS)
    assert set(table.frame["race"]) == {"asian"}
