"""Export a run as a small package that predicts on another machine, without the workflow.

    python scripts/export.py results/runs/rw/annotated/k2/fold1/seed0 ser-model

writes weights, configuration, model card, requirements and the few modules that a prediction
needs. There, run `pip install -r requirements.txt` and then `python predict.py clip.wav`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import command, new_parser
from fairser.inference.exporting import export


def parser() -> argparse.ArgumentParser:
    made = new_parser("export", __doc__)
    made.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    text = "folder of the package; it must not exist yet, or be empty"
    made.add_argument("folder", type=Path, metavar="FOLDER", help=text)
    made.add_argument("--zip", action="store_true", help="also write FOLDER.zip")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    names = export(given.run, given.folder, given.zip)
    size = sum((given.folder / name).stat().st_size for name in names) / 1e6
    print(f"{given.folder}: {len(names)} files, {size:.1f} MB")
    print("Read its model card, README.md, before you share it.")
    return 0
