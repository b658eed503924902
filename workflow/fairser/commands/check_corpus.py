"""What a corpus has, and what is wrong with it, before anything runs.

    python scripts/check_corpus.py config.yaml mine.yaml

reads what the workflow would read, and the header of every audio file. It writes nothing. The exit
status is 1 if something would stop a run.

    python scripts/check_corpus.py --manifest audio --pattern '(?P<speaker>..)' > clips.csv

makes a first manifest from the names of the audio files.
"""

import argparse
from collections.abc import Sequence

from fairser.check.corpus import check_corpus
from fairser.check.draft import draft_manifest
from fairser.commands.base import FOUND, add_config, command, new_parser, read_config


def parser() -> argparse.ArgumentParser:
    made = new_parser("check_corpus", __doc__)
    add_config(made)
    add = made.add_argument
    text = "read every sample, to find recordings that are cut, silent, clipped or doubled"
    add("--decode", action="store_true", help=text)
    text = "print a first manifest of the audio files below a folder instead"
    add("--manifest", metavar="FOLDER", help=text)
    text = (
        "with --manifest: regular expression for the names of the files or, if it has a '/', for "
        "their paths below FOLDER; its named groups become columns (default: the first folder of a "
        "path is the speaker)"
    )
    add("--pattern", help=text)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.manifest is not None:
        print(draft_manifest(given.manifest, given.pattern), end="")
        return 0
    report = check_corpus(read_config(given.config), given.config, given.decode)
    print(report)
    return FOUND if report.faults.messages else 0
