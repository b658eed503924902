"""Methods by name, with the settings that their files declare."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fairser.config.configuration import resolve
from fairser.config.extensions import extensions, use
from fairser.config.grid import usable
from fairser.core.errors import InputError
from fairser.methods.base import Method, find_method
from unit.methods.builders import Known, fold

CLASSES, GROUPS = [0, 1, 0, 1, 0], [0, 0, 1, 1, -1]


@pytest.mark.parametrize("name", extensions("METHOD"))
def test_every_method_takes_its_settings(name: str) -> None:
    kind = find_method(name)
    assert issubclass(kind, Method)
    hyper = resolve({"corpus": {"kind": "demo"}})["methods"].get(name, {})
    data = fold(CLASSES, GROUPS, probabilities=[[0.5, 0.5]] * 5)
    data = replace(data, train_erm=lambda epochs: Known(data, [1.0] * 5))  # all are wrong
    common = {"sampler": "shuffle", "selection": "loss"} | hyper
    for method in kind(data, torch.Generator()), kind(data, torch.Generator(), **hyper):
        found = {"sampler": method.sampler, "selection": method.selection}
        assert vars(method.options) | found == common


def test_resolved_settings_can_be_given_to_the_method() -> None:
    resolved = resolve({"corpus": {"kind": "demo"}, "methods": {"gadro": {"eta": "1e-1"}}})
    method = find_method("gadro")(
        fold(CLASSES, GROUPS), torch.Generator(), **resolved["methods"]["gadro"]
    )
    options = method.options
    assert (options.eta, options.adjustment, options.groups) == (0.1, 4.0, "attribute")


def test_what_tables_summarise_can_use_clusters() -> None:
    summarised = [name for name, one in extensions("METHOD").items() if one["summary"]]
    assert summarised == ["ds", "rw", "gdro", "gadro"]
    assert all("kmeans" in usable(name) for name in summarised)


def test_an_unknown_method() -> None:
    with pytest.raises(InputError, match="no method 'irn'"):
        find_method("irn")


@pytest.mark.parametrize("classes", ["", "class A(Method): ...\nclass B(Method): ...\n"])
def test_a_file_defines_one_class(classes: str, tmp_path: Path) -> None:
    head = "from fairser.methods.base import Method\nMETHOD = {}\n"
    (tmp_path / "mine.py").write_text(head + classes)
    use([str(tmp_path)])
    with pytest.raises(InputError, match=r"mine\.py.*subclasses of Method"):
        find_method("mine")
    use([])


@pytest.mark.parametrize("declared", [True, False])
def test_class_and_declaration_agree_on_what_trains(declared: bool, tmp_path: Path) -> None:
    head = f"from fairser.methods.base import Method\nMETHOD = {{'trains': {declared}}}\n"
    (tmp_path / "mine.py").write_text(head + f"class A(Method):\n    trains = {not declared}\n")
    use([str(tmp_path)])
    with pytest.raises(InputError, match=rf"mine\.py.*'trains' {declared}, the class"):
        find_method("mine")
    use([])
