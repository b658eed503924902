"""The unfinished work of a shard: what an interrupted job continues, and what it takes over."""

import errno
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from fairser.audio.stamps import stamps
from fairser.core.errors import InputError
from fairser.core.files import complete, read_json, sha256_text, write_text
from fairser.core.jobs import logger
from fairser.core.table_files import read_made
from fairser.extraction.store import CHUNK, header, open_store

FLUSHED = 2.0  # seconds of work that an interruption may cost
STAMP = ["size", "modified"]
ROW = np.dtype([("row", "<i8"), ("size", "<i8"), ("modified", "<i8")])
VALUES = "features.safetensors"


class Partial:
    """An unfinished shard: an array [row, layer, dim] on disk, and which rows are done.

    ``made_by`` is a hash of all that the values depend on, besides the audio; values of another one
    are discarded, and so are those of clips whose stamps (``clips``: clip, file, size, modified)
    are no longer the same.
    """

    def __init__(
        self,
        folder: Path,
        made_by: str,
        clips: pl.DataFrame,
        shape: tuple[int, int, int],
        dtype: np.dtype,
    ) -> None:
        self.folder, self.shape, self.dtype = folder, shape, dtype
        self.done = np.zeros(shape[0], dtype=bool)
        self.pending: list[int] = []
        self.flushed = time.monotonic()
        self.head = header(shape, dtype)
        self.stamps = clips.select(STAMP).to_numpy()
        names = clips.select("clip", "file").write_csv()
        fingerprint = sha256_text(f"{made_by}\n{names}")
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
        whole = size - size % ROW.itemsize  # the last entry may be incomplete
        os.truncate(self.rows, whole)
        entries = np.frombuffer(os.pread(self.rows, whole, 0), ROW)
        same = np.stack([entries[name] for name in STAMP], axis=1) == self.stamps[entries["row"]]
        self.done[entries["row"]] = same.all(
            axis=1
        )  # of two entries of a row, the later one counts

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
        entries = [(row, *self.stamps[row]) for row in self.pending]
        os.write(self.rows, np.array(entries, ROW).tobytes())
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


def stamp_columns(folder: str | Path, files: list[str]) -> list[pl.Series]:
    """Size and time of audio files as columns of a list of clips."""
    found = stamps(folder, files)
    return [
        pl.Series(name, [stamp[place] for stamp in found], pl.Int64)
        for place, name in enumerate(STAMP)
    ]


def take_over(store: Path, made_by: str, clips: pl.DataFrame, partial: Partial) -> None:
    """Copy the rows of a finished store that are still as they would be made now."""
    try:
        same = read_json(store / "source.json")["made_by"] == made_by
        before = read_made(store / "clips.csv", STAMP, text=["clip", "file"])
        values = open_store(store / VALUES, store / "clips.csv")
    except (OSError, InputError, KeyError):
        return  # there is no such store, or not all of it
    if not same or values.array.shape[1:] != partial.shape[1:]:
        return
    wanted = clips.with_row_index("row").filter(~pl.Series(partial.done))
    known = before.with_row_index("place")
    both = wanted.join(known, on=["clip", "file", *STAMP], maintain_order="left")
    for part in both.iter_slices(CHUNK):
        partial.write(part["row"].to_list(), values.read(part["place"].to_numpy()))
    partial.flush()
    if both.height:
        logger.info("%d of %d clips have not changed and are kept", both.height, clips.height)
