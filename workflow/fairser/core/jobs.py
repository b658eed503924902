"""The frame of every job: a log, progress, readable errors."""

import logging
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from fairser.core.errors import InputError, system_error

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
INTERRUPTED = 130  # exit status of a process that Ctrl-C ended
LOG_EVERY = 30  # seconds between two lines of progress in a log
AGAIN = 5  # seconds after which a second Ctrl-C counts
SOON = 0.05  # seconds after which it is tried again to end

logger = logging.getLogger("fairser")

# Ctrl-C while a script of Snakemake still imports leaves nothing to tidy up.
if hasattr(sys.modules["__main__"], "snakemake"):
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))


def prepare_processes() -> None:
    """Set the environment of jobs: the path of the package, which is not installed; one thread.

    Jobs run side by side, so that more threads would slow each other down. With one thread, sums
    have the same order on any number of cores.
    """
    os.environ |= dict.fromkeys(THREADS, "1")
    folder = str(Path(__file__).parents[2])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, paths)])


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Write log lines and warnings to ``log``; end the process with 1 on an error, 130 on Ctrl-C.

    The log and stderr get the message of an :class:`InputError`, or the traceback of a bug.
    """
    try:
        interrupt_once()
        Path(log).parent.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(
            filename=log,
            filemode="w",
            level=logging.INFO,
            format="%(asctime)s %(message)s",
            force=True,
        )
        logging.captureWarnings(True)
        logging.raiseExceptions = False  # a log on a full disk; the message goes to stderr too
        yield
    except Exception as error:
        known = error if isinstance(error, InputError) else system_error(error)
        message = f"Error: {known}" if known else traceback.format_exc()
        logger.error("%s", message)
        sys.exit(f"\n{message}\n(log: {log})\n")
    except KeyboardInterrupt as interrupt:
        logger.error("Error: interrupted.")
        if interrupt.args:  # a signal, and Python's own end would not ignore the next one
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):  # whoever read it may be gone too
                    stream.flush()
            os._exit(INTERRUPTED)
        sys.exit(INTERRUPTED)


def interrupt_once() -> None:
    """Let Ctrl-C raise one KeyboardInterrupt, though terminal and Snakemake both send the signal.

    A second one within seconds would meet the first on its way and end in a traceback. Python drops
    an exception that a destructor or a callback raises, so it is raised again if nothing follows.
    Polars panics, with a traceback, if code that it calls from Rust raises one: it ends first.
    """
    last = -math.inf

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last <= AGAIN:
            return
        if any(module.startswith("polars.") for module in _modules(frame)):
            signal.setitimer(signal.ITIMER_REAL, SOON)
            return
        last = now
        signal.alarm(AGAIN + 1)
        raise KeyboardInterrupt(number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGALRM, handle)


def _modules(frame: FrameType | None) -> Iterator[str]:
    """Names of the modules whose code a frame is called from, its own first."""
    while frame:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back


class Progress:
    """A progress bar on a terminal, and a line with speed and time left in the log now and then.

    Args:
        total: number of items of work.
        what: plural of their name, such as ``clips``.
    """

    def __init__(self, total: int, what: str) -> None:
        from tqdm import tqdm

        self.total, self.what, self.done = total, what, 0
        self.start = self.last = time.monotonic()
        shown = sys.stderr.isatty()
        self.bar = tqdm(total=total, unit=f" {what}", disable=not shown, leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def add(self, items: int) -> None:
        """Count items as done."""
        self.done += items
        self.bar.update(items)
        now = time.monotonic()
        if now - self.last > LOG_EVERY or self.done == self.total:
            speed = self.done / max(now - self.start, 1e-9)
            left = (self.total - self.done) / max(speed, 1e-9)
            report = "%d of %d %s, %.1f per second, %.0f s left"
            logger.info(report, self.done, self.total, self.what, speed, left)
            self.last = now
