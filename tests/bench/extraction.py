"""Clips per second of an encoder, reading and writing included, and its share of the bare model.

    OMP_NUM_THREADS=1 python tests/bench/extraction.py FOLDER [--kind fbank] [--clips 500]
    OMP_NUM_THREADS=1 python tests/bench/extraction.py FOLDER --kind transformers --clips 96 --threads 2
    OMP_NUM_THREADS=1 python tests/bench/extraction.py FOLDER --kind ecapa --precision bfloat16

FOLDER holds wav or flac files. OMP_NUM_THREADS=1 is what jobs have: only the model computes on
several threads. Models have their full size and random weights. In each round the same clips go
through the extraction and, already in memory, through the model alone.
"""  # noqa: E501  commands stand on one line

import statistics
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile
import torch
from shared.extracting import bare, features, relative_errors, whole
from shared.measuring import Parser, Row, Table, in_turn, paired_ratio, seconds_of

from fairser.audio.reading import Audio
from fairser.encoders.base import Settings, make_encoder
from fairser.extraction.encoding import BATCH_SECONDS
from fairser.pretrained import devices

SECONDS = 10.0
SUFFIXES = (".wav", ".flac")
KINDS = ("fbank", "mfcc", "pitch", "transformers", "ecapa", "audeering")
SMALLEST = {"kind": "transformers", "clips": 6, "rounds": 1, "precision": "bfloat16"}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, clips=500, threads=1, rounds=5)
    made.add_argument("folder", type=Path, nargs="?", help="audio files, repeated up to --clips")
    made.add_argument("--kind", choices=KINDS, default="fbank")
    made.add_argument("--device", default="auto")
    made.add_argument("--precision", default="float32")
    return made


def write_noise(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).normal(0, 0.1, 8000 + 4000 * number)
        soundfile.write(folder / f"{number}.wav", noise, 16_000)
    return folder


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    made = parser()
    options = made.start(arguments)
    if not (options.folder or options.smallest):
        made.error("name a FOLDER of audio")
    device = devices.choose(options.device)
    on_cpu = device.type == "cpu"
    torch.set_num_threads(options.threads if on_cpu else 1)
    columns = {"encoder": "", "precision": "", "device": "", "threads": "", "clips": ""}
    columns |= {"clips per second": ".1f", "times real time": ".0f"}
    columns |= {"share of the bare encoder": ".1%", "relative error": ".1e"}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        folder = options.folder or write_noise(place / "audio")
        files = sorted(p.name for p in folder.iterdir() if p.suffix in SUFFIXES)
        if not files:
            made.error(f"{folder} holds no {' or '.join(SUFFIXES)} file; name another folder")
        names = list(islice(cycle(files), options.clips))
        weights = write_model(options, place / "model")
        encoder = make_encoder(options.kind, Settings(weights, options.device, options.precision))
        audio, batch_seconds = Audio(folder, names, SECONDS), BATCH_SECONDS[device.type]
        first = Audio(folder, names[: max(8, len(names) // 20)], SECONDS)
        bare(encoder, first, first.plan(range(len(first.files)), batch_seconds))  # warm up
        plan = audio.plan(range(len(names)), batch_seconds)
        readers = 0 if on_cpu else options.threads
        times = in_turn(
            options.rounds,
            {
                "bare": lambda: bare(encoder, audio, plan),
                "whole": lambda: seconds_of(
                    lambda: whole(encoder, audio, place, batch_seconds, readers)
                ),
            },
        )
        error = None
        if options.precision != "float32":
            exact = make_encoder(options.kind, Settings(weights, options.device))
            apart = relative_errors(features(encoder, first), features(exact, first))
            error = float(apart.median())
        seconds = sum(soundfile.info(folder / name).duration for name in names)
    wall = statistics.median(times["whole"])
    table = Table(columns)
    head = (options.kind, options.precision, devices.describe(device), options.threads, len(names))
    share = paired_ratio(times["bare"], times["whole"])
    table.add(*head, len(names) / wall, seconds / wall, share, error)
    return table.rows


def write_model(options: Namespace, folder: Path) -> Path | None:
    from shared import full_size  # slow to import, and fbank needs no model

    return full_size.write_model(options.kind, folder, options.smallest)


if __name__ == "__main__":
    main()
