"""The paper's grid from features of 13 x 768, against training on frames.

python tests/bench/grid.py LABELS [--epochs 50] [--folds 5] [--frame-clips 300] [--threads 2]

LABELS is a folder with the label files of CREMA-D and VideoDemographics.csv. The features are
random and stored once; 33 configurations x 5 folds are then trained and evaluated by one command.
Frame by frame, every step would send its clips of 2.5 s through the encoder (WavLM Base+, random
weights, frozen) once more: measured on some clips, extrapolated to the epochs of the grid.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from full_size import write

from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from fairser.encoders.base import Settings, make_encoder
from fairser.extraction.store import write_store
from fairser.methods.head import Head

ROOT = Path(__file__).parents[2]
LAYERS, DIM, CLASSES, BATCH = 13, 768, 6, 32
SAMPLES = 40_000  # 2.5 s


def run_grid(
    labels: Path, folder: Path, epochs: int, folds: int, cores: int
) -> tuple[float, float]:
    """Wall seconds of the whole command, and the sum of the training jobs' own."""
    overlay = {
        "corpus": {"labels": str(labels), "demographics": str(labels / "VideoDemographics.csv")},
        "encoder": {
            "kind": "precomputed",
            "features": "features.safetensors",
            "clips": "names.csv",
        },
        "embedding": {
            "kind": "precomputed",
            "features": "embeddings.safetensors",
            "clips": "names.csv",
        },
        "pseudo": {"kind": "precomputed", "probabilities": "pseudo.csv"},
        "train": {"epochs": epochs},
        "grid": {"folds": list(range(1, folds + 1))},
    }
    (folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    command = [sys.executable, "-m", "snakemake", "runs", "--cores", str(cores), "--quiet", "rules"]
    command += ["--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(ROOT / "config.yaml"), "overlay.yaml"]
    corpus = {**overlay["corpus"], "kind": "cremad", "classes": None}
    names = read_corpus({**corpus, "stratify": "gender"}).clips()["clip"].to_list()
    generator = np.random.default_rng(0)
    features = generator.standard_normal((len(names), LAYERS, DIM), dtype=np.float32)
    write_store(folder / "features.safetensors", folder / "names.csv", features, names)
    embeddings = generator.standard_normal((len(names), 1, 192), dtype=np.float32)
    write_store(folder / "embeddings.safetensors", folder / "names.csv", embeddings, names)
    female = generator.uniform(size=len(names))
    pseudo = pl.DataFrame({"clip": names, "p_female": female, "p_male": 1 - female})
    pseudo.write_csv(folder / "pseudo.csv")
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    wall = time.perf_counter() - start
    runs = [json.loads(f.read_text()) for f in folder.glob("results/runs/**/run.json")]
    return wall, sum(run["seconds"]["train"] for run in runs)


def train_clips(folder: Path) -> tuple[int, int]:
    """Clips of train and development over the folds."""
    tables = [ClipTable.read(f).frame for f in folder.glob("results/splits/*.parquet")]
    splits = pl.concat([table.select("split") for table in tables])["split"]
    return int((splits == "train").sum()), int((splits == "development").sum())


def frame_seconds(folder: Path, clips: int) -> float:
    """Seconds per clip of a step on frames: frozen encoder forward, head forward and backward."""
    encoder = make_encoder("transformers", Settings(write("transformers", folder / "model")))
    head = Head(LAYERS, DIM, CLASSES)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-4, fused=True)
    times = []
    for step in range(-(-clips // BATCH) + 1):
        waves = torch.randn(BATCH, SAMPLES)
        start = time.perf_counter()
        parts = [encoder(part) for part in waves.split(4)]
        loss = head(torch.cat(parts), torch.arange(BATCH)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step:  # the first one warms up
            times.append((time.perf_counter() - start) / BATCH)
    return float(np.mean(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--folds", type=int, default=5, help="of the five")
    parser.add_argument("--frame-clips", type=int, default=1776, help="train clips of an epoch")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wall, training = run_grid(
            options.labels.resolve(), folder, options.epochs, options.folds, options.threads
        )
        runs = len([*folder.glob("results/runs/**/run.json")])
        train, development = train_clips(folder)
        torch.set_num_threads(options.threads)
        seconds = frame_seconds(folder, options.frame_clips)
    # Random trains nothing; every other run sees its train clips and those of development.
    trained = runs - runs // 33
    epoch = seconds * (train + development) / options.folds
    frames = trained * options.epochs * epoch
    print(f"{runs} runs of {options.epochs} epochs in {wall / 60:.1f} min, {options.threads} cores")
    print(f"  of it training: {training / 60:.1f} min of one core")
    print(f"frames, measured: {seconds:.3f} s a clip, {options.frame_clips} clips")
    print(f"  an epoch, mean of the folds: {epoch / 60:.1f} min")
    print(f"  the grid, extrapolated: {frames / 86400:.1f} days; {frames / wall:.0f} times as long")


if __name__ == "__main__":
    main()
