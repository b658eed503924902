"""Extensions: what a file declares, files of the user's own, and what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairser.config.configuration import check_inputs, resolve
from fairser.config.declarations import COMMON, KINDS
from fairser.config.extensions import extension, extensions, use
from fairser.config.grid import configurations, usable
from fairser.core.errors import InputError

SETTING = '{"power": {"type": "number", "default": 2.0, "description": "Exponent."}}'


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of plugins that is in use."""
    made = tmp_path / "plugins"
    made.mkdir()
    use([str(made)])
    yield made
    use([])


def declare(folder: Path, name: str, text: str) -> Path:
    file = folder / f"{name}.py"
    file.write_text(text, encoding="utf-8")
    # What is known of a folder is kept; another name of it is read anew.
    use([f"{folder}/./" + "./" * len(list(folder.iterdir()))])
    return file


def refused(folder: Path, name: str, text: str) -> str:
    declare(folder, name, text)
    with pytest.raises(InputError) as caught:
        extensions("METHOD")
    return str(caught.value)


@pytest.mark.parametrize("constant", KINDS)
def test_built_in_ones_are_what_json_can_hold(constant: str) -> None:
    """Else they would be read anew by each process (:mod:`fairser.core.sources`)."""
    for one in extensions(constant).values():
        assert json.loads(json.dumps(one.values)) == one.values


@pytest.mark.parametrize("constant", KINDS)
def test_built_in_ones_define_what_they_declare(constant: str) -> None:
    known = extensions(constant)
    assert len(known) >= 4
    orders = [one["order"] for one in known.values()]
    assert orders == sorted(orders)
    for name, one in known.items():
        assert one["description"]
        assert one.name == name and not one.own
        assert set(one.values) == {*COMMON, *KINDS[constant].defaults}


def test_a_file_of_ones_own_is_found(folder: Path) -> None:
    declare(folder, "powered", f'"""A power of the loss."""\nMETHOD = {{"settings": {SETTING}}}\n')
    one = extension("METHOD", "powered")
    assert one.own
    assert (one["title"], one["description"]) == ("powered", "A power of the loss.")
    assert list(extensions("METHOD"))[-1] == "powered"
    assert usable("powered") == ["none"]


def test_the_configuration_knows_its_settings(folder: Path) -> None:
    declare(folder, "powered", f'METHOD = {{"groups": "any", "settings": {SETTING}}}\n')
    given = {"plugins": [str(folder)], "grid": {"methods": ["powered"], "k": [2]}}
    config = resolve(given | {"methods": {"powered": {"power": "3"}}})
    assert config["methods"]["powered"] == {
        "power": 3.0,
        "sampler": "shuffle",
        "selection": "loss",
    }
    assert {c.source for c in configurations(config)} == {"annotated", "pseudo", "kmeans"}
    with pytest.raises(InputError, match=r"methods\.powered\.pwer.*power"):
        resolve(given | {"methods": {"powered": {"pwer": 3}}})


def test_settings_are_taken_over(folder: Path) -> None:
    declare(folder, "mine", f'METHOD = {{"extends": "gdro", "settings": {SETTING}}}\n')
    base = {"eta": 0.01, "groups": "attribute", "adjustment": 0.0, "adjust": "all"}
    base |= {"selection": "loss"}
    assert extension("METHOD", "mine").defaults() == base | {"power": 2.0}
    own = {"adjustment": 4.0, "sampler": "balanced"}
    assert extension("METHOD", "gadro").defaults() == base | own


def test_methods_with_groups_have_a_sampler(folder: Path) -> None:
    declare(folder, "even", "METHOD = {'groups': 'any', 'sampler': 'balanced'}")
    declare(folder, "other", f"METHOD = {{'groups': 'probabilities', 'settings': {SETTING}}}")
    known = extensions("METHOD")
    samplers = {name: one["settings"].get("sampler") for name, one in known.items()}
    without = [name for name, one in samplers.items() if not one]
    assert without == [name for name, one in known.items() if one["groups"] == "none"]
    assert {"erm", "random", "lff", "jtt"} <= {*without}
    defaults = {name: one["default"] for name, one in samplers.items() if one}
    balanced = [name for name, sampler in defaults.items() if sampler == "balanced"]
    assert balanced == ["pgdro", "gdro", "gadro", "balanced", "even"]
    assert {"rw", "ds", "minmaxgap", "lisa", "other"} <= set(defaults) - {*balanced}
    config = {"plugins": [str(folder)], "methods": {"rw": {"sampler": "even"}}}
    with pytest.raises(InputError, match=r"'methods.rw.sampler' is 'even'; .*shuffle, balanced"):
        resolve(config)


def test_methods_that_train_have_a_selection(folder: Path) -> None:
    declare(folder, "fixed", "METHOD = {'trains': False}")
    declare(folder, "other", "METHOD = {'groups': 'test', 'extends': 'erm'}")
    rules = {
        name: one["settings"].get("selection", {}).get("enum")
        for name, one in extensions("METHOD").items()
    }
    assert [name for name, found in rules.items() if found is None] == ["random", "fixed"]
    assert rules["erm"] == rules["jtt"] == ["loss", "worst_class"]
    assert rules["rw"] == rules["other"] == ["loss", "worst_class", "worst_group"]
    assert extension("METHOD", "rw").defaults()["selection"] == "loss"
    with pytest.raises(InputError, match=r"'methods.erm.selection' is 'worst_group'; .*worst_cl"):
        resolve({"methods": {"erm": {"selection": "worst_group"}}})


def test_a_file_without_a_declaration_is_no_extension(folder: Path) -> None:
    declare(folder, "helper", "VALUE = 1\n")
    assert "helper" not in extensions("METHOD")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("erm", "METHOD = {}", "name 'erm'"),
        ("Mine", "METHOD = {}", "'Mine'"),
        ("mine", "METHOD = {", "not valid Python"),
        ("mine", "METHOD = 3", "literal dict"),
        ("mine", "\nMETHOD = {'title': str(3)}", "line 2"),
        ("mine", "METHOD = {'titel': 'x'}", "Did you mean 'title'?"),
        ("mine", "METHOD = {'settings': {'x': {'default': 1}}}", "'x' lacks description"),
        ("mine", "METHOD = {'extends': 'nothing'}", "'nothing'"),
        ("mine", "METHOD = {'title': 'ERM'}", "title 'ERM'"),
        ("mine", "METRICS = {'mine': 3}", "'mine' is 3"),
        ("mine", "METHOD = {'order': 'first'}", "'first'"),
        ("mine", "METHOD = {'finetune': 1}", "'finetune'"),
        ("mine", "ENCODER = {'files': 'ecapa', 'sections': ['pitch']}", "section 'pitch'"),
        ("mine", "METHOD = {'groups': ['any']}", "'groups'"),
        ("mine", "SOURCE = {'k': 'some'}", "'some'"),
        ("mine", "SOURCE = {'k': 'attributes'}", "a setting 'attributes'"),
        ("mine", "METHOD = {'groups': 'some'}", "allowed: none, any, probabilities"),
        ("mine", "METHOD = {'groups': 'any', 'sampler': 'even'}", "allowed: shuffle, balanced"),
        ("mine", "METHOD = {'sampler': 'balanced'}", "needs 'groups'"),
        ("mine", "METHOD = {'settings': {'sampler': {}}}", "one of all methods with groups"),
        ("mine", "METHOD = {'settings': {'selection': {}}}", "one of all methods that train"),
        ("mine", "METHOD = {'trains': 'no'}", "'trains'"),
        ("mine", "ENCODER = {'sections': ['encoder', 'decoder']}", "'decoder'"),
    ],
)
def test_faulty_declarations(name: str, text: str, told: str, folder: Path) -> None:
    message = refused(folder, name, text)
    assert f"{name}.py" in message
    assert told in message


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(InputError, match="nowhere"):
        resolve({"plugins": ["nowhere"]})
    use([])


def test_an_unknown_name(folder: Path) -> None:
    with pytest.raises(InputError, match="Did you mean 'gdro'"):
        extension("METHOD", "gdor")


def test_a_file_that_cannot_be_imported(folder: Path) -> None:
    file = declare(folder, "broken", "SOURCE = {}\nimport nothing_of_this_name\n")
    with pytest.raises(InputError, match="nothing_of_this_name") as caught:
        extension("SOURCE", "broken").function("infer_groups")
    assert str(file.name) in str(caught.value)


def test_a_function_that_is_missing(folder: Path) -> None:
    declare(folder, "empty", "SOURCE = {}\n")
    with pytest.raises(InputError, match="infer_groups"):
        extension("SOURCE", "empty").function("infer_groups")


def test_files_that_settings_name(folder: Path) -> None:
    setting = '{"type": ["string", "null"], "format": "file", "default": None, "description": "x"}'
    declare(folder, "listed", f'SOURCE = {{"settings": {{"path": {setting}}}}}\n')
    given = {"corpus": {"kind": "demo"}, "plugins": [str(folder)]}
    check_inputs(resolve(given))
    config = resolve(given | {"sources": {"listed": {"path": "nowhere.csv"}}})
    assert extension("SOURCE", "listed").files(config["sources"]["listed"]) == {
        "path": "nowhere.csv"
    }
    with pytest.raises(InputError, match=r"sources\.listed\.path.*nowhere\.csv"):
        check_inputs(config)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "numbr", "default": 1, "description": "x"}, "numbr"),
        ({"default": 1, "description": "x"}, "'type' or 'enum'"),
    ],
)
def test_settings_are_properties_of_a_schema(part: dict, told: str, folder: Path) -> None:
    declare(folder, "mine", f'METHOD = {{"settings": {{"power": {part!r}}}}}\n')
    with pytest.raises(InputError, match=told) as caught:
        resolve({"corpus": {"kind": "demo"}, "plugins": [str(folder)]})
    assert "mine.py" in str(caught.value)
    assert "'power'" in str(caught.value)


def test_a_default_is_checked_as_a_value_is(folder: Path) -> None:
    part = {"type": "number", "default": "x", "description": "x"}
    declare(folder, "mine", f'METHOD = {{"settings": {{"power": {part!r}}}}}\n')
    with pytest.raises(InputError, match=r"methods\.mine\.power"):
        resolve({"corpus": {"kind": "demo"}, "plugins": [str(folder)]})


@pytest.mark.parametrize("plugins", ["my_plugins", 3, [3], None, {"a": 1}])
def test_plugins_are_a_list_of_folders(plugins: object) -> None:
    with pytest.raises(InputError, match="'plugins' is"):
        resolve({"corpus": {"kind": "demo"}, "plugins": plugins})
