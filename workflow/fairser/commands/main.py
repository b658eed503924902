"""Fairness of speech emotion recognition: audit any classifier, reproduce the papers, train.

    fair-ser audit predictions.csv --groups speakers.csv
    fair-ser demo

`fair-ser COMMAND --help` explains a command.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from fairser import __version__
from fairser.commands.base import BAD_INPUT, CALLS


@dataclass(frozen=True)
class Subcommand:
    """A module of this folder, the extra of the package that it needs, and what it does."""

    module: str
    extra: str
    text: str


COMMANDS = {
    "audit": Subcommand("audit", "", "how a classifier's predictions differ between groups"),
    "test": Subcommand("test_model", "models", "is a model right, for whom, and with noise"),
    "predict": Subcommand("predict", "train", "emotions of audio files by a saved model"),
    "export": Subcommand("export", "train", "a run as a package that predicts elsewhere"),
    "compare": Subcommand("compare", "", "whether two results folders really differ"),
    "unpack": Subcommand("unpack_dataset", "", "a data set of the Hugging Face hub as a corpus"),
    "check": Subcommand("check_corpus", "workflow", "what is wrong with a corpus"),
    "demo": Subcommand("demo", "workflow", "the whole workflow on synthetic speech"),
}


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="fair-ser",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["commands:", *(f"  {k:9}{one.text}" for k, one in COMMANDS.items())]),
    )
    made.add_argument("--version", action="version", version=f"fair-ser {__version__}")
    made.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with the arguments that follow its name; the exit status is the command's."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    name = parser().parse_args(words[:1]).command
    chosen = COMMANDS[name]
    calls = CALLS.set({one.module: f"fair-ser {key}" for key, one in COMMANDS.items()})
    try:
        status: int = import_module(f"fairser.commands.{chosen.module}").main(words[1:])
        return status
    except ModuleNotFoundError as error:
        missing = (error.name or "fairser").partition(".")[0]
        if missing == "fairser":
            raise
        wanted = f"fair-ser[{chosen.extra}]" if chosen.extra else "fair-ser"
        print(
            f"Error: fair-ser {name} needs the package {missing}, which is not installed. Install "
            f'what it needs: pip install "{wanted}"',
            file=sys.stderr,
        )
        return BAD_INPUT
    finally:
        CALLS.reset(calls)
