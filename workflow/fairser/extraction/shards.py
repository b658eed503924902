"""Shards of a feature store: each can be resumed, and all are gathered to one store.

A shard is a contiguous part of the corpus' clips. Its unfinished rows are in a folder of their own,
which Snakemake does not know and therefore does not delete.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete, read_json, write_json, write_text
from fairser.core.table_files import read_made
from fairser.extraction.store import CHUNK, header, open_store, write_clips

FLUSHED = 2.0  # seconds of work that an interruption may cost
ROW = np.dtype("<i8")
VALUES = "features.safetensors"


def shard_clips(clips: pl.DataFrame, shard: int, shards: int) -> pl.DataFrame:
    """The clips of one of ``shards`` parts of about the same size; ``shard`` counts from 1."""
    start, end = (clips.height * n // shards for n in (shard - 1, shard))
    return clips[start:end]


class Partial:
    """An unfinished shard: an array [row, layer, dim] on disk, and which rows are done.

    ``fingerprint`` is of all that the values depend on; rows of another one are discarded.
    """

    def __init__(
        self, folder: Path, fingerprint: str, shape: tuple[int, int, int], dtype: np.dtype
    ) -> None:
        self.folder, self.shape, self.dtype = folder, shape, dtype
        self.done = np.zeros(shape[0], dtype=bool)
        self.pending: list[int] = []
        self.flushed = time.monotonic()
        self.head = header(shape, dtype)
        text = folder / "fingerprint"
        # Without its values: interrupted between their move and the removal of the folder.
        found = text.is_file() and (folder / VALUES).is_file()
        if not found or text.read_text(encoding="utf-8") != fingerprint:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            write_text(text, fingerprint)
        self.values = os.open(folder / VALUES, os.O_RDWR | os.O_CREAT)
        self.rows = os.open(folder / "rows", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.pwrite(self.values, self.head, 0)
        os.truncate(self.values, len(self.head) + int(np.prod(shape)) * dtype.itemsize)
        size = os.fstat(self.rows).st_size
        whole = size - size % ROW.itemsize  # the last row number may be incomplete
        os.truncate(self.rows, whole)
        self.done[np.frombuffer(os.pread(self.rows, whole, 0), ROW)] = True

    def write(self, rows: Sequence[int], values: np.ndarray) -> None:
        """Write the values [B, layer, dim] of some rows."""
        size = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        for row, value in zip(rows, values.astype(self.dtype), strict=True):
            if os.pwrite(self.values, value.tobytes(), len(self.head) + row * size) < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
        self.pending += rows
        if time.monotonic() - self.flushed > FLUSHED:
            self.flush()

    def flush(self) -> None:
        """Mark the written rows as done, after their values are on disk."""
        os.fsync(self.values)
        os.write(self.rows, np.array(self.pending, ROW).tobytes())
        os.fsync(self.rows)
        self.done[self.pending] = True
        self.pending.clear()
        self.flushed = time.monotonic()

    def close(self) -> None:
        """Close the files; everything that was written is kept."""
        self.flush()
        os.close(self.values)
        os.close(self.rows)

    def finish(self, target: str | Path) -> None:
        """Move the array to ``target`` and remove the folder."""
        self.close()
        with complete(target) as temporary:
            (self.folder / VALUES).replace(temporary)
        shutil.rmtree(self.folder)


def write_faults(path: str | Path, faults: dict[str, str]) -> None:
    """Write clips that can't be used and why, by their names, as csv."""
    with complete(path) as temporary:
        pl.DataFrame(
            {"clip": list(faults), "reason": list(faults.values())},
            schema={"clip": pl.String, "reason": pl.String},
        ).write_csv(temporary)


def read_faults(paths: Iterable[str | Path]) -> set[str]:
    """Names of all clips in files of :func:`write_faults`."""
    return {clip for path in paths for clip in read_made(path, text=["clip"])["clip"]}


def gather(folders: Sequence[Path], paths: dict[str, str]) -> None:
    """Join shards in their order to one store, without the clips that can't be used.

    Rows are copied in parts, so that memory does not grow with the corpus.

    Args:
        folders: of the shards.
        paths: of the results: ``features``, ``clips``, ``faults`` and ``source``.

    Raises:
        InputError: no clip is left, or the shards have different sources.
    """
    faults = pl.concat(
        [read_made(folder / "faults.csv", text=["clip", "reason"]) for folder in folders]
    )
    sources = [read_json(folder / "source.json") for folder in folders]
    joined = _joined(sources, folders)
    stores = [
        open_store(folder / VALUES, folder / "clips.csv")
        for folder, source in zip(folders, sources, strict=True)
        if source["clips"] + source["left_out"]  # with more shards than clips, some are empty
    ]
    left_out = set(faults["clip"])
    clips = [clip for store in stores for clip in store.row_of if clip not in left_out]
    if not clips:
        raise InputError(f"{paths['features']}: no clip is left, see {folders[0] / 'faults.csv'}.")
    write_json(paths["source"], joined)
    first = stores[0].array
    with complete(paths["features"]) as temporary, temporary.open("wb") as file:
        file.write(header((len(clips), *first.shape[1:]), first.dtype))
        for store in stores:
            keep = np.array([clip not in left_out for clip in store.row_of])
            for start in range(0, len(keep), CHUNK):
                part = store.read(slice(start, start + CHUNK))
                file.write(part[keep[start : start + CHUNK]].data)
    with complete(paths["faults"]) as temporary:
        faults.write_csv(temporary)
    write_clips(paths["clips"], clips)


def _joined(sources: list[dict[str, Any]], folders: Sequence[Path]) -> dict[str, Any]:
    """The record of the whole store: what all shards share, and sums of their numbers."""
    same = {name: sources[0][name] for name in ("settings", "model", "waveforms", "shape")}
    for source, folder in zip(sources, folders, strict=True):
        for name, value in same.items():
            if source[name] != value:
                raise InputError(
                    f"{folder}: its {name} is {source[name]}, that of {folders[0]} is {value}. "
                    "Remove both and run again."
                )
    return {
        **same,
        "clips": sum(source["clips"] for source in sources),
        "left_out": sum(source["left_out"] for source in sources),
        "seconds": round(sum(source["seconds"] for source in sources), 3),
        "devices": sorted({source["device"] for source in sources}),
        "versions": sources[0]["versions"],
        "commit": sources[0]["commit"],
    }
