"""All cells of a fold in one job: no process and no reading of the features for each of them.

Snakemake removes all files of a job that fails, and before it runs again. So finished cells are
kept in a folder that it does not know, and what they depend on is noted with them.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fairser.core.checksums import check_files, read_record
from fairser.core.errors import InputError
from fairser.core.files import complete, write_text
from fairser.core.jobs import Progress, logger
from fairser.training.checkpoints import make_checkpoint
from fairser.training.runs import FILES, RECORD, CellJob, SharedFold, train_cell

NOTE = "fingerprint"


def train_cells(jobs: Sequence[CellJob], kept: Path, results: Path) -> list[Path]:
    """Train the cells of a fold that are not kept, then put the files of all runs in their places.

    Args:
        jobs: the trainings, all of one fold.
        kept: folder of the finished cells.
        results: the results folder.

    Returns:
        The folders of the runs.

    Raises:
        InputError: trainings failed, which are all named; the others are kept.
    """
    shared = SharedFold(jobs[0].given["split"])
    faults: list[str] = []
    there: list[bool] = []
    places = ["{method}/{source}/k{k}/fold{fold}/seed{seed}".format(**job.cell) for job in jobs]
    with Progress(len(jobs), "runs") as progress:
        for job, place in zip(jobs, places, strict=True):
            try:
                there.append(_train(job, kept / place, shared))
            except InputError as error:
                faults += error.faults
            progress.add(1)
    logger.info(
        "%d of %d runs were there, and nothing that they depend on changed", sum(there), len(jobs)
    )
    if faults:
        raise InputError(*faults)
    for place in places:
        for name in (*FILES, RECORD):
            _place(kept / place / name, results / "runs" / place / name)
    return [results / "runs" / place for place in places]


def _train(job: CellJob, folder: Path, shared: SharedFold) -> bool:
    """Train a cell, unless its files are there and nothing that it depends on has changed.

    Returns:
        Whether its files were there.
    """
    note = make_checkpoint(folder, job.files, [job.settings, job.code]).fingerprint
    known = folder / NOTE
    if known.is_file() and known.read_text(encoding="utf-8") == note:
        try:
            check_files(folder / RECORD, read_record(folder / RECORD))
        except (InputError, OSError):
            logger.info("%s: not complete, trained again", folder)
        else:
            return True
    known.unlink(missing_ok=True)
    train_cell(job, folder, shared)
    write_text(known, note)
    return False


def _place(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the disk has no such names; as new as this job."""
    with complete(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.utime(target)
