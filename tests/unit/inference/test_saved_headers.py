"""Weights whose header anyone may have written: refused by name, never a traceback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.inference.saved_model import METRICS, WEIGHTS, read_saved_model
from unit.run_builder import make_run

NAME = "classifier.bias"
ENTRY = {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a run, to be damaged."""
    made = make_run(tmp_path_factory.mktemp("run"))
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("copies") / "copy"))


def write(folder: Path, header: bytes, length: int | None = None) -> None:
    size = len(header) if length is None else length
    (folder / WEIGHTS).write_bytes(size.to_bytes(8, "little") + header + bytes(12))
    # As a run of someone else may be, whose checksums are those of its files.
    write_record(folder / METRICS, read_json(folder / METRICS), [folder / WEIGHTS])


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [-3]},
        {"shape": ["3"]},
        {"shape": [3.0]},
        {"shape": [True]},
        {"shape": [2**63, 2**63]},
        {"shape": [2**64]},
        {"shape": 3},
        {"data_offsets": [0, 999]},
        {"data_offsets": [-12, 0]},
        {"data_offsets": [12, 0]},
        {"dtype": "F4"},
        {"dtype": 7},
    ],
)
def test_tensors_that_are_none(saved: Path, changed: dict[str, Any]) -> None:
    write(saved, json.dumps({NAME: ENTRY | changed}).encode())
    with pytest.raises(InputError, match=f"{WEIGHTS}: not readable as safetensors"):
        read_saved_model(saved)


GOOD = json.dumps({NAME: ENTRY}).encode()


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"[]", None),
        (b"{", None),
        (b"[" * 100_000, None),
        (GOOD, 2**64 - 1),
        (GOOD, len(GOOD) + 13),
        (GOOD[:-1] + b"," + GOOD[1:], None),
    ],
)
def test_headers_that_are_none(saved: Path, header: bytes, length: int | None) -> None:
    write(saved, header, length)
    with pytest.raises(InputError, match=f"{WEIGHTS}: not readable as safetensors"):
        read_saved_model(saved)


numbers = st.integers(-3, 30) | st.sampled_from([2**31, 2**63, 10**30]) | st.floats() | st.none()
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "BF16", "F8_E4M3", "F4", "C64", "U64"]) | numbers,
        "shape": st.lists(numbers, max_size=3) | st.just([3]),
        "data_offsets": st.lists(numbers, max_size=3) | st.just([0, 12]),
    }
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.sampled_from([NAME, "a", "__metadata__"]), entries | numbers))
def test_any_header_is_a_model_or_a_message(saved: Path, header: dict[str, Any]) -> None:
    write(saved, json.dumps(header).encode())
    try:
        _, tensors = read_saved_model(saved)
        assert set(tensors) <= set(header)
    except InputError as error:
        assert WEIGHTS in str(error)
