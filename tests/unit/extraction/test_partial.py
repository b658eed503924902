"""The unfinished work of a shard: resumed with nothing lost, mixed up or out of date."""

import os
import signal
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from fairser.core.files import write_json
from fairser.extraction import partial as unfinished
from fairser.extraction.partial import Partial, take_over
from fairser.extraction.store import write_clips
from unit.builders import start_python, write_store

F32, F16 = np.dtype("<f4"), np.dtype("<f2")
SHAPE = (7, 2, 3)
VALUES = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)


def clips(rows: int) -> pl.DataFrame:
    """A list of clips with files of other sizes and the same time."""
    names = [f"c{row}" for row in range(rows)]
    columns = ["clip", "file", "size", "modified"]
    return pl.DataFrame([names, names, range(rows), [7] * rows], columns)


def opened(folder: Path, shape: tuple[int, ...], dtype: np.dtype, made_by: str = "same") -> Partial:
    return Partial(folder, made_by, clips(shape[0]), shape, dtype)


def rows_done(partial: Partial) -> list[int]:
    return np.flatnonzero(partial.done).tolist()


def finished(partial: Partial, folder: Path) -> np.ndarray:
    """The finished array, read by the format's own library."""
    target = folder / "out" / "features.safetensors"
    partial.finish(target)
    assert not partial.folder.exists()
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    return load_file(target)["features"]


@pytest.mark.parametrize("dtype", [F32, F16])
def test_rows_in_any_order_make_the_array(tmp_path: Path, dtype: np.dtype) -> None:
    partial = opened(tmp_path / "part", SHAPE, dtype)
    assert rows_done(partial) == []
    for rows in [6, 0], [3], [], [1, 2, 4, 5]:
        partial.write(rows, VALUES[rows])
    found = finished(partial, tmp_path)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, VALUES.astype(dtype))


def test_rows_that_are_never_written_stay_zero(tmp_path: Path) -> None:
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write([5, 1], VALUES[[5, 1]])
    found = finished(partial, tmp_path)
    np.testing.assert_array_equal(found[[5, 1]], VALUES[[5, 1]])
    assert not found[[0, 2, 3, 4, 6]].any()


def test_work_goes_on_where_it_was_left(tmp_path: Path) -> None:
    for rows in [4, 2], [0], [1, 3, 5, 6]:
        partial = opened(tmp_path / "part", SHAPE, F32)
        before = rows_done(partial)
        partial.write(rows, VALUES[rows])
        partial.close()
        assert rows_done(partial) == sorted([*before, *rows])
    partial = opened(tmp_path / "part", SHAPE, F32)
    assert rows_done(partial) == list(range(7))
    np.testing.assert_array_equal(finished(partial, tmp_path), VALUES)


@pytest.mark.parametrize("cut", [1, 4, 7])
def test_a_row_number_that_was_cut_is_not_done(tmp_path: Path, cut: int) -> None:
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write([3, 1, 6], VALUES[[3, 1, 6]])
    partial.close()
    noted = tmp_path / "part" / "rows"
    noted.write_bytes(noted.read_bytes()[:-cut])
    for rows in [0], [2, 4, 5, 6]:  # what is noted after it must be read again as well
        partial = opened(tmp_path / "part", SHAPE, F32)
        assert rows_done(partial) == ([1, 3] if rows == [0] else [0, 1, 3])
        partial.write(rows, VALUES[rows])
        partial.close()
    partial = opened(tmp_path / "part", SHAPE, F32)
    assert rows_done(partial) == list(range(7))
    np.testing.assert_array_equal(finished(partial, tmp_path), VALUES)


@pytest.mark.parametrize(
    ("fingerprint", "shape", "dtype"), [("other", SHAPE, F32), ("other", (4, 2, 9), F16)]
)
def test_other_work_starts_anew(
    tmp_path: Path, fingerprint: str, shape: tuple[int, int, int], dtype: np.dtype
) -> None:
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write([0, 1], VALUES[:2])
    partial.close()
    partial = opened(tmp_path / "part", shape, dtype, fingerprint)
    assert rows_done(partial) == []
    assert not finished(partial, tmp_path).any()


def test_a_folder_without_fingerprint_or_values_starts_anew(tmp_path: Path) -> None:
    """As after an end between the move of the values and the removal of the folder."""
    for lost in "fingerprint", "features.safetensors":
        partial = opened(tmp_path / lost, SHAPE, F32)
        partial.write(range(7), VALUES)
        partial.close()
        (tmp_path / lost / lost).unlink()
        partial = opened(tmp_path / lost, SHAPE, F32)
        assert rows_done(partial) == []
        partial.close()


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may write a part of a row, and tell of the lack of space only the next time."""
    partial = opened(tmp_path / "part", SHAPE, F32)
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:10], at))
    with pytest.raises(OSError, match="No space left"):
        partial.write([0], VALUES[:1])
    monkeypatch.undo()
    partial.close()
    assert rows_done(opened(tmp_path / "part", SHAPE, F32)) == []


def test_rows_are_noted_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes half a second forward whenever it is asked."""
    clock = count(0, 0.5)
    monkeypatch.setattr(unfinished, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    partial = opened(tmp_path / "part", (40, 2, 3), F32)
    noted = []
    for row in range(40):
        partial.write([row], VALUES[:1])
        noted.append(int(partial.done.sum()))
    lost = [row + 1 - done for row, done in enumerate(noted)]
    assert max(lost) == unfinished.FLUSHED / 0.5
    assert noted[-1] >= 36
    partial.close()


# Rows one by one, each announced when it is written; the last fifty never come.
WRITER = """
import sys, time
from pathlib import Path
import numpy as np
import polars as pl
from fairser.extraction import partial as unfinished

unfinished.FLUSHED = float(sys.argv[2])
values, names = np.load(sys.argv[3]), [f"c{row}" for row in range(400)]
stamps = [range(400), [7] * 400]
clips = pl.DataFrame([names, names, *stamps], ["clip", "file", "size", "modified"])
partial = unfinished.Partial(Path(sys.argv[1]), "same", clips, values.shape, values.dtype)
for row in range(len(values) - 50):
    partial.write([row], values[row : row + 1])
    print(row, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("flushed", [0, 0.01])
def test_a_killed_writer_loses_no_more_than_what_was_not_noted(
    tmp_path: Path, flushed: float
) -> None:
    folder, values = tmp_path / "part", np.random.default_rng(1).normal(size=(400, 3, 50))
    values = values.astype(F32)
    np.save(tmp_path / "values.npy", values)
    with start_python(WRITER, folder, flushed, tmp_path / "values.npy") as process:
        assert process.stdout is not None
        announced = [int(process.stdout.readline()) for _ in range(150)]
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    partial = opened(folder, values.shape, F32)
    done = rows_done(partial)
    assert done == list(range(len(done)))
    if flushed == 0:
        assert len(done) >= len(announced)
    rest = np.flatnonzero(~partial.done).tolist()
    assert len(rest) >= 50
    partial.write(rest, values[rest])
    np.testing.assert_array_equal(finished(partial, tmp_path), values)


@pytest.mark.parametrize("change", ["size", "modified"])
def test_rows_of_a_clip_that_has_changed_are_not_done(tmp_path: Path, change: str) -> None:
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write(range(6), VALUES[:6])
    partial.close()
    other = pl.when(pl.col("clip").is_in(["c2", "c4"])).then(99).otherwise(change).alias(change)
    newer = clips(7).with_columns(other)
    for _ in range(2):  # looking changes nothing
        partial = Partial(tmp_path / "part", "same", newer, SHAPE, F32)
        assert rows_done(partial) == [0, 1, 3, 5]
        partial.close()
    partial = Partial(tmp_path / "part", "same", newer, SHAPE, F32)
    partial.write([4], -VALUES[[4]])
    partial.close()
    partial = Partial(tmp_path / "part", "same", newer, SHAPE, F32)
    assert rows_done(partial) == [0, 1, 3, 4, 5]
    partial.write([2, 6], -VALUES[[2, 6]])
    signs = np.array([1, 1, -1, 1, -1, 1, -1])[:, None, None]
    np.testing.assert_array_equal(finished(partial, tmp_path), signs * VALUES)


@pytest.mark.parametrize("renamed", ["clip", "file"])
def test_other_clips_start_anew(tmp_path: Path, renamed: str) -> None:
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write([0], VALUES[:1])
    partial.close()
    other = clips(7).with_columns(pl.col(renamed) + "x")
    assert rows_done(Partial(tmp_path / "part", "same", other, SHAPE, F32)) == []


def write_before(folder: Path, names: pl.DataFrame, made_by: str = "same") -> Path:
    """A finished store of an earlier extraction, whose values are those of the row's number."""
    rows = [int(name[1:]) for name in names["clip"]]
    paths = folder / "features.safetensors", folder / "clips.csv"
    write_store(*paths, VALUES[rows], names["clip"].to_list())
    write_clips(folder / "clips.csv", names)
    write_json(folder / "source.json", {"made_by": made_by})
    return folder


def test_unchanged_rows_of_a_store_are_taken_over(tmp_path: Path) -> None:
    """In another order, with a clip that has changed, one that is new, and one that is gone."""
    before = write_before(tmp_path / "store", clips(7)[[5, 0, 6, 3, 2]])
    now = clips(6).with_columns(
        pl.when(pl.col("clip") == "c3").then(8).otherwise("modified").alias("modified")
    )
    partial = Partial(tmp_path / "part", "same", now, (6, 2, 3), F32)
    take_over(before, "same", now, partial)
    assert rows_done(partial) == [0, 2, 5]
    found = finished(partial, tmp_path)
    np.testing.assert_array_equal(found[[0, 2, 5]], VALUES[[0, 2, 5]])
    assert not found[[1, 3, 4]].any()


def test_rows_that_are_done_are_not_taken_over_again(tmp_path: Path) -> None:
    before = write_before(tmp_path / "store", clips(7))
    partial = opened(tmp_path / "part", SHAPE, F32)
    partial.write([1], -VALUES[[1]])
    partial.flush()
    take_over(before, "same", clips(7), partial)
    assert rows_done(partial) == list(range(7))
    np.testing.assert_array_equal(finished(partial, tmp_path)[1], -VALUES[1])


@pytest.mark.parametrize("case", ["code", "shape", "no store", "no stamps", "cut", "no record"])
def test_a_store_that_does_not_fit_is_left_alone(tmp_path: Path, case: str) -> None:
    before = write_before(tmp_path / "store", clips(7), "other" if case == "code" else "same")
    shape = (7, 2, 4) if case == "shape" else SHAPE
    match case:
        case "no store":
            (before / "features.safetensors").unlink()
        case "no stamps":
            write_clips(before / "clips.csv", clips(7).select("clip"))
        case "cut":
            features = before / "features.safetensors"
            features.write_bytes(features.read_bytes()[:-1])
        case "no record":
            (before / "source.json").unlink()
    partial = opened(tmp_path / "part", shape, F32)
    take_over(before, "same", clips(7), partial)
    assert rows_done(partial) == []
