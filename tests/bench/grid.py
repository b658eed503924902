"""The paper's grid from stored features, against training on frames.

    python tests/bench/grid.py LABELS [--epochs 50] [--folds 5] [--seeds 1] [--frame-clips 1776]
        [--threads 2] [--together cell] [--layers 13] [--dim 768]

LABELS is a folder with the label files of CREMA-D and VideoDemographics.csv. The features are
random and stored once; one command then trains and evaluates the 33 configurations on each fold.
Frame by frame, every step would send its clips of 2.5 s through the encoder (WavLM Base+, random
weights, frozen) again: this is measured on some clips and extrapolated to the epochs of the grid.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import yaml
from shared.made_up import write_corpus
from shared.measuring import ROOT, Parser, Row, Table, seconds_of

from fairser.core.files import read_json
from fairser.core.words import counted
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from fairser.encoders.base import Settings, make_encoder
from fairser.methods.head import Head
from unit.builders import write_store

CLASSES, BATCH = 6, 32
SAMPLES = 40_000  # 2.5 s
SMALLEST = {"epochs": 1, "folds": 1, "frame_clips": 32, "threads": 1, "together": "fold"}
SMALLEST_GRID = {"methods": ["erm"], "sources": ["none"]}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, epochs=50, folds=5, threads=os.cpu_count() or 1)
    made.add_argument("--seeds", type=int, default=1, help="of each configuration and fold")
    made.add_argument("labels", type=Path, nargs="?", help="label files of CREMA-D")
    made.add_argument("--frame-clips", type=int, default=1776, help="train clips of an epoch")
    made.add_argument("--together", choices=("cell", "fold"), default="cell", help="of a job")
    made.add_argument("--layers", type=int, default=13, help="of the stored features")
    made.add_argument("--dim", type=int, default=768, help="of the stored features")
    return made


def write_inputs(labels: Path, folder: Path, layers: int, dim: int) -> dict[str, Any]:
    """Random stores for all clips of CREMA-D, and the configuration that names them."""
    demographics = labels / "VideoDemographics.csv"
    corpus = {"labels": str(labels), "demographics": str(demographics)}
    whole = {
        **corpus,
        "kind": "cremad",
        "classes": None,
        "speaker": None,
        "task": None,
        "stratify": "gender",
    }
    table = read_corpus(whole)
    names = table.clips()["clip"].to_list()
    generator = np.random.default_rng(0)
    stores = {}
    for part, shape in (("encoder", (layers, dim)), ("embedding", (1, 192))):
        file = f"{part}.safetensors"
        values = generator.standard_normal((len(names), *shape), dtype=np.float32)
        write_store(folder / file, folder / "names.csv", values, names)
        stores[part] = {"kind": "precomputed", "features": file, "clips": "names.csv"}
    female = generator.uniform(size=len(names))
    pseudo = pl.DataFrame({"clip": names, "p_female": female, "p_male": 1 - female})
    pseudo.write_csv(folder / "pseudo.csv")
    return {
        **stores,
        "corpus": corpus,
        "pseudo": {"kind": "precomputed", "probabilities": "pseudo.csv"},
    }


def run_grid(folder: Path, overlay: dict[str, Any], cores: int) -> tuple[float, list[float]]:
    """Seconds of the whole command, and of the training in each run."""
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = [sys.executable, "-m", "snakemake", "runs", "--cores", str(cores), "--quiet", "rules"]
    command += ["--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(ROOT / "config.yaml"), "overlay.yaml"]
    wall = seconds_of(lambda: subprocess.run(command, cwd=folder, check=True))
    runs = [read_json(file) for file in folder.glob("results/runs/**/run.json")]
    return wall, [run["seconds"]["train"] for run in runs]


def fold_jobs(folder: Path) -> tuple[float, float]:
    """Seconds of the longest job of a fold, and the largest peak memory of one in MB."""
    files = [*folder.glob("results/kept/fold*.tsv")]
    jobs = pl.concat([pl.read_csv(file, separator="\t").select("s", "max_rss") for file in files])
    return float(jobs["s"].max()), float(jobs["max_rss"].max())


def clips_of_a_fold(folder: Path) -> float:
    """Clips of train and development, mean of the folds."""
    tables = [ClipTable.read(file).frame for file in folder.glob("results/splits/*.parquet")]
    return float(np.mean([(table["split"] != "test").sum() for table in tables]))


def frame_seconds(folder: Path, clips: int, small: bool) -> float:
    """Seconds per clip of a step on frames: frozen encoder forward, head forward and backward."""
    from shared.full_size import write_model

    weights = write_model("transformers", folder / "model", small)
    encoder = make_encoder("transformers", Settings(weights))
    head = Head(encoder.layers, encoder.dim, CLASSES)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-4, fused=True)

    def step() -> None:
        parts = [encoder(part) for part in torch.randn(BATCH, SAMPLES).split(4)]
        loss = head(torch.cat(parts), torch.arange(BATCH)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()  # warms up
    return float(np.mean([seconds_of(step) for _ in range(-(-clips // BATCH))])) / BATCH


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    made = parser()
    options = made.start(arguments)
    if not (options.labels or options.smallest):
        made.error("name the folder of CREMA-D's LABELS")
    settings: dict[str, Any] = {"train": {"epochs": options.epochs, "together": options.together}}
    folds, seeds = range(1, options.folds + 1), range(options.seeds)
    settings["grid"] = {"folds": list(folds), "seeds": list(seeds)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.smallest:
            settings |= write_corpus(folder, folds=3)
            settings["grid"] |= SMALLEST_GRID
        else:
            settings |= write_inputs(options.labels.resolve(), folder, options.layers, options.dim)
        wall, trainings = run_grid(folder, settings, options.threads)
        clips = clips_of_a_fold(folder)
        jobs = fold_jobs(folder) if options.together == "fold" else None
        torch.set_num_threads(options.threads)
        seconds = frame_seconds(folder, options.frame_clips, options.smallest)
    epoch = seconds * clips
    frames = sum(time > 0 for time in trainings) * options.epochs * epoch  # random trains nothing
    table = Table({"what": "", "seconds": ".4g", "times the whole command": ",.4g", "MB": ",.0f"})
    made_with = f"{counted(len(trainings), 'run')}, {counted(options.threads, 'core')}"
    table.add(f"whole command, {made_with}", wall, 1, None)
    table.add("of it training, of one core", sum(trainings), sum(trainings) / wall, None)
    if jobs:
        longest, peak = jobs
        table.add("the longest job of a fold, and its peak memory", longest, longest / wall, peak)
    table.add(
        f"a clip in a step on frames, mean of {options.frame_clips}", seconds, seconds / wall, None
    )
    table.add("an epoch on frames, extrapolated", epoch, epoch / wall, None)
    table.add("the grid on frames, extrapolated", frames, frames / wall, None)
    return table.rows


if __name__ == "__main__":
    main()
