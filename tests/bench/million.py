"""Memory and time of a store of a million clips, 13 x 768 in float16, and of gathering shards.

python tests/bench/million.py FOLDER [--clips 1000000] [--dim 768]

FOLDER needs 20 GB for the whole size. Each part is a process of its own, whose peak of resident
memory is printed: k-means on embeddings (partial_fit), one epoch of ERM, and the gathering of
shards at 1,000 and at 10,000 clips.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.core.files import write_json
from fairser.corpora.clips import ClipTable
from fairser.extraction.features import StoreInputs
from fairser.extraction.shards import gather, write_faults
from fairser.extraction.store import header, open_store, write_clips
from fairser.groups.kmeans import kmeans
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, train_and_predict

LAYERS, CLASSES = 13, ["anger", "happiness", "neutral", "sadness"]
BLOCK, SHARDS = 5000, 4
PARTS = ("kmeans", "train", "gather1000", "gather10000")


def write_random(path: Path, shape: tuple[int, int, int]) -> None:
    """Random values, block by block."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(header(shape, np.dtype("<f2")))
        for start in range(0, shape[0], BLOCK):
            block = (min(BLOCK, shape[0] - start), *shape[1:])
            file.write(generator.standard_normal(block, dtype=np.float32).astype("<f2").data)


def make(folder: Path, clips: int, dim: int) -> None:
    names = [f"c{number:07d}" for number in range(clips)]
    write_clips(folder / "names.csv", names)
    write_random(folder / "features.safetensors", (clips, LAYERS, dim))
    write_random(folder / "embeddings.safetensors", (clips, 1, 192))
    numbers = np.arange(clips)
    majority = np.array(CLASSES)[numbers % len(CLASSES)]
    splits = np.array(["train"] * 8 + ["development", "test"])[numbers % 10]
    columns = {
        "clip": names,
        "file": names,
        "speaker": [f"s{number % 10000}" for number in range(clips)],
        "fold": np.ones(clips, dtype=np.int64),
        "split": splits,
        **{name: (majority == name).astype(float) for name in CLASSES},
        "majority": majority,
    }
    ClipTable(pl.DataFrame(columns), tuple(CLASSES), ()).write(folder / "split.parquet")


def run_part(folder: Path, part: str) -> None:
    torch.set_num_threads(1)
    start = time.perf_counter()
    if part.startswith("gather"):
        gather_shards(folder, int(part.removeprefix("gather")))
    else:
        table = ClipTable.read(folder / "split.parquet")
        name = {"kmeans": "embeddings", "train": "features"}[part]
        store = open_store(folder / f"{name}.safetensors", folder / "names.csv")
        if part == "kmeans":
            kmeans(table, store, 16, standardise=False, memory_mb=100)
        else:
            inputs = StoreInputs(store, False, memory_mb=100)
            train_and_predict(TrainingJob("erm", table, inputs, TrainOptions(epochs=1)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {part} | {time.perf_counter() - start:.0f} s | {peak:.0f} MiB |", flush=True)


def make_shards(folder: Path, clips: int) -> None:
    for number in range(SHARDS):
        shard = folder / f"shard{clips}-{number}"
        shard.mkdir(exist_ok=True)
        size = clips // SHARDS
        write_random(shard / "features.safetensors", (size, LAYERS, 768))
        write_clips(shard / "clips.csv", [f"c{number}-{row}" for row in range(size)])
        write_faults(shard / "faults.csv", {})
        same = {"settings": {}, "model": None, "waves": {}, "shape": [LAYERS, 768]}
        own = {"clips": size, "left_out": 0, "seconds": 0.0, "device": "cpu"}
        write_json(shard / "source.json", same | own | {"versions": {}, "commit": None})


def gather_shards(folder: Path, clips: int) -> None:
    shards = [folder / f"shard{clips}-{number}" for number in range(SHARDS)]
    names = {"features": "safetensors", "clips": "csv", "faults": "csv", "source": "json"}
    gather(shards, {name: str(folder / f"all{clips}-{name}.{end}") for name, end in names.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        run_part(options.folder, options.part)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    make(options.folder, options.clips, options.dim)
    for clips in (1_000, 10_000):
        make_shards(options.folder, clips)
    print(f"{options.clips} clips, {LAYERS} x {options.dim}, float16")
    print("| part | time | peak resident memory |\n|---|---|---|", flush=True)
    for part in PARTS:
        command = [sys.executable, __file__, str(options.folder), "--part", part]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
