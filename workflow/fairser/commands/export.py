"""A run as a small package that predicts on another machine, without the workflow.

  scripts/export.py results/runs/rw/annotated/k2/fold1/seed0 ser-model

writes weights, configuration, model card, requirements and the few modules that a prediction
needs. There, `pip install -r requirements.txt` and `python predict.py clip.wav` are all.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import command, new_parser
from fairser.inference.exporting import export


def parser() -> argparse.ArgumentParser:
    made = new_parser("export", __doc__)
    made.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    made.add_argument(
        "folder", type=Path, metavar="FOLDER", help="to make; it must not exist, or be empty"
    )
    made.add_argument("--zip", action="store_true", help="write FOLDER.zip as well")
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    names = export(options.run, options.folder, options.zip)
    size = sum((options.folder / name).stat().st_size for name in names) / 1e6
    print(f"{options.folder}: {len(names)} files, {size:.1f} MB")
    print("Read README.md, its model card, before you pass it on.")
    return 0
