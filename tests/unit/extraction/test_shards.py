"""Shards: resumed with nothing lost or mixed up, and gathered to what one shard would give."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

from fairser.core.files import read_json, write_json
from fairser.extraction import shards
from fairser.extraction.shards import gather, read_faults, shard_clips, write_faults
from fairser.extraction.store import header, open_store, write_clips
from unit.builders import start_python, write_store
from unit.corpora.builders import assert_refused

F32, F16 = np.dtype("<f4"), np.dtype("<f2")
SHAPE = (7, 2, 3)
VALUES = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
NAMES = [f"c{row}" for row in range(7)]


@pytest.mark.parametrize("clips", [0, 1, 5, 101])
@pytest.mark.parametrize("number", [1, 3, 100, 150])
def test_shards_cover_the_clips_once_and_evenly(clips: int, number: int) -> None:
    table = pl.DataFrame({"clip": [f"c{i}" for i in range(clips)]})
    parts = [shard_clips(table, shard, number) for shard in range(1, number + 1)]
    assert pl.concat(parts).equals(table)
    sizes = {part.height for part in parts}
    assert max(sizes) - min(sizes) <= 1


def test_faults_are_written_and_read(tmp_path: Path) -> None:
    first, none = tmp_path / "a.csv", tmp_path / "b.csv"
    clips = listed(["c1", "c2", "1.5"])
    write_faults(first, clips, {0: 'a "comma", and\na line', 2: "reason"})
    write_faults(none, clips, {})
    assert pl.read_csv(first, infer_schema=False).rows() == [
        ("c1", "c1.wav", "0", "7", 'a "comma", and\na line'),
        ("1.5", "1.5.wav", "2", "7", "reason"),
    ]
    assert read_faults([first, none]) == {"c1", "1.5"}
    assert read_faults([none]) == read_faults([]) == set()


def listed(names: Sequence[str]) -> pl.DataFrame:
    """A list of clips with files of other sizes and the same time."""
    files, sizes = [f"{name}.wav" for name in names], range(len(names))
    columns = {"clip": pl.String, "file": pl.String, "size": pl.Int64, "modified": pl.Int64}
    return pl.DataFrame([names, files, sizes, [7] * len(names)], columns)


def source(clips: int, left_out: int = 0, **more: Any) -> dict[str, Any]:
    same = {"settings": {"kind": "fbank"}, "model": None, "waveforms": {"mean": 0.0, "std": 1.0}}
    return {
        **same,
        "shape": [2, 3],
        "made_by": "0123",
        "clips": clips,
        "left_out": left_out,
        "seconds": 1.25,
        "device": "x86_64 (cpu)",
        "versions": {"torch": "1"},
        "commit": "abc",
        **more,
    }


def write_shard(
    folder: Path, rows: slice, faults: Sequence[str] = (), dtype: np.dtype = F32, **more: Any
) -> Path:
    """A shard of VALUES, as the extraction writes it."""
    names = NAMES[rows]
    if names:
        write_store(
            folder / "features.safetensors", folder / "clips.csv", VALUES[rows].astype(dtype), names
        )
    else:  # a file with the header of an empty array
        folder.mkdir(parents=True)
        (folder / "features.safetensors").write_bytes(header((0, 2, 3), dtype))
    clips = listed(names)
    write_clips(folder / "clips.csv", clips)
    left_out = {names.index(name): f"{name}.wav: empty" for name in faults}
    write_faults(folder / "faults.csv", clips, left_out)
    write_json(folder / "source.json", source(len(names) - len(faults), len(faults), **more))
    return folder


def whole(folder: Path) -> dict[str, str]:
    """Where the parts of a gathered store go."""
    files = {"features": "features.safetensors", "clips": "clips.csv", "faults": "faults.csv"}
    return {name: str(folder / file) for name, file in (files | {"source": "source.json"}).items()}


@pytest.mark.parametrize("chunk", [1, 2, 1024])
@pytest.mark.parametrize("dtype", [F32, F16])
@pytest.mark.parametrize("ends", [[7], [3, 7], [0, 3, 3, 4, 7, 7], [1, 2, 3, 4, 5, 6, 7]])
def test_shards_are_joined_without_their_faults(
    tmp_path: Path,
    ends: list[int],
    dtype: np.dtype,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shards, "CHUNK", chunk)
    faulty = ["c0", "c3", "c4"]
    folders = []
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        own = [name for name in faulty if name in NAMES[start:end]]
        folders.append(write_shard(tmp_path / str(number), slice(start, end), own, dtype))
    paths = whole(tmp_path / "whole")
    gather(folders, paths)
    good = [1, 2, 5, 6]
    found = load_file(paths["features"])["features"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, VALUES[good].astype(dtype))
    store = open_store(paths["features"], paths["clips"])
    assert store.row_of == {NAMES[row]: place for place, row in enumerate(good)}
    np.testing.assert_array_equal(store.array, found)
    assert pl.read_csv(paths["faults"])["clip"].to_list() == faulty
    record = read_json(paths["source"])
    assert (record["clips"], record["left_out"], record["shape"]) == (4, 3, [2, 3])
    assert record["seconds"] == 1.25 * len(ends)
    assert len(list((tmp_path / "whole").iterdir())) == 4


def test_the_record_of_the_whole(tmp_path: Path) -> None:
    slices, devices = [slice(0, 3), slice(3, 5), slice(5, 7)], ["b (cuda)", "a (cpu)", "b (cuda)"]
    folders = [
        write_shard(tmp_path / str(n), part, ["c4"] if n == 1 else [], device=devices[n])
        for n, part in enumerate(slices)
    ]
    gather(folders, whole(tmp_path / "whole"))
    expected = source(6, 1, seconds=3.75, devices=["a (cpu)", "b (cuda)"])
    del expected["device"]
    assert read_json(tmp_path / "whole" / "source.json") == expected


@pytest.mark.parametrize(
    "other",
    [
        {"settings": {"kind": "mfcc"}},
        {"model": {"commit": "other"}},
        {"waveforms": {"mean": 0.1, "std": 1.0}},
        {"shape": [1, 6]},
    ],
)
def test_shards_of_different_origin_are_refused(tmp_path: Path, other: dict[str, Any]) -> None:
    folders = [
        write_shard(tmp_path / "one", slice(0, 3)),
        write_shard(tmp_path / "two", slice(3, 7), **other),
    ]
    name = next(iter(other))
    told = (str(folders[1]), name, str(other[name]), str(folders[0]))
    assert_refused(told, gather, folders, whole(tmp_path / "whole"))
    assert not (tmp_path / "whole").exists()


def test_a_corpus_of_faults_alone_is_refused(tmp_path: Path) -> None:
    folders = [write_shard(tmp_path / "one", slice(0, 2), ["c0", "c1"])]
    assert_refused(("no clip is left", "faults.csv"), gather, folders, whole(tmp_path / "whole"))


# A store of 100 MB, most of it a hole in the file; 60 MB more are all that this process may have.
GATHERER = """
import resource, sys
from pathlib import Path
import numpy as np
from fairser.extraction import shards

shard, *paths = map(Path, sys.argv[1:])
shards.CHUNK = 64
shards.read_faults([shard / "faults.csv"])  # starts the threads of polars, which need memory
shards.open_store(shard / "features.safetensors", shard / "clips.csv")
used = next(x for x in open("/proc/self/status") if x.startswith("VmData"))
limit = (int(used.split()[1]) + 60_000) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(62_000_000, np.uint8)
    print("no limit")
except MemoryError:
    shards.gather([shard], dict(zip(["features", "clips", "faults", "source"], paths)))
    print("gathered")
"""


def big_shard(folder: Path, rows: int) -> Path:
    folder.mkdir()
    start = header((rows, 13, 768), F32)
    with (folder / "features.safetensors").open("wb") as file:
        file.write(start)
        file.truncate(len(start) + rows * 13 * 768 * 4)
    clips = listed([f"c{row}" for row in range(rows)])
    write_clips(folder / "clips.csv", clips)
    write_faults(folder / "faults.csv", clips, {7: "empty"})
    write_json(folder / "source.json", source(rows - 1, 1, shape=[13, 768]))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="limits the data of a process")
def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    shard, paths = big_shard(tmp_path / "shard", rows=2500), whole(tmp_path / "whole")
    with start_python(GATHERER, shard, *paths.values()) as process:
        assert process.stdout is not None
        told = process.stdout.read()
    if told == "no limit\n":
        pytest.skip("this system does not enforce a limit of data")
    assert (process.returncode, told) == (0, "gathered\n")
    assert open_store(paths["features"], paths["clips"]).array.shape == (2499, 13, 768)
