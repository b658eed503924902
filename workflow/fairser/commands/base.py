"""What every command does around its work: help, readable errors, the exit status."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError

Main = Callable[[Sequence[str] | None], int]

FOUND = 1  # exit status: the command did its work and found something that must be mended
BAD_INPUT = 2  # exit status: it could not do its work; also argparse's


def command(main: Main) -> Main:
    """A command whose bad input ends in the message alone, every other error in its traceback."""

    @wraps(main)
    def told(arguments: Sequence[str] | None = None) -> int:
        try:
            return main(arguments)
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            return BAD_INPUT
        except KeyboardInterrupt:
            print("Interrupted; the same command starts over.", file=sys.stderr)
            return 130

    return told


def new_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """A parser with the module's docstring as its help.

    Args:
        name: of the script, without its folder and ending.
        doc: ``__doc__`` of the command's module.
    """
    return argparse.ArgumentParser(
        prog=f"scripts/{name}.py",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def whole_number(least: int) -> Callable[[str], int]:
    """A type of argument: a whole number that is not below ``least``."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text} is no whole number") from None
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is not at least {least}")
        return value

    return convert


def add_config(parser: argparse.ArgumentParser) -> None:
    """Let a command take the configuration's files, as ``snakemake --configfile`` does."""
    parser.add_argument(
        "config",
        nargs="*",
        default=["config.yaml"],
        metavar="CONFIG",
        help="files of the configuration, later ones win (default: config.yaml)",
    )


def read_config(files: Sequence[str]) -> dict[str, Any]:
    """The resolved configuration of some files, merged as Snakemake merges them.

    Raises:
        InputError: a file that is missing or no YAML mapping; keys or values that are unknown.
    """
    import yaml
    from snakemake.utils import update_config

    from fairser.config.configuration import resolve

    config: dict[str, Any] = {}
    for name in files:
        try:
            given = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}. Name the configuration's files.") from None
        except yaml.YAMLError as error:
            raise InputError(f"{name} is no YAML: {error}") from None
        if not isinstance(given or {}, dict):
            raise InputError(f"{name} is no mapping of keys to values, but {given!r}.")
        update_config(config, given or {})
    return resolve(config)
