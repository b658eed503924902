"""Feature stores: round trip, and what is said about files that cannot be used."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fairser.core.errors import InputError
from fairser.extraction.store import (
    FeatureStore,
    check_finite,
    header,
    open_store,
    train_statistics,
)
from unit.builders import write_store

ARRAY = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
NAMES = ["c0", "c1", "deep/c2", "c3"]


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "features.safetensors", tmp_path / "clips.csv"


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_round_trip_maps_the_file(paths: tuple[Path, Path], dtype: type) -> None:
    write_store(*paths, ARRAY.astype(dtype), NAMES)
    store = open_store(*paths)
    assert isinstance(store.array, np.memmap)
    assert not store.array.flags.writeable
    assert store.array.dtype == dtype
    np.testing.assert_array_equal(store.array, ARRAY)
    assert store.rows(["c3", "c0", "deep/c2"]).tolist() == [3, 0, 2]


def test_other_tensors_in_the_file(paths: tuple[Path, Path]) -> None:
    write_store(*paths, ARRAY, NAMES)
    others = {"a": np.ones(3, np.float64), "features": ARRAY, "z": np.ones(1, np.int8)}
    save_file(others, paths[0], metadata={"model": "wavlm"})
    np.testing.assert_array_equal(open_store(*paths).array, ARRAY)


def test_file_names_are_clips_and_the_alias_is_known(paths: tuple[Path, Path]) -> None:
    write_store(*paths, ARRAY, ["a.wav", "b.flac", "1040_ITH_SAD_X.wav", "c.d.wav"])
    store = open_store(*paths)
    assert list(store.row_of) == ["a", "b", "1040_ITH_SAD_XX", "c.d"]


def test_missing_clips_are_named_and_counted(paths: tuple[Path, Path]) -> None:
    write_store(*paths, ARRAY, NAMES)
    wanted = ["c0", "x1", "x2", "x3", "x4"]
    with pytest.raises(InputError, match=r"lack 4 of 5 .*x1, x2, x3, 1 more\. .*'encoder\.clips'"):
        open_store(*paths).rows(wanted)


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_values_that_are_not_finite_are_located(
    paths: tuple[Path, Path], value: float, shown: str
) -> None:
    array = ARRAY.copy()
    array[2, 1, 0] = array[3, 0, 0] = value
    write_store(*paths, array, NAMES)
    store = open_store(*paths)
    check_finite(store, ["c1", "c0"], paths[0])  # the bad rows are not asked for
    message = rf"{paths[0].name}: row 2 .*'deep/c2', holds {shown}; .*2 clips"
    with pytest.raises(InputError, match=message):
        check_finite(store, ["c1", "deep/c2", "c3"], paths[0])


def test_bad_value_beyond_the_first_chunk_is_located(
    paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairser.extraction.store.CHUNK", 2)
    array = ARRAY.copy()
    array[0, 0, 0] = np.nan
    write_store(*paths, array, NAMES)
    with pytest.raises(InputError, match=r"row 0 .*'c0'.*1 clip "):
        check_finite(open_store(*paths), ["c1", "c3", "deep/c2", "c0"], paths[0])


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"features": ARRAY[0]}, r"shape \(2, 3\); it must be clip x layer x dim"),
        ({"features": ARRAY[:0]}, r"shape \(0, 2, 3\)"),
        ({"embeddings": ARRAY}, r"no safetensors file with .*'features'.*save_file"),
        ({"features": ARRAY.astype(np.float64)}, r"float32 or float16.*F64"),
        ({"features": ARRAY.astype(np.int32)}, r"float32 or float16.*I32"),
    ],
    ids=["two axes", "no clips", "other name", "float64", "integers"],
)
def test_unusable_tensors_are_refused(
    paths: tuple[Path, Path], tensors: dict[str, np.ndarray], message: str
) -> None:
    write_store(*paths, ARRAY, NAMES)
    save_file(tensors, paths[0])
    with pytest.raises(InputError, match=rf"{paths[0].name}: .*{message}"):
        open_store(*paths)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda good: good[:-1], "truncated"),
        (lambda good: good[:-40], "truncated"),
        (lambda good: good[:20], "no safetensors file"),
        (lambda good: b"", "no safetensors file"),
        (lambda good: b"clip,f1,f2\nc0,0.1,0.2\n", "no safetensors file.*header"),
        (lambda good: (9).to_bytes(8, "little") + b'["a", 1] ', "no safetensors file"),
        (lambda good: (4).to_bytes(8, "little") + b"\xff\xfe\xff\xfe", "no safetensors file"),
    ],
    ids=["last byte", "half", "in the header", "empty", "csv", "JSON list", "bytes"],
)
def test_files_that_are_not_complete_or_not_safetensors_are_refused(
    paths: tuple[Path, Path], content: Callable[[bytes], bytes], message: str
) -> None:
    write_store(*paths, ARRAY, NAMES)
    paths[0].write_bytes(content(paths[0].read_bytes()))
    with pytest.raises(InputError, match=rf"{paths[0].name}: .*{message}"):
        open_store(*paths)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:3], r"lists 3 clips, but .*features\.safetensors has 4 rows"),
        ([*NAMES, "c4"], r"lists 5 clips, but .* has 4 rows"),
        (["c0", "c1", "c0", "c3"], r"clip 'c0' is listed twice"),
        (["c0.wav", "c1", "c0.flac", "c3"], r"clip 'c0' is listed twice"),
        (["1040_ITH_SAD_X", "c1", "c2", "1040_ITH_SAD_XX"], r"clip '1040_ITH_SAD_XX' is listed"),
    ],
)
def test_lists_that_do_not_fit_are_refused(
    paths: tuple[Path, Path], names: list[str], message: str
) -> None:
    write_store(*paths, ARRAY, names)
    with pytest.raises(InputError, match=rf"{paths[1].name}: {message}"):
        open_store(*paths)


def test_a_list_without_a_header_is_recognised(paths: tuple[Path, Path]) -> None:
    write_store(*paths, ARRAY, NAMES)
    paths[1].write_text("".join(f"{name}.wav\n" for name in NAMES))
    with pytest.raises(InputError, match=r"If 'c0\.wav' in row 1 is a clip, add the header 'clip'"):
        open_store(*paths)


@pytest.mark.parametrize("lost", [0, 1])
def test_files_that_are_not_there_are_named(paths: tuple[Path, Path], lost: int) -> None:
    write_store(*paths, ARRAY, NAMES)
    paths[lost].unlink()
    with pytest.raises(InputError, match=rf"{paths[lost].name}: no such file"):
        open_store(*paths)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 320), (12345, 13, 1), (3, 2, 7)])
def test_a_header_before_the_values_makes_a_safetensors_file(
    tmp_path: Path, shape: tuple[int, ...], dtype: type
) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    start = header(shape, np.dtype(dtype))
    assert len(start) % 8 == 0
    path = tmp_path / "features.safetensors"
    path.write_bytes(start + array.tobytes())
    found = load_file(path)
    assert list(found) == ["features"]
    assert found["features"].dtype == dtype
    np.testing.assert_array_equal(found["features"], array)


@pytest.mark.parametrize("rows", [np.array([3, 0, 3]), slice(1, 3), slice(2, 9)])
def test_rows_are_read_as_a_copy(paths: tuple[Path, Path], rows: np.ndarray | slice) -> None:
    write_store(*paths, ARRAY, NAMES)
    for store in open_store(*paths), FeatureStore(ARRAY.copy(), {}):  # mapped, or in memory
        part = store.read(rows)
        np.testing.assert_array_equal(part, ARRAY[rows])
        part[:] = -1
        np.testing.assert_array_equal(store.array, ARRAY)
        assert type(part) is np.ndarray


def resident(path: Path) -> int:
    """Kilobytes of a mapped file that count as memory of this process."""
    text = Path("/proc/self/smaps").read_text(encoding="utf-8")
    part = text[text.index(str(path)) :]
    return int(part[part.index("Rss:") :].split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_was_read_does_not_stay_in_memory(paths: tuple[Path, Path]) -> None:
    write_store(*paths, np.ones((1000, 1, 1000), np.float32), [f"c{i}" for i in range(1000)])
    store = open_store(*paths)
    assert store.array.sum() == 1e6
    assert resident(paths[0]) > 3500
    assert store.read(np.arange(0, 1000, 2)).sum() == 5e5
    assert resident(paths[0]) == 0


@pytest.mark.parametrize("sizes", [[50], [25, 25], [1] * 50, [1, 40, 9], [49, 1]])
@pytest.mark.parametrize("offset", [0, 1e4])
def test_train_statistics_do_not_depend_on_the_parts(sizes: list[int], offset: float) -> None:
    array = np.random.default_rng(0).normal(offset, 2, (50, 2, 3)).astype(np.float32)
    array[:, 0, 1] = 0.1  # the mean of such rows is not exactly 0.1 in float32
    array[:, 1, 2] = 0
    parts = np.split(array, np.cumsum(sizes)[:-1])
    mean, std = train_statistics(iter(parts))
    assert (mean.dtype, std.dtype) == (np.float64, np.float64)
    expected = array.astype(np.float64)
    np.testing.assert_allclose(mean, expected.mean(axis=0), rtol=1e-13)
    assert (std[0, 1], std[1, 2]) == (1, 1)
    varying = expected.std(axis=0) > 1e-9
    assert varying.sum() == 4
    np.testing.assert_allclose(std[varying], expected.std(axis=0)[varying], rtol=1e-11)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("sizes", [[4], [1, 3], [3, 1]])
def test_train_statistics_of_what_is_not_finite_are_not_either(
    value: float, sizes: list[int]
) -> None:
    array = ARRAY.copy()
    array[2, 1, 0] = value
    mean, std = train_statistics(np.split(array, np.cumsum(sizes)[:-1]))
    assert not np.isfinite(mean[1, 0]) and np.isnan(std[1, 0])
    others = np.ones((2, 3), bool)
    others[1, 0] = False
    np.testing.assert_allclose(mean[others], ARRAY.astype(float).mean(axis=0)[others])
    np.testing.assert_allclose(std[others], ARRAY.astype(float).std(axis=0)[others])
