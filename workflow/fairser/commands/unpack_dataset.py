"""Audio files and a csv from a data set of the Hugging Face hub, as a corpus of your own.

    python scripts/unpack_dataset.py ravdess --out corpora/ravdess > mine.yaml

The data set is a folder of parquet files with an audio column. The audio is written as it is, once:
the same command goes on where it was interrupted. Printed is the section `corpus` of a
configuration, in which you name the columns of the emotion and the speaker.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from fairser.commands.base import command, new_parser
from fairser.core.words import joined
from fairser.corpora.unpacking import OWN, Unpacked, unpack


def parser() -> argparse.ArgumentParser:
    made = new_parser("unpack_dataset", __doc__)
    add = made.add_argument
    add("folder", type=Path, metavar="FOLDER", help="folder of the data set's parquet files")
    add("--out", type=Path, required=True, metavar="FOLDER", help="folder to write to")
    add("--audio", metavar="COLUMN", help="the column of the audio, if there are several")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    made = unpack(given.folder, given.out, given.audio)
    print(_section(made), end="")
    if made.left_out:
        print(f"Left out, as neither text nor numbers: {joined(made.left_out)}.", file=sys.stderr)
    if "split" not in made.columns and made.splits:
        text = f"Its splits ({joined(made.splits)}) are not used: one of three is not there."
        print(f"{text} Folds are made.", file=sys.stderr)
    return 0


def _section(made: Unpacked) -> str:
    """The section ``corpus`` of a configuration."""
    own = [name for name in made.columns if name not in OWN]
    lines = [f"# Columns: {', '.join(own)}"]
    lacking = [name for name in ("emotion", "speaker") if name not in own]
    if lacking:
        named = ", ".join(f"{name}: COLUMN" for name in lacking)
        lines.append(f"# Name those that the manifest needs in 'corpus': columns: {{{named}}}")
    corpus = {"kind": "manifest", "manifest": str(made.clips), "audio": str(made.audio)}
    corpus |= {"licence": made.licence} if made.licence else {}
    section = yaml.safe_dump({"corpus": corpus}, sort_keys=False, allow_unicode=True)
    return "\n".join([*lines, section])
