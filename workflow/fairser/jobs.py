"""What every job does around its work: a log, progress, readable errors."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from fairser.errors import InputError

T = TypeVar("T")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS")
LOG_EVERY = 30  # seconds between two lines of progress in a log

logger = logging.getLogger("fairser")


def prepare_processes() -> None:
    """Set what the processes of jobs inherit: the package, which is not installed, and one thread.

    Jobs run side by side, so more threads in each would only get in each other's way; and sums
    keep their order on any number of cores.
    """
    os.environ |= dict.fromkeys(THREADS, "1")
    folder = str(Path(__file__).parents[1])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if folder not in paths:
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, paths)])


@contextmanager
def job(log: str | Path) -> Iterator[None]:
    """Write log lines and warnings to ``log``; end the process with 1 on an error.

    Bad input is told in its own words, a bug with its traceback, in the log and on stderr.
    """
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=log, filemode="w", level=logging.INFO, format="%(asctime)s %(message)s", force=True
    )
    logging.captureWarnings(True)
    try:
        yield
    except Exception as error:
        known = isinstance(error, InputError)
        message = f"Error: {error}" if known else traceback.format_exc()
        logger.error("%s", message)
        sys.exit(f"\n{message}\n(log: {log})\n")


def progress(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar on a terminal and a line now and then in the log.

    Args:
        items: what is worked on, one after the other.
        total: their number.
        what: plural of their name, such as ``clips``.
    """
    from tqdm import tqdm

    start = last = time.monotonic()
    bar = tqdm(items, total=total, unit=f" {what}", disable=not sys.stderr.isatty(), leave=False)
    for number, item in enumerate(bar, start=1):
        yield item
        now = time.monotonic()
        if now - last > LOG_EVERY or number == total:
            speed = number / max(now - start, 1e-9)
            left = (total - number) / speed
            logger.info(
                "%d of %d %s, %.0f per second, %.0f s left", number, total, what, speed, left
            )
            last = now
