"""Headers of safetensors files that anyone may have written: a store, or a message."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from fairser.core.errors import InputError
from fairser.extraction.store import TENSOR, FeatureStore, open_store

NAMES = ("c0", "c1")
GOOD = {"dtype": "F32", "shape": [2, 1, 3], "data_offsets": [0, 24]}
VALUES = np.arange(6, dtype="<f4").tobytes()


def write(folder: Path, header: bytes, length: int | None = None, values: bytes = VALUES) -> Path:
    path = folder / "features.safetensors"
    size = len(header) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + header + values)
    (folder / "clips.csv").write_text("clip\n" + "".join(f"{name}\n" for name in NAMES))
    return path


def opened(path: Path) -> FeatureStore:
    return open_store(path, path.with_name("clips.csv"))


def test_a_good_header(tmp_path: Path) -> None:
    store = opened(write(tmp_path, json.dumps({TENSOR: GOOD}).encode()))
    assert store.array.tolist() == np.arange(6).reshape(2, 1, 3).tolist()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"shape": [-2, -1, 3]}, "no whole numbers"),
        ({"shape": ["2", 1, 3]}, "no whole numbers"),
        ({"shape": [2.0, 1, 3]}, "no whole numbers"),
        ({"shape": [2, True, 3]}, "no whole numbers"),
        ({"shape": [2**62, 4, 2**62]}, "not complete"),
        ({"shape": [2**64 + 2, 1, 3]}, "not complete"),
        ({"shape": "213"}, "no whole numbers"),
        ({"shape": 6}, "no safetensors file"),
        ({"shape": [2, 3]}, "clip x layer x dim"),
        ({"data_offsets": [-24, 0]}, "no whole numbers"),
        ({"data_offsets": [24, 48]}, "not complete"),
        ({"data_offsets": [0, 2**70]}, "not complete"),
        ({"data_offsets": [0.0, 24.0]}, "no whole numbers"),
        ({"data_offsets": [0]}, "no safetensors file"),
        ({"dtype": ["F32"]}, "no safetensors file"),
        ({"dtype": "I64"}, "I64"),
    ],
)
def test_what_a_tensor_can_not_be(tmp_path: Path, changed: dict[str, Any], told: str) -> None:
    path = write(tmp_path, json.dumps({TENSOR: GOOD | changed}).encode())
    with pytest.raises(InputError, match=rf"{path.name}: .*{told}"):
        opened(path)


TEXT = json.dumps({TENSOR: GOOD}).encode()


@pytest.mark.parametrize(
    ("header", "length", "told"),
    [
        (b"[]", None, "no JSON object"),
        (b"7", None, "no JSON object"),
        (b"{", None, "no safetensors file"),
        (b"\xff\xfe", None, "no safetensors file"),
        (b"[" * 100_000, None, "nested too deeply"),
        (TEXT, 2**64 - 1, "longer than the file"),
        (TEXT, len(TEXT) + len(VALUES) + 1, "longer than the file"),
        (TEXT[:-1] + b"," + TEXT[1:], None, "'features' is there twice"),
        (TEXT.replace(b'"dtype"', b'"shape": [1, 1, 1], "dtype"'), None, "'shape' is there twice"),
        (json.dumps({TENSOR: [GOOD]}).encode(), None, "no safetensors file"),
    ],
)
def test_what_a_header_can_not_be(
    tmp_path: Path, header: bytes, length: int | None, told: str
) -> None:
    path = write(tmp_path, header, length)
    with pytest.raises(InputError, match=rf"{path.name}: .*{told}"):
        opened(path)


numbers = (
    st.integers(-3, 30)
    | st.sampled_from([2**31, 2**63, 2**64, -(2**63), 10**30])
    | st.floats()
    | st.booleans()
    | st.text(max_size=2)
    | st.none()
)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "F64", "I64", "BOOL", "X"]) | numbers,
        "shape": st.lists(numbers, max_size=4) | st.just([2, 1, 3]) | numbers,
        "data_offsets": st.lists(numbers, max_size=3) | st.just([0, 24]) | numbers,
    }
)
headers = st.dictionaries(st.sampled_from([TENSOR, "a", "__metadata__"]), entries | numbers)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers, st.integers(-3, 3), st.binary(max_size=40))
def test_any_header_is_a_store_or_a_message(
    tmp_path: Path, header: dict[str, Any], off: int, values: bytes
) -> None:
    text = json.dumps(header).encode()
    path = write(tmp_path, text, max(0, len(text) + off), values)
    try:
        assert opened(path).array.shape[0] == len(NAMES)
    except InputError as error:
        assert path.name in str(error)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 120), st.integers(0, 255), st.integers(0, 200))
def test_any_byte_of_a_file_may_change(tmp_path: Path, place: int, byte: int, keep: int) -> None:
    path = write(tmp_path, b"")
    save_file({TENSOR: np.ones((2, 1, 3), np.float32)}, path)
    content = bytearray(path.read_bytes())
    content[place % len(content)] = byte
    path.write_bytes(content[: len(content) - keep // 10])
    try:
        assert opened(path).array.shape[0] == len(NAMES)
    except InputError as error:
        assert path.name in str(error) or "clips.csv" in str(error)
