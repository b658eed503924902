"""Devices by name, on this machine and on machines that have others."""

import pytest
import torch

from fairser.pretrained.devices import choose, describe
from unit.corpora.builders import assert_refused


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine that has the given devices besides its CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in request.param)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [((), "cpu"), (("mps",), "mps"), (("cuda",), "cuda"), (("cuda", "mps"), "cuda")],
    indirect=["machine"],
)
def test_auto_takes_the_fastest(machine: None, expected: str) -> None:
    assert choose("auto") == torch.device(expected)
    assert choose(expected) == torch.device(expected)
    assert choose("cpu") == torch.device("cpu")


@pytest.mark.parametrize("machine", [()], indirect=True)
@pytest.mark.parametrize("name", ["cuda", "mps", "gpu"])
def test_a_device_that_is_not_there(machine: None, name: str) -> None:
    assert_refused((f"'{name}'", "cpu or auto"), choose, name)


@pytest.mark.parametrize("machine", [("mps",)], indirect=True)
def test_the_message_names_the_devices_that_are_there(machine: None) -> None:
    assert_refused(("'cuda'", "mps, cpu or auto"), choose, "cuda")


def test_float32_is_not_rounded_to_tf32() -> None:
    torch.backends.cudnn.allow_tf32 = True
    choose("cpu")
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe(torch.device("cpu")).endswith(" (cpu)")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Fast GPU")
    assert describe(torch.device("cuda")) == "Fast GPU (cuda)"
