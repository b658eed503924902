"""Export a run as a small package that predicts on another machine, without the workflow.

    python scripts/export.py results/runs/rw/annotated/k2/fold1/seed0 ser-model

writes weights, configuration, model card, requirements and the few modules that a prediction
needs. There, run `pip install -r requirements.txt` and then `python predict.py clip.wav`.
`--push your-name/ser-model` uploads the package to the Hugging Face hub. If the folder is the
package of this run already, it is uploaded as it is, with what you wrote into its model card.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import command, new_parser
from fairser.inference.exporting import export
from fairser.inference.pushing import check_push, is_package_of, push


def parser() -> argparse.ArgumentParser:
    made = new_parser("export", __doc__)
    made.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    text = "folder of the package; it must not exist yet, or be empty"
    made.add_argument("folder", type=Path, metavar="FOLDER", help=text)
    made.add_argument("--zip", action="store_true", help="also write FOLDER.zip")
    text = "also upload the package to the Hugging Face hub; a repository there, or a new one"
    made.add_argument("--push", metavar="OWNER/NAME", help=text)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.push:
        check_push(given.push)
    if given.push and is_package_of(given.folder, given.run):
        print(f"{given.folder} is the package of this run.")
    else:
        names = export(given.run, given.folder, given.zip)
        size = sum((given.folder / name).stat().st_size for name in names) / 1e6
        print(f"{given.folder}: {len(names)} files, {size:.1f} MB")
    if given.push:
        print(f"Uploaded: {push(given.folder, given.push)}")
        print("Read its model card. The same command uploads a README.md that you changed.")
    else:
        print("Read its model card, README.md, before you share it.")
    return 0
