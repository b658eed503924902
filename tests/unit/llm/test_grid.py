"""The second study's cells and what its configuration must have."""

from typing import Any

import pytest

from fairser.config.configuration import check_inputs, resolve
from fairser.config.llm import DEMO_PATHS, LANGUAGES
from fairser.core.errors import InputError
from fairser.llm.grid import llm_cells
from fairser.methods.loss_gap import Options

OWN = {"metadata": "a", "audio": "b", "genders": "c"}


def config(**llm: Any) -> dict[str, Any]:
    return resolve({"study": "minmaxgap", "llm": {"corpus": OWN, **llm}})["llm"]


def test_cells_of_the_paper() -> None:
    cells = llm_cells(config()["grid"])
    by_objective = {o: sum(c.objective == o for c in cells) for o in ("zero_shot", "erm")}
    assert by_objective == {"zero_shot": 2, "erm": 2}
    assert len(cells) == 2 + 2 + 2 * 2 * 2
    assert len({cell.folder for cell in cells}) == len(cells)


def test_zero_shot_has_one_seed_and_sets_are_named_in_one_order() -> None:
    grid = {"seeds": [3, 4], "languages": [["jpn", "eng"], ["eng", "jpn"], ["deu"]]}
    cells = llm_cells(config(grid=grid)["grid"])
    assert {cell.languages for cell in cells} == {"eng-jpn", "deu"}
    assert {cell.seed for cell in cells if cell.objective == "zero_shot"} == {3}
    assert {cell.seed for cell in cells if cell.objective == "erm"} == {3, 4}
    assert LANGUAGES == ("eng", "deu", "jpn")


def test_defaults_of_the_gap_are_those_of_the_method() -> None:
    section = resolve({})
    names = {**section["llm"]["gap"], **section["llm"]["tables"]}
    method = section["methods"]["minmaxgap"]
    assert Options(**names) == Options.of() == Options(**{name: method[name] for name in names})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"corpus": {}}, ["llm.corpus.metadata", "llm.corpus.audio", "llm.corpus.genders"]),
        ({"grid": {"languages": [["eng", "fra"]]}}, ["'llm.grid.languages'", "'fra'"]),
        ({"grid": {"p": [1]}}, ["'llm.tables.p'", "'llm.grid.p'"]),
        ({"train": {"micro_batch": 64}}, ["'llm.train.micro_batch'"]),
        ({"quantise": "4bit"}, ["'llm.quantise'", "cpu"]),
        ({"gap": {"estimator": "mean"}}, ["'llm.gap.estimator'", "moving_average"]),
        ({"gap": {"memory_size": 0}}, ["'llm.gap.memory_size'", "at least 1"]),
        ({"gap": {"momentum": 1}}, ["'llm.gap.momentum'", "less than 1"]),
        ({"gap": {"momentum": 0}}, ["'llm.gap.momentum'", "more than 0"]),
    ],
)
def test_bad_settings_are_named(change: dict[str, Any], named: list[str]) -> None:
    llm = {"corpus": OWN, **change}
    with pytest.raises(InputError) as error:
        resolve({"study": "minmaxgap", "device": "cpu", "llm": llm})
    assert all(text in str(error.value) for text in named)


def test_bad_settings_of_the_method_are_named() -> None:
    with pytest.raises(InputError) as error:
        resolve({"methods": {"minmaxgap": {"memory_size": 0, "momentum": 1}}})
    for text in ("'methods.minmaxgap.memory_size'", "'methods.minmaxgap.momentum'"):
        assert text in str(error.value)


def test_paths_are_needed_by_the_study_alone() -> None:
    found = resolve({"llm": {"corpus": OWN}})
    assert resolve({})["llm"]["corpus"]["metadata"] is None
    check_inputs(found)
    with pytest.raises(InputError) as error:
        check_inputs(found | {"study": "minmaxgap"})
    lines = str(error.value).splitlines()
    for name, path in OWN.items():
        assert any(f"'llm.corpus.{name}'" in line and f"'{path}'" in line for line in lines)


def test_the_demo_has_its_paths_and_makes_its_files() -> None:
    found = resolve({"study": "minmaxgap", "llm": {"corpus": {"kind": "demo"}}})
    corpus = found["llm"]["corpus"]
    assert {name: corpus[name] for name in OWN} == DEMO_PATHS
    check_inputs(found)
