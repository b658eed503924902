"""What all commands share: help, short messages for bad input, the exit status.

A command is a module with ``parser()`` and a ``main`` decorated by :func:`command`. It exits with
0, with :data:`FOUND` or with :data:`BAD_INPUT`.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import MappingProxyType
from typing import Any

from fairser.core.errors import InputError, system_error
from fairser.core.jobs import logger

Main = Callable[[Sequence[str] | None], int]

FOUND = 1  # the command did its work and found something that must be fixed
BAD_INPUT = 2  # it could not do its work; argparse exits with it, too
INTERRUPTED = 130  # as a shell reports it
RESAMPLES = (100, 100_000)  # fewer give no interval of 95 %; as in the schema
# How commands are called where it is not by scripts/NAME.py, by NAME; ``fair-ser`` sets it.
CALLS: ContextVar[Mapping[str, str]] = ContextVar("calls", default=MappingProxyType({}))
LARGEST_SEED = 2**32 - 1  # as in the schema


def command(main: Main) -> Main:
    """A ``main`` that prints only the message of bad input; other errors keep their traceback."""

    @wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        try:
            status = main(arguments)
            sys.stdout.flush()
            return status
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print("Interrupted; the same command starts again.", file=sys.stderr)
            return INTERRUPTED
        except Exception as error:
            if not (known := system_error(error)):
                raise
            print(f"Error: {known}", file=sys.stderr)
            _drop_output()
            return BAD_INPUT

    return run


@contextmanager
def progress_on_stderr() -> Iterator[None]:
    """Show log lines of this package, such as its progress, and none of other libraries."""
    handler, level = logging.StreamHandler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _drop_output() -> None:
    """Forget what could not be printed, such as into a file on a full disk.

    The interpreter would try again at its end and report that in its own words.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def new_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser of a script, without folder and ending, with its module's docstring as its help.

    The help names every command as the user calls it (:data:`CALLS`).
    """
    calls = CALLS.get()
    script = re.compile(r"(?:python )?scripts/(\w+)\.py")
    return argparse.ArgumentParser(
        prog=calls.get(name, f"scripts/{name}.py"),
        description=script.sub(lambda found: calls.get(found[1], found[0]), doc or ""),
        epilog="Exit status: 0 done, 1 something found that must be fixed, 2 bad input.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole_number(least: int, most: int = 10**9) -> Callable[[str], int]:
    """A type of argument: a whole number that is not below ``least`` and not above ``most``."""

    def convert(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        if int(text) > most:
            raise argparse.ArgumentTypeError(f"{text} is more than {most}")
        return int(text)

    convert.__name__ = "whole number"  # argparse names it where `int` fails
    return convert


def add_resampling(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add ``--resamples`` and ``--seed``; ``more`` is said of the resamples."""
    parser.add_argument(
        "--resamples",
        type=whole_number(*RESAMPLES),
        default=1000,
        metavar="N",
        help=f"number of resamples of the speakers, at least {RESAMPLES[0]} (default: 1000{more})",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0, LARGEST_SEED),
        default=0,
        metavar="N",
        help="seed of the resamples (default: 0)",
    )


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the configuration's files, as ``snakemake --configfile`` takes them."""
    parser.add_argument(
        "config",
        nargs="*",
        default=["config.yaml"],
        metavar="CONFIG",
        help="configuration files; later ones win (default: config.yaml)",
    )


def read_config(files: Sequence[str]) -> dict[str, Any]:
    """The resolved configuration of some files, merged as Snakemake merges them.

    Raises:
        InputError: a file that is missing or not a YAML mapping; keys or values that are unknown.
    """
    from snakemake.utils import update_config

    from fairser.config.configuration import resolve
    from fairser.core.yaml_files import read_mapping

    config: dict[str, Any] = {}
    for name in files:
        update_config(config, read_mapping(name))
    return resolve(config)
