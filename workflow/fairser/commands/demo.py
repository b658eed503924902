"""Run the whole workflow on a small corpus of synthetic speech, and make its report.

    fair-ser demo

writes the workflow into a new folder and runs it there, which takes some minutes. The folder is
then a place to work in: settings in config.yaml, `snakemake -n` lists the jobs. A folder that the
command has made before is used again, and only what is missing runs.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from fairser import __version__
from fairser.commands.base import FOUND, command, new_parser
from fairser.core.errors import InputError
from fairser.core.files import check_target_folder
from fairser.core.places import PACKAGE, ROOT, WORKFLOW

GRID = ("config.yaml", "workflow/grids/demo.yaml")
RUN = ("report", "--cores", "all", "--quiet", "rules", "--configfile", *GRID)
# What the workflow is, beside the package.
PARTS = ("Snakefile", "config.yaml", "LICENSE", "config", "envs", "profiles", "scripts", "slurm")


def parser() -> argparse.ArgumentParser:
    made = new_parser("demo", __doc__)
    text = "new folder, or that of an earlier demo (default: fair-ser-demo)"
    default = Path("fair-ser-demo")
    made.add_argument("folder", nargs="?", type=Path, default=default, metavar="FOLDER", help=text)
    return made


@command
def main(arguments: Sequence[str] | None = None) -> int:
    folder = parser().parse_args(arguments).folder
    if find_spec("snakemake") is None:
        raise ModuleNotFoundError("no snakemake", name="snakemake")
    if not is_workflow(folder):
        write_workflow(folder)
    run = [sys.executable, "-m", "snakemake", *RUN]
    if subprocess.run(run, cwd=folder).returncode:
        return FOUND
    print(f"The report: {folder / 'results/demo/report.html'}")
    print(f"The workflow is in {folder}: change config.yaml there and run `snakemake -n`.")
    return 0


def is_workflow(folder: Path) -> bool:
    """Whether a folder has this version of the workflow.

    Raises:
        InputError: it has another version.
    """
    package = folder / "workflow/fairser/__init__.py"
    if not package.is_file():
        return False
    if f'__version__ = "{__version__}"' not in package.read_text(encoding="utf-8"):
        raise InputError(
            f"{folder} has the workflow of another version than {__version__}. Name a new folder."
        )
    return True


def write_workflow(folder: Path) -> None:
    """Write the workflow with its package into a new or empty folder, whole or not at all.

    Raises:
        InputError: the folder has files, or can't be made.
    """
    check_target_folder(folder)
    if folder.is_symlink() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder} is there already and is no workflow. Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unwanted = shutil.ignore_patterns("__pycache__", PACKAGE.name)
    with TemporaryDirectory(prefix=".demo.", dir=folder.parent) as temporary:
        made = Path(temporary) / "made"
        shutil.copytree(WORKFLOW, made / "workflow", ignore=unwanted)
        ours = shutil.ignore_patterns("__pycache__", "share")
        shutil.copytree(PACKAGE, made / "workflow" / PACKAGE.name, ignore=ours)
        for name in PARTS:
            part = ROOT / name
            if part.is_dir():
                shutil.copytree(part, made / name, ignore=unwanted)
            else:
                shutil.copy(part, made / name)
        made.replace(folder)
