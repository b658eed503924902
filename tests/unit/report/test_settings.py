"""The configuration beside its defaults."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fairser.config.configuration import resolve
from fairser.config.folds import fill_folds
from fairser.config.schema import load_schema
from fairser.report.overview import configuration_page, overview_page
from fairser.report.records import Runs
from fairser.report.settings import keys, said
from unit.builders import clip_table


def changed(config: dict) -> dict:
    return {key.name: (key.value, key.default) for key in keys(resolve(config)) if key.changed}


def test_the_defaults_are_unchanged() -> None:
    assert changed({}) == {}


def test_only_what_differs_is_changed() -> None:
    config = {"train": {"epochs": 3}, "corpus": {"kind": "demo"}, "grid": {"folds": [2]}}
    assert changed(config) == {
        "train.epochs": (3, 50),
        "corpus.kind": ("demo", "cremad"),
        "grid.folds": ([2], None),
    }


def test_all_folds_of_the_corpus_are_no_change() -> None:
    config = resolve({"corpus": {"kind": "demo"}})
    fill_folds(config)
    assert [key.name for key in keys(config) if key.changed] == ["corpus.kind"]


def test_paths_of_the_users_own_are_changed() -> None:
    """Those that follow from the kind of the corpus are not: null stands for them."""
    found = changed({"corpus": {"kind": "manifest", "manifest": "/data/clips.csv"}})
    assert found["corpus.manifest"] == ("/data/clips.csv", None)
    assert found["corpus.audio"] == ("/data", None)
    assert "corpus.labels" not in found
    mine = {"labels": "/data", "audio": "/data/wav"}
    assert changed({"corpus": mine}) == {f"corpus.{k}": (path, None) for k, path in mine.items()}


def test_every_key_of_the_schema_is_there() -> None:
    def count(schema: dict) -> int:
        parts = schema["properties"].values()
        return sum(count(part) if "properties" in part else 1 for part in parts)

    found = keys(resolve({}))
    assert len(found) == count(load_schema()) > 100
    assert all(key.description for key in found)


def test_a_configuration_of_an_older_version_lacks_keys() -> None:
    config = resolve({"train": {"epochs": 3}})
    del config["download"], config["train"]["batch_size"]
    assert [key.name for key in keys(config) if key.changed] == ["train.epochs"]


def test_the_page_counts_what_differs() -> None:
    page = configuration_page(resolve({"train": {"epochs": 3}}), ["config.yaml"])
    assert f"1 of {len(page.rows)}" in page.lede
    marked = [row.cells["key"].text for row in page.rows if row.cells["value"].mark]
    assert marked == ["train.epochs"]


def test_values_are_said_as_they_are_read() -> None:
    values = ["a", 0.0001, None, True, [1, 2], ["a", "b"], [["eng", "deu"]], {"a": 1}]
    words = ["a", "0.0001", "null", "true", "1, 2", "a, b", '[["eng", "deu"]]', '{"a": 1}']
    assert [said(value) for value in values] == words


def test_the_overview_tells_the_licence_of_the_corpus(tmp_path: Path) -> None:
    """What the corpus itself says, or the configuration."""
    table = clip_table(np.eye(3), ["train", "development", "test"])
    for given, own, told in ((None, None, []), (None, "ODbL", ["ODbL"]), ("MIT", "ODbL", ["MIT"])):
        replace(table, licence=own).write(tmp_path / "clips.parquet")
        config = resolve({"corpus": {"licence": given}})
        page = overview_page(config, Runs([]), str(tmp_path / "clips.parquet"), [], "today")
        cells = [row.cells for row in page.rows]
        assert [c["value"].text for c in cells if c["what"].text.startswith("Licence")] == told
