"""Clips per second of the fbank extraction, one core, reading from disk included.

python tests/bench/fbank.py FOLDER_OF_AUDIO [--clips 500]
"""

import argparse
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import soundfile
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.encoders.fbank import encode_files

SUFFIXES = (".wav", ".flac")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=500, help="files are repeated up to this")
    options = parser.parse_args()
    files = sorted(p.name for p in options.folder.iterdir() if p.suffix in SUFFIXES)
    if not files:
        parser.error(f"{options.folder} holds no {' or '.join(SUFFIXES)}")
    torch.set_num_threads(1)
    names = list(islice(cycle(files), options.clips))
    seconds = sum(soundfile.info(options.folder / name).duration for name in names)
    encode_files(options.folder, names[:10], 10)  # warm up
    start = time.perf_counter()
    encode_files(options.folder, names, 10)
    wall = time.perf_counter() - start
    print(f"{len(names)} clips of {seconds / len(names):.2f} s in {wall:.1f} s")
    print(f"{len(names) / wall:.0f} clips per second, {seconds / wall:.0f} times real time")


if __name__ == "__main__":
    main()
