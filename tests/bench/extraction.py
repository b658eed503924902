"""Clips per second of an embedded encoder, one core, reading from disk included.

python tests/bench/extraction.py FOLDER_OF_AUDIO [--encoder fbank] [--clips 500]
"""

import argparse
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import soundfile
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.encoders import fbank, mfcc
from fairser.encoders.files import encode_files

ENCODERS = {"fbank": fbank.encode, "mfcc": mfcc.encode}
SUFFIXES = (".wav", ".flac")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--encoder", choices=ENCODERS, default="fbank")
    parser.add_argument("--clips", type=int, default=500, help="files are repeated up to this")
    options = parser.parse_args()
    files = sorted(p.name for p in options.folder.iterdir() if p.suffix in SUFFIXES)
    if not files:
        parser.error(f"{options.folder} holds no {' or '.join(SUFFIXES)}")
    torch.set_num_threads(1)
    encode = ENCODERS[options.encoder]
    names = list(islice(cycle(files), options.clips))
    seconds = sum(soundfile.info(options.folder / name).duration for name in names)
    encode_files(encode, options.folder, names[:10], 10)  # warm up
    start = time.perf_counter()
    encode_files(encode, options.folder, names, 10)
    wall = time.perf_counter() - start
    print(f"{options.encoder}: {len(names)} clips of {seconds / len(names):.2f} s in {wall:.1f} s")
    print(f"{len(names) / wall:.0f} clips per second, {seconds / wall:.0f} times real time")


if __name__ == "__main__":
    main()
