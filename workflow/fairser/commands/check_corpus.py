"""What a corpus holds and what is wrong with it, before anything runs.

    python scripts/check_corpus.py config.yaml mine.yaml

reads what the workflow would read, and the header of every audio file. Nothing is written. The exit
status is 1 if something would stop a run.

    python scripts/check_corpus.py --manifest audio --pattern '(?P<speaker>..)' > clips.csv

drafts a manifest from the names of the audio files.
"""

import argparse
from collections.abc import Sequence

from fairser.check.corpus import check_corpus
from fairser.check.draft import draft_manifest
from fairser.commands.base import FOUND, add_config, command, new_parser, read_config


def parser() -> argparse.ArgumentParser:
    made = new_parser("check_corpus", __doc__)
    add_config(made)
    made.add_argument(
        "--decode",
        action="store_true",
        help="read every sample: finds cut, silent, clipped and doubled recordings",
    )
    made.add_argument(
        "--manifest",
        metavar="FOLDER",
        help="print a first manifest of the audio below a folder instead",
    )
    made.add_argument(
        "--pattern",
        help="with --manifest: regular expression for the paths below FOLDER, whose named groups "
        "become columns (default: the first folder of a path is the speaker)",
    )
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
