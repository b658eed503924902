"""Memory and time of a store of a million clips, 13 x 768 in float16, and of gathering shards.

    python tests/bench/million.py [FOLDER] [--clips 1000000] [--dim 768] [--shard-clips 1000 10000]

FOLDER needs 20 GB for the whole size; without it a temporary folder is used. Each part is a process
of its own: k-means on embeddings (partial_fit), one epoch of ERM read batch by batch, the same with
the features loaded, and the gathering of four shards. Its peak of resident memory includes Python
and the libraries.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import torch
from shared.measuring import Parser, Row, Table, peak_mb, seconds_of

from fairser.core.files import write_json
from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.shards import gather, write_faults
from fairser.extraction.store import header, open_store, write_clips
from fairser.groups.kmeans import kmeans
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, train_and_predict

LAYERS, CLASSES = 13, ["anger", "happiness", "neutral", "sadness"]
BLOCK, SHARDS = 5000, 4
TRAININGS = {"batches": 0.0, "loaded": 1e6}  # MB that features may take; larger ones are not loaded
SMALLEST = {"clips": 80, "dim": 8, "shard_clips": [40]}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, clips=1_000_000, dim=768)
    made.add_argument("folder", type=Path, nargs="?")
    made.add_argument("--shard-clips", type=int, nargs="+", default=[1_000, 10_000])
    made.add_argument("--part", help=argparse.SUPPRESS)
    return made


def write_random(path: Path, shape: tuple[int, int, int]) -> None:
    """Random values, block by block."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(header(shape, np.dtype("<f2")))
        for start in range(0, shape[0], BLOCK):
            block = (min(BLOCK, shape[0] - start), *shape[1:])
            file.write(generator.standard_normal(block, dtype=np.float32).astype("<f2").data)


def write_stores(folder: Path, clips: int, dim: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"c{number:07d}" for number in range(clips)]
    write_clips(folder / "names.csv", pl.DataFrame({"clip": names}))
    write_random(folder / "features.safetensors", (clips, LAYERS, dim))
    write_random(folder / "embeddings.safetensors", (clips, 1, 192))
    numbers = np.arange(clips)
    majority = np.array(CLASSES)[numbers % len(CLASSES)]
    columns = {
        "clip": names,
        "file": names,
        "speaker": [f"s{number % 10000}" for number in range(clips)],
        "fold": np.ones(clips, dtype=np.int64),
        "split": np.array(["train"] * 8 + ["development", "test"])[numbers % 10],
        **{name: (majority == name).astype(float) for name in CLASSES},
        "majority": majority,
    }
    ClipTable(pl.DataFrame(columns), tuple(CLASSES), ()).write(folder / "split.parquet")


def write_shards(folder: Path, clips: int) -> None:
    same = {"settings": {}, "model": None, "waveforms": {}, "shape": [LAYERS, 768], "made_by": ""}
    size = clips // SHARDS
    own = {"clips": size, "left_out": 0, "seconds": 0.0, "device": "cpu"}
    for number in range(SHARDS):
        shard = folder / f"shard{clips}-{number}"
        shard.mkdir(exist_ok=True)
        write_random(shard / "features.safetensors", (size, LAYERS, 768))
        names = [f"c{number}-{row}" for row in range(size)]
        listed = pl.DataFrame({"clip": names, "file": names, "size": 0, "modified": 0})
        write_clips(shard / "clips.csv", listed)
        write_faults(shard / "faults.csv", listed, {})
        write_json(shard / "source.json", same | own | {"versions": {}, "commit": None})


def run_part(folder: Path, part: str) -> None:
    """A part in a process of its own."""
    if part.startswith("gather"):
        clips = part.removeprefix("gather")
        shards = [folder / f"shard{clips}-{number}" for number in range(SHARDS)]
        files = {"features": "safetensors", "clips": "csv", "faults": "csv", "source": "json"}
        gather(shards, {name: str(folder / f"all{clips}-{name}.{e}") for name, e in files.items()})
        return
    torch.set_num_threads(1)
    table = ClipTable.read(folder / "split.parquet")
    name = "embeddings" if part == "kmeans" else "features"
    store = open_store(folder / f"{name}.safetensors", folder / "names.csv")
    if part == "kmeans":
        kmeans(table, store, 16, standardise=False, memory_mb=0.0)
    else:
        inputs = StoreInputs(store, False, memory_mb=TRAININGS[part])
        train_and_predict(TrainingJob("erm", table, inputs, TrainOptions(epochs=1)))


def measure(folder: Path, part: str) -> tuple[float, float]:
    """Seconds of a part, and the peak of its memory in MiB."""
    command = [sys.executable, __file__, str(folder), "--part", part]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    if options.part:
        seconds = seconds_of(lambda: run_part(options.folder, options.part))
        print(json.dumps([seconds, peak_mb()]))
        return []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        write_stores(folder, options.clips, options.dim)
        size = f"{options.clips:,} clips of {LAYERS} x {options.dim}"
        parts = {
            f"k-means on {options.clips:,} vectors of 192 by partial_fit": "kmeans",
            f"an epoch of ERM, {size}, read batch by batch": "batches",
            f"an epoch of ERM, {size}, loaded": "loaded",
        }
        for clips in options.shard_clips:
            write_shards(folder, clips)
            parts[f"gathering four shards, {clips:,} clips of {LAYERS} x 768"] = f"gather{clips}"
        table = Table({"part": "", "seconds": ".1f", "peak MiB": ",.0f"})
        for title, part in parts.items():
            table.add(title, *measure(folder, part))
    return table.rows


if __name__ == "__main__":
    main()
