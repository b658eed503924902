"""Feature stores: round trip, and what is said about files that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from fairser.encoders.store import check_finite, open_store, write_store
from fairser.errors import InputError

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
    assert len(list(paths[0].parent.iterdir())) == 2


def test_array_that_is_not_contiguous_and_other_tensors_beside_it(
    paths: tuple[Path, Path],
) -> None:
    write_store(*paths, ARRAY.transpose(0, 2, 1), NAMES)
    np.testing.assert_array_equal(open_store(*paths).array, ARRAY.transpose(0, 2, 1))
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
    with pytest.raises(InputError, match=r"lack 4 of 5 clips.*x1, x2, x3\. .*'encoder\.clips'"):
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
    message = rf"{paths[0].name}: row 2 .*'deep/c2', holds {shown}; 2 clip\(s\).*again"
    with pytest.raises(InputError, match=message):
        check_finite(store, ["c1", "deep/c2", "c3"], paths[0])


def test_bad_value_beyond_the_first_chunk_is_located(
    paths: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairser.encoders.store.CHUNK", 2)
    array = ARRAY.copy()
    array[0, 0, 0] = np.nan
    write_store(*paths, array, NAMES)
    with pytest.raises(InputError, match=r"row 0 .*'c0'.*1 clip\(s\)"):
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
        (lambda good: good[:-1], "truncated.*again"),
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
        (NAMES[:3], r"lists 3 clips, but .*features\.safetensors has 4 rows.*same order"),
        ([*NAMES, "c4"], r"lists 5 clips, but .* has 4 rows"),
        (["c0", "c1", "c0", "c3"], r"clip 'c0' is listed twice; keep one"),
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


@pytest.mark.parametrize("lost", [0, 1])
def test_files_that_are_not_there_are_named(paths: tuple[Path, Path], lost: int) -> None:
    write_store(*paths, ARRAY, NAMES)
    paths[lost].unlink()
    with pytest.raises(InputError, match=rf"{paths[lost].name}: no such file.*[Mm]end"):
        open_store(*paths)
