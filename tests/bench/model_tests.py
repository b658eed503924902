"""Changing the audio of a test of a model: times real time for each condition, and of a whole test.

    python tests/bench/model_tests.py [--clips 10000] [--jobs 2] [--each 100]

Clips are noise of 1 to 5 s at 16 kHz. The first table has CPU time of reading and changing in this
process, the second the clock and the CPU time of whole tests of a model that computes nothing, in
processes, with their start; a tenth of the clips first, so that memory can be seen not to grow.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import numpy as np
import polars as pl
import psutil
import soundfile
import torch
from shared.measuring import Parser, Row, Table, children_seconds, peak_mb, seconds_of

from fairser.model_tests.answering import Answerer
from fairser.model_tests.base import CLEAN, SINGLE, Corpus
from fairser.model_tests.conditions.catalogue import choose
from fairser.model_tests.models import FUNCTION, ModelSpec
from fairser.model_tests.parts import Source
from fairser.model_tests.running import RunOptions, run

CLASSES = ("anger", "joy")
FILES = 200  # that differ; a file stands for several clips
SMALLEST = {"clips": 2, "jobs": 1, "each": 1}
MODEL = """
import numpy as np

def predict(waves, rate):
    return np.full((len(waves), 2), 0.5)
"""


def parser() -> Parser:
    return Parser(__file__, __doc__, SMALLEST, clips=10_000, jobs=2, each=100)


def write_corpus(folder: Path, clips: int) -> tuple[Corpus, list[float]]:
    """A corpus of that many clips, and the seconds of each."""
    random = np.random.default_rng(0)
    seconds = random.uniform(1, 5, min(FILES, clips)).tolist()
    for number, length in enumerate(seconds):
        wave = random.normal(0, 0.1, round(length * 16_000))
        soundfile.write(folder / f"{number}.wav", wave, 16_000)
    numbers = range(clips)
    table = {
        "clip": [f"c{number:06d}" for number in numbers],
        "file": [f"{number % len(seconds)}.wav" for number in numbers],
        "speaker": [f"s{number % 50}" for number in numbers],
        **{name: [0.5] * clips for name in CLASSES},
    }
    corpus = Corpus(pl.DataFrame(table), CLASSES, (), SINGLE)
    return corpus, [seconds[number % len(seconds)] for number in numbers]


class LargestProcess(Thread):
    """Looks at the memory of the processes that this one has started: ``mb``, the largest of all.

    What the system keeps of a process that has ended begins with the size of the one it came from.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mb, self.ended = 0.0, Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            for process in psutil.Process().children():
                with suppress(psutil.Error):
                    self.mb = max(self.mb, process.memory_info().rss / 2**20)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    options = parser().start(arguments)
    torch.set_num_threads(1)  # as in the processes of a model
    conditions = choose(None, {})
    before = Path.cwd(), [*sys.path]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "constant.py").write_text(MODEL)
        os.chdir(folder)  # where the module of a function is looked for
        try:
            corpus, seconds = write_corpus(folder, options.clips)
            spec = ModelSpec(FUNCTION, "constant:predict", "constant", CLASSES)
            answerer = Answerer(spec, Source(spec, corpus, str(folder)).audio)
            each = Table({"condition": "", "clips": ",", "times real time": ",.0f"})
            for name in (CLEAN, *(one.name for one in conditions)):
                clips = corpus.clips["clip"][: options.each].to_list()
                answerer.changed(name, clips[0])  # what is made once
                start = time.process_time()
                for clip in clips:
                    answerer.changed(name, clip)
                spent = time.process_time() - start
                each.add(name, len(clips), sum(seconds[: len(clips)]) / spent)
            columns = {"clips": ",", "conditions": "", "hours of changed audio": ".2f"}
            columns |= {"seconds": ".1f", "times real time": ",.0f", "CPU seconds": ".1f"}
            columns |= {"times real time per core": ",.0f", "MiB of a process": ".0f"}
            whole = Table(columns | {"MiB of the command": ".0f"})
            for clips in (max(1, options.clips // 10), options.clips):
                some = Corpus(corpus.clips[:clips], CLASSES, (), SINGLE)
                source = Source(spec, some, str(folder))
                place = RunOptions(folder / f"out{clips}", options.jobs)
                memory = LargestProcess()
                memory.start()
                cpu = children_seconds()
                spent = seconds_of(lambda s=source, p=place: run(s, conditions, p))
                cpu = children_seconds() - cpu
                audio = sum(seconds[:clips]) * (len(conditions) + 1)
                memory.ended.set()
                numbers = (audio / 3600, spent, audio / spent, cpu, audio / cpu)
                whole.add(clips, len(conditions) + 1, *numbers, memory.mb, peak_mb())
        finally:
            os.chdir(before[0])
            sys.path[:] = before[1]
    return each.rows + whole.rows


if __name__ == "__main__":
    main()
