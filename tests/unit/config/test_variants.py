"""Variants of methods in sweeps: their names, their settings, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from fairser.config.configuration import resolve
from fairser.config.extensions import extension, extensions, find, ordered, use
from fairser.config.grid import cells, configurations, hyper, methods
from fairser.config.variants import meant, spelled, split_name, variant_name
from fairser.core.errors import InputError
from fairser.methods.base import find_method
from fairser.results.tables import method_name, method_of, summarised_methods
from unit.methods.builders import Known, fold

SWEEP = {"jtt": {"weight": [20, "5e-1", 5], "epochs": [1, 2]}, "gdro": {"groups": ["attribute"]}}
JTT = [f"jtt+epochs={epochs}+weight={weight}" for epochs in (1, 2) for weight in ("20", "0.5", "5")]


def swept(sweep: dict[str, Any], **grid: Any) -> dict[str, Any]:
    """A configuration with a sweep."""
    return resolve({"grid": {"methods": ["erm"], **grid, "sweep": sweep}})


@pytest.mark.parametrize(
    ("value", "text", "setting"),
    [
        (20.0, "20", {"type": "number"}),
        (20, "20", {"type": "integer"}),
        (0.1, "0.1", {"type": "number"}),
        (1e-05, "1e-05", {"type": ["number", "null"]}),
        (None, "null", {"type": ["number", "null"]}),
        (True, "true", {"type": "boolean"}),
        (False, "false", {"type": ["boolean", "integer"]}),
        ("20", "20", {"type": "string"}),
        ("a-b.c_d", "a-b.c_d", {"type": "string"}),
        ("worst_group", "worst_group", {"enum": ["loss", "worst_group"]}),
        (2, "2", {"enum": [1, 2, "x"]}),
        (-1.5, "-1.5", {"type": "number"}),
        (1e9, "1000000000", {"type": "number"}),
    ],
)
def test_a_value_is_read_from_its_spelling(value: Any, text: str, setting: dict[str, Any]) -> None:
    assert spelled(value) == text
    found = meant(text, setting)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("20.0", {"type": "number"}),
        ("2e1", {"type": "number"}),
        ("020", {"type": "integer"}),
        ("1.5", {"type": "integer"}),
        ("nan", {"type": "number"}),
        ("inf", {"type": "number"}),
        ("true", {"type": "number"}),
        ("", {"type": "string"}),
        ("a b", {"type": "string"}),
        ("../up", {"type": "string"}),
        ("true", {"enum": [True, "true"]}),
        ("even", {"enum": ["odd"]}),
        ("1", {"type": "array"}),
    ],
)
def test_other_spellings_mean_nothing(text: str, setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="values"):
        meant(text, setting)


def test_each_combination_is_a_method_of_the_grid() -> None:
    """The method itself only where it is named; a variant has the sources of its method."""
    config = swept(SWEEP, methods=["erm", "jtt"], sources=["none", "annotated"], folds=[1])
    assert methods(config) == ["erm", "jtt", *JTT, "gdro+groups=attribute"]
    places = [(c.method, c.source) for c in configurations(config)]
    assert places == [
        *((name, "none") for name in methods(config)[:-1]),
        ("gdro+groups=attribute", "annotated"),
    ]
    folder = cells(config)[2].folder
    assert folder == "runs/jtt+epochs=1+weight=20/none/k1/fold1/seed0"
    assert not re.search(r"[^A-Za-z0-9._+=/-]", folder)
    assert methods(swept({})) == ["erm"]


def test_the_settings_of_a_variant() -> None:
    """Its own, the configured ones of the method, and defaults."""
    sweep = {"jtt": {"weight": [20]}}
    config = resolve({"grid": {"sweep": sweep}, "methods": {"jtt": {"epochs": 3, "weight": 7}}})
    assert hyper(config, "jtt+weight=20") == {"epochs": 3, "weight": 20.0, "selection": "loss"}
    assert hyper(config, "jtt") == {"epochs": 3, "weight": 7, "selection": "loss"}
    assert hyper(config, "random") == {}
    data = fold([0, 1, 0, 1, 0])
    wrong = fold([0, 1, 0, 1, 0])
    object.__setattr__(data, "train_erm", lambda epochs: Known(wrong, [1.0] * 5))
    made = find_method("jtt+weight=20")(data, torch.Generator(), **hyper(config, "jtt+weight=20"))
    assert (made.options.epochs, made.options.weight) == (3, 20.0)
    assert made.factors.tolist() == [20.0] * 5


def test_a_variant_is_its_method_with_another_title() -> None:
    base, one = extension("METHOD", "gdro"), extension("METHOD", "gdro+eta=0.5+groups=attribute")
    assert (one.base, one.variant) == ("gdro", {"eta": 0.5, "groups": "attribute"})
    assert one["title"] == "GDRO (eta 0.5, groups attribute)"
    assert one.defaults() == base.defaults() | one.variant
    assert (one.file, one.code, one["groups"], one["colour"]) == (
        *(base.file, base.code),
        *("any", base["colour"]),
    )
    assert base["summary"] and not one["summary"]
    assert "gdro+eta=0.5" not in {*extensions("METHOD"), *summarised_methods()}
    for name in ("gdro", one.name, "unknown", *JTT):
        assert method_of(method_name(name)) == name
    assert method_of("GDRO (eta 0.50)") == "GDRO (eta 0.50)"


@pytest.mark.parametrize(
    "name",
    [
        *("jtt+", "jtt+weight", "jtt+wight=2", "jtt+weight=2+weight=3", "jtt+weight=2.0"),
        *("jt+weight=2", "jtt+weight=x", "jtt+weight=2=3", "+weight=2", "dfr+strengths=1"),
    ],
)
def test_names_of_no_variant(name: str) -> None:
    assert find("METHOD", name) is None
    with pytest.raises(InputError, match=f"no method '{re.escape(name)}'"):
        extension("METHOD", name)
    assert method_name(name) == name


def test_variants_follow_their_method_by_value() -> None:
    names = [f"jtt+weight={w}" for w in ("100", "20", "5")]
    found = ordered("METHOD", ["zzz", *names, "rw+sampler=balanced", "jtt", "erm", "aaa"])
    assert found == ["erm", "rw+sampler=balanced", "jtt", *names[::-1], "aaa", "zzz"]


def test_a_name_is_split_as_it_was_made() -> None:
    assert variant_name("jtt", {"epochs": 3, "weight": 0.5}) == "jtt+epochs=3+weight=0.5"
    assert split_name("jtt+epochs=3+weight=0.5") == ("jtt", {"epochs": "3", "weight": "0.5"})
    assert split_name("jtt") == ("jtt", {})


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ({"jt": {"weight": [1]}}, "'grid.sweep.jt' is no key.*Did you mean 'jtt'"),
        ({"random": {"selection": ["loss"]}}, "'grid.sweep.random' is no key"),
        ({"jtt": {"wight": [1]}}, "'grid.sweep.jtt.wight' is no key.*Did you mean 'weight'"),
        ({"dfr": {"strengths": [[1]]}}, "'grid.sweep.dfr.strengths' is no key"),
        ({"jtt": {}}, "'grid.sweep.jtt' names no setting"),
        ({"jtt": {"weight": []}}, "'grid.sweep.jtt.weight' is .*at least 1"),
        ({"jtt": {"weight": 5}}, "'grid.sweep.jtt.weight' is 5; it must be a list"),
        ({"jtt": {"weight": [5, 0]}}, "'grid.sweep.jtt.weight' is 0; it must be more than 0"),
        ({"jtt": {"weight": [5, 5.0]}}, "each entry may appear only once"),
        ({"jtt": {"epochs": [1.5]}}, "'grid.sweep.jtt.epochs' is 1.5; .* whole number"),
        ({"erm": {"selection": ["worst_group"]}}, "'worst_group'; allowed: loss, worst_class"),
        ({"rw": {"normalise": [True]}}, "'grid.sweep' names rw, which can use none"),
    ],
)
def test_refused_sweeps(sweep: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        swept(sweep, sources=["none"])


def test_refused_texts(tmp_path: Path) -> None:
    """Of a user's own method: what is no name of a folder, and too long a name."""
    text = '{"type": "string", "default": "a", "description": "A text."}'
    (tmp_path / "own.py").write_text(f'METHOD = {{"settings": {{"text": {text}}}}}\n')
    for value, told in (
        *((bad, "can't be part of a folder's name") for bad in ("a b", "a/b", "", "a+b=c")),
        ("x" * 201, "names of more than 200 letters"),
    ):
        with pytest.raises(InputError, match=rf"'grid.sweep.own.*{told}"):
            resolve({"plugins": [str(tmp_path)], "grid": {"sweep": {"own": {"text": [value]}}}})
    use([])


def test_what_trains_no_adapters_is_not_swept_with_them() -> None:
    given = {"encoder": {"kind": "transformers", "finetune": "lora"}}
    with pytest.raises(InputError, match=r"'grid.sweep' names jtt, which trains heads"):
        resolve(given | {"grid": {"methods": ["erm"], "sweep": {"jtt": {"weight": [2]}}}})
