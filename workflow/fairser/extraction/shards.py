"""Shards of a feature store: each can be resumed, and all are gathered to one store.

A shard is a contiguous part of the corpus' clips. Its unfinished rows are in a folder of their own,
which Snakemake does not know and therefore does not delete.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete, read_json, write_json
from fairser.core.table_files import read_made
from fairser.extraction.partial import STAMP, VALUES
from fairser.extraction.store import CHUNK, header, open_store, write_clips

SAME = ("settings", "model", "waveforms", "shape", "made_by")  # in the records of all shards


def shard_clips(clips: pl.DataFrame, shard: int, shards: int) -> pl.DataFrame:
    """The clips of one of ``shards`` parts of about the same size; ``shard`` counts from 1."""
    start, end = (clips.height * n // shards for n in (shard - 1, shard))
    return clips[start:end]


def write_faults(path: str | Path, clips: pl.DataFrame, faults: dict[int, str]) -> None:
    """Write the clips that can't be used (rows of ``clips``) and why, by their rows."""
    reasons = pl.Series("reason", list(faults.values()), pl.String)
    write_clips(path, clips[list(faults)].with_columns(reasons))


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
    faults = _joined_lists([folder / "faults.csv" for folder in folders], ["reason"])
    sources = [read_json(folder / "source.json") for folder in folders]
    joined = _joined(sources, folders)
    stores = [
        open_store(folder / VALUES, folder / "clips.csv")
        for folder, source in zip(folders, sources, strict=True)
        if source["clips"] + source["left_out"]  # with more shards than clips, some are empty
    ]
    left_out = set(faults["clip"])
    clips = _joined_lists([folder / "clips.csv" for folder in folders])
    clips = clips.filter(~pl.col("clip").is_in(left_out))
    if clips.is_empty():
        raise InputError(f"{paths['features']}: no clip is left, see {folders[0] / 'faults.csv'}.")
    write_json(paths["source"], joined)
    first = stores[0].array
    with complete(paths["features"]) as temporary, temporary.open("wb") as file:
        file.write(header((clips.height, *first.shape[1:]), first.dtype))
        for store in stores:
            keep = np.array([clip not in left_out for clip in store.row_of])
            for start in range(0, len(keep), CHUNK):
                part = store.read(slice(start, start + CHUNK))
                file.write(part[keep[start : start + CHUNK]].data)
    write_clips(paths["faults"], faults)
    write_clips(paths["clips"], clips)


def _joined_lists(paths: Iterable[Path], more: Sequence[str] = ()) -> pl.DataFrame:
    """Lists of clips with their files and perhaps more text, one after another."""
    text = ["clip", "file", *more]
    return pl.concat(
        [read_made(path, text=text).cast(dict.fromkeys(STAMP, pl.Int64)) for path in paths]
    )


def _joined(sources: list[dict[str, Any]], folders: Sequence[Path]) -> dict[str, Any]:
    """The record of the whole store: what all shards share, and sums of their numbers."""
    same = {
        name: sources[0][name] for name in ("settings", "model", "waveforms", "shape", "made_by")
    }
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
