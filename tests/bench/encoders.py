"""Memory and speed of each encoder on a CPU, at its published size and with random weights.

    OMP_NUM_THREADS=2 python tests/bench/encoders.py [--clips 3] [--rounds 3] [--only NAME ...]

Each encoder has a process of its own, whose largest resident memory is shown. The clips of
3 s of noise are in memory and go through one at a time.
"""

import multiprocessing
import statistics
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

from shared import encoder_cost
from shared.encoder_cost import Cost
from shared.measuring import Parser, Row, Table

SECONDS = 3.0
SMALLEST = {"clips": 1, "rounds": 1, "only": ["eGeMAPSv02", "w2v-BERT 2.0", "Whisper base"]}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, clips=3, rounds=3)
    names = list(encoder_cost.MAKERS)
    made.add_argument("--only", nargs="+", choices=names, default=names, help="these encoders")
    return made


def measure(name: str, options: Namespace) -> Cost:
    """In a process that ends with it; the smallest run stays in this one, to save its start."""
    seconds = 1.0 if options.smallest else SECONDS
    arguments = (name, options.clips, seconds, options.rounds, options.smallest)
    if options.smallest:
        return encoder_cost.cost(*arguments)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(encoder_cost.cost, *arguments).result()


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    columns = {"encoder": "", "layers": "", "values": "", "million parameters": ",.0f"}
    columns |= {"largest memory, MiB": ",.0f", "CPU seconds per clip": ".2f"}
    columns |= {"fastest round": ".2f", "slowest round": ".2f"}
    table = Table(columns)
    for name in options.only:
        found = measure(name, options)
        each = [seconds / options.clips for seconds in found.seconds]
        head = (name, found.layers, found.dim, found.millions, found.peak)
        table.add(*head, statistics.median(each), min(each), max(each))
    return table.rows


if __name__ == "__main__":
    main()
