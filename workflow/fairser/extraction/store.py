"""Feature stores: pooled features in a safetensors file, and a csv with the clip of each row.

The tensor ``features`` is [clip, layer, dim], float32 or float16: for each hidden layer of the
encoder the mean over the frames of the clip (an encoder without layers has one).
"""

import json
import mmap
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.table_files import read_csv
from fairser.core.tensor_files import read_header
from fairser.core.words import counted, shortened
from fairser.corpora.names import clip_name

TENSOR = "features"
DTYPES: dict[str, np.dtype] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
CHUNK = 1024  # rows that are read at once: 40 MB at 13 x 768


@dataclass(frozen=True)
class FeatureStore:
    """Features of many clips; ``array`` [N, layer, dim] is mapped from the file, not loaded."""

    array: np.ndarray
    row_of: dict[str, int]

    def rows(self, clips: Iterable[str]) -> np.ndarray:
        """Rows of the clips, int64, in their order; InputError if the store lacks some."""
        wanted = list(clips)
        missing = [clip for clip in wanted if clip not in self.row_of]
        if missing:
            raise InputError(
                f"The features lack {len(missing)} of {len(wanted)} clips of the corpus: "
                f"{', '.join(shortened(missing, 3))}. Compute them for all clips, or check that "
                "the clip list ('encoder.clips') names clips as the labels do. Where another "
                "results folder left clips out, set 'extraction.failures' as there."
            )
        return np.array([self.row_of[clip] for clip in wanted], dtype=np.int64)

    def read(self, rows: np.ndarray | slice) -> np.ndarray:
        """A copy of some rows [B, layer, dim].

        The pages of the file are released at once. Otherwise the memory of the process would grow
        with all that it has read, and a cluster would end the job.
        """
        values = np.array(self.array[rows])
        mapping = getattr(self.array, "_mmap", None)
        if mapping is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
        return values


def open_store(features: str | Path, clips: str | Path) -> FeatureStore:
    """Open features and their clip list; the features are not read.

    Args:
        features: safetensors file with the tensor ``features``.
        clips: csv whose first column names the clip of each row, with or without extension.

    Raises:
        InputError: a file or the tensor is missing, or has a wrong shape, type or length.
    """
    array = _map(Path(features))
    frame = read_csv(clips)
    names = [clip_name(name) for name in frame[frame.columns[0]]]
    if len(names) != len(array):
        header = ""
        if len(names) + 1 == len(array):
            header = f" If '{frame.columns[0]}' in row 1 is a clip, add the header 'clip' above it."
        raise InputError(
            f"{clips}: lists {len(names)} clips, but {features} has {len(array)} rows. List one "
            f"clip for each row, in the same order.{header}"
        )
    row_of = {name: row for row, name in enumerate(names)}
    if len(row_of) < len(names):
        twice = next(name for row, name in enumerate(names) if row_of[name] != row)
        raise InputError(f"{clips}: clip '{twice}' is listed twice; keep one row.")
    return FeatureStore(array, row_of)


def check_finite(store: FeatureStore, clips: Iterable[str], origin: str | Path) -> None:
    """Raise an InputError if features of the given clips are NaN or infinite.

    It names the file, row and clip of the first one, and how many there are.
    """
    names = list(clips)
    rows = store.rows(names)
    bad = []
    for start in range(0, len(rows), CHUNK):
        part = store.read(rows[start : start + CHUNK])
        bad += (start + np.flatnonzero(~np.isfinite(part).all(axis=(1, 2)))).tolist()
    if bad:
        first = bad[0]
        values = store.array[rows[first]]
        raise InputError(
            f"{origin}: row {rows[first]} (from 0), clip '{names[first]}', holds "
            f"{values[~np.isfinite(values)][0]}; so do {counted(len(bad), 'clip')} in all. Compute "
            "their features again, or remove the clips from the labels."
        )


def train_statistics(parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over parts [n, ...] of the train clips, float64.

    The deviation is 1 where a value is constant. Values that are not finite make both NaN without a
    warning; training reports it. The parts' moments are merged (Chan, Golub and LeVeque 1983), so
    that they need not be in memory at once. Not StandardScaler.partial_fit: it skips NaN, merges
    with other rounding, and would make every training job import scikit-learn.
    """
    count, mean, squares = 0, np.zeros(()), np.zeros(())
    with np.errstate(invalid="ignore", over="ignore"):
        for part in parts:
            values = part.astype(np.float64)
            new = values.mean(axis=0)
            total, apart = count + len(values), new - mean
            squares = squares + ((values - new) ** 2).sum(axis=0)
            squares = squares + apart**2 * (count * len(values) / total)
            mean = mean + apart * (len(values) / total)
            count = total
        std = np.sqrt(squares / count)
    std[std == 0] = 1
    return mean, std


def header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Header of a safetensors file; the values [N, layer, dim] can be appended in parts."""
    name = next(name for name, known in DTYPES.items() if known == dtype)
    end = int(np.prod(shape)) * dtype.itemsize
    entry = {"dtype": name, "shape": list(shape), "data_offsets": [0, end]}
    text = json.dumps({TENSOR: entry}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # values must start at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text


def write_clips(path: str | Path, clips: pl.DataFrame) -> None:
    """Write a list of clips, whose first column names them, as csv."""
    with complete(path) as temporary:
        clips.write_csv(temporary)


def _map(path: Path) -> np.ndarray:
    """The tensor ``features`` of a safetensors file, mapped into memory read-only.

    Not safe_open of safetensors: its arrays are copies, or keep all that was read in memory.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct its path.")
    try:
        header, values = read_header(path)
        entry = header[TENSOR]
        dtype, shape = DTYPES[entry["dtype"]], tuple(entry["shape"])
        start, end = entry["data_offsets"]
        if not all(type(number) is int and number >= 0 for number in (*shape, start, end)):
            raise ValueError(f"shape {list(shape)} and place {[start, end]} are no whole numbers")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: no safetensors file with a float32 or float16 tensor '{TENSOR}' ({error!r}); "
            "write it with safetensors.numpy.save_file({'features': array}, path)."
        ) from error
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{path}: '{TENSOR}' has shape {shape}; it must be clip x layer x dim.")
    if path.stat().st_size < values + end or end - start != dtype.itemsize * prod(shape):
        raise InputError(f"{path}: truncated, '{TENSOR}' is not complete; write or copy it again.")
    return np.memmap(path, dtype, mode="r", offset=values + start, shape=shape)
