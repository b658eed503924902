"""Clips per second of an encoder, reading and writing included, and its share of the bare model.

python tests/bench/extraction.py FOLDER_OF_AUDIO [--kind fbank] [--clips 500] [--threads 1]
python tests/bench/extraction.py FOLDER_OF_AUDIO --kind transformers --clips 96 --threads 2
python tests/bench/extraction.py FOLDER_OF_AUDIO --kind ecapa --precision bfloat16

Set OMP_NUM_THREADS=1, as jobs have it: only the model computes on several threads.

Models have their full size and random weights. In each round the same clips go through the
extraction and, already in memory, through the model alone.
"""

import argparse
import statistics
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from full_size import write

from fairser.audio.reading import Audio
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.extraction.encoding import BATCH_SECONDS
from fairser.extraction.extract import encode_missing
from fairser.extraction.shards import Partial
from fairser.pretrained import devices

ROUNDS = 5
SECONDS = 10.0
SUFFIXES = (".wav", ".flac")
KINDS = ("fbank", "mfcc", "pitch", "transformers", "ecapa", "audeering")


def bare(encoder: Encoder, audio: Audio, plan: list[list[int]]) -> float:
    """Seconds of the model alone."""
    waves = [wave for numbers in plan for _, wave in audio.read_batch(numbers).waves]
    synchronise()
    start = time.perf_counter()
    for wave in waves:
        encoder(wave)
    synchronise()
    return time.perf_counter() - start


def whole(encoder: Encoder, audio: Audio, folder: Path, seconds: float, readers: int) -> float:
    """Seconds of planning, reading, model and writing."""
    start = time.perf_counter()
    shape = (len(audio.files), encoder.layers, encoder.dim)
    partial = Partial(folder / "part", str(start), shape, np.dtype("float32"))
    faults = encode_missing(partial, encoder, audio, seconds, readers)
    partial.finish(folder / "features.safetensors")
    assert not faults, faults
    return time.perf_counter() - start


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def deviation(encoder: Encoder, exact: Encoder, audio: Audio) -> str:
    """How far the features are from those in float32."""
    found, true = [], []
    for _, waves in audio.read_batch(range(len(audio.files))).waves:
        found.append(encoder(waves))
        true.append(exact(waves))
    apart = [(f - t).norm(dim=-1) / t.norm(dim=-1) for f, t in zip(found, true, strict=True)]
    relative = torch.cat(apart).flatten()
    return f"relative error of a vector: median {relative.median():.1e}, max {relative.max():.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="fbank")
    parser.add_argument("--clips", type=int, default=500, help="files are repeated up to this")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    files = sorted(p.name for p in options.folder.iterdir() if p.suffix in SUFFIXES)
    if not files:
        parser.error(f"{options.folder} holds no {' or '.join(SUFFIXES)}")
    names = list(islice(cycle(files), options.clips))
    device = devices.choose(options.device)
    on_cpu = device.type == "cpu"
    torch.set_num_threads(options.threads if on_cpu else 1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        weights = write(options.kind, folder / "model")
        encoder = make_encoder(options.kind, Settings(weights, options.device, options.precision))
        audio = Audio(options.folder, names, SECONDS)
        batch_seconds = BATCH_SECONDS[device.type]
        readers = 0 if on_cpu else options.threads
        first = Audio(options.folder, names[: max(8, len(names) // 20)], SECONDS)
        bare(encoder, first, first.plan(range(len(first.files)), batch_seconds))  # warm up
        plan = audio.plan(range(len(names)), batch_seconds)
        pairs = [
            (
                bare(encoder, audio, plan),
                whole(encoder, audio, folder, batch_seconds, readers),
            )
            for _ in range(ROUNDS)
        ]
        if options.precision != "float32":
            exact = make_encoder(options.kind, Settings(weights, options.device))
            print(deviation(encoder, exact, first))
    seconds = sum(soundfile.info(options.folder / name).duration for name in names)
    wall = statistics.median(whole for _, whole in pairs)
    share = statistics.median(bare / whole for bare, whole in pairs)
    print(
        f"{options.kind}, {options.precision}, {devices.describe(device)}, {options.threads} "
        f"thread(s), {len(names)} clips of {seconds / len(names):.2f} s"
    )
    print(
        f"{len(names) / wall:.1f} clips per second, {seconds / wall:.0f} times real time; "
        f"{share:.1%} of the bare encoder"
    )


if __name__ == "__main__":
    main()
