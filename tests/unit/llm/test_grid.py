"""The second study's cells and what its configuration must have."""

from typing import Any

import pytest

from fairser.config.configuration import check_inputs, resolve
from fairser.config.llm import DEMO_PATHS, LANGUAGES
from fairser.core.errors import InputError
from fairser.llm.grid import llm_cells
from fairser.methods.loss_gap import Options
from fairser.report.settings import keys

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


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": {"eng": {"angr": "x"}}}, ["'llm.labels.eng.angr'", "mean 'anger'"]),
        ({"labels": {"fra": {"joy": "joie"}}}, ["'llm.labels.fra'", "eng, deu, jpn"]),
        ({"prompts": {"speech": {"en": "What?"}}}, ["'llm.prompts.speech.en'", "'eng'"]),
    ],
)
def test_meld_st_has_its_languages_and_emotions(change: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as error:
        config(**change)
    assert all(text in str(error.value) for text in named)


def own(section: dict[str, Any] | None = None, **llm: Any) -> dict[str, Any]:
    """The configuration of a manifest."""
    given = {"kind": "manifest", "manifest": "m/clips.csv", **(section or {})}
    llm = {"corpus": {"kind": "manifest"}, **llm}
    return resolve({"study": "minmaxgap", "corpus": given, "llm": llm})


def test_a_corpus_of_ones_own_has_its_languages_words_and_audio() -> None:
    words = {"happy": "content"}
    found = own(
        grid={"languages": [["fra", "deu"], ["zh_tw"]], "objectives": ["erm"]},
        labels={"fra": words, "eng": {"happy": "glad"}},
        prompts={"speech": {"fra": "Quelle émotion ? {labels}"}},
    )
    assert found["llm"]["corpus"]["audio"] == found["corpus"]["audio"] == "m"
    assert {cell.languages for cell in llm_cells(found["llm"]["grid"])} == {"deu-fra", "zh_tw"}
    assert found["llm"]["labels"]["fra"] == words
    assert found["llm"]["labels"]["eng"]["anger"] == "anger"
    shown = {key.name: key for key in keys(found)}
    assert shown["llm.labels.fra"].value == words and shown["llm.labels.fra"].changed
    assert shown["llm.labels.eng.happy"].value == "glad"
    assert not shown["llm.labels.eng.anger"].changed


@pytest.mark.parametrize(
    ("llm", "named"),
    [
        ({"grid": {"languages": [["zh-tw"]]}}, ["'llm.grid.languages'", "'zh-tw'"]),
        ({"grid": {"languages": [["all"]]}}, ["'llm.grid.languages'", "'all'"]),
        ({"corpus": {"kind": "manifest", "genders": "g.tsv"}}, ["'llm.corpus.genders'", "g.tsv"]),
        ({"corpus": {"kind": "manifest", "audio": "x"}}, ["'llm.corpus.audio'", "'corpus'"]),
        ({"labels": {"fra": {"joy": 1}}}, ["'llm.labels.fra.joy'", "text"]),
    ],
)
def test_what_does_not_go_with_a_manifest(llm: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(InputError) as error:
        own(**llm)
    assert all(text in str(error.value) for text in named)


def test_a_corpus_without_audio() -> None:
    with pytest.raises(InputError, match=r"'corpus\.audio' is null"):
        own({"kind": "emosuperb", "manifest": None, "labels": "folder"})


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
