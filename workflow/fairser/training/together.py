"""All cells of a fold in one job: no process and no reading of the features for each of them.

Cells of one kind are trained as one, a block of them at a time. Snakemake removes all files of a
job that fails, and before it runs again. So finished cells are kept in a folder that it does not
know, and what they depend on is noted with them.
"""

import os
import shutil
from collections.abc import Hashable, Sequence
from pathlib import Path

from fairser.core.checksums import check_files, read_record
from fairser.core.errors import InputError
from fairser.core.files import complete, write_text
from fairser.core.jobs import Progress, logger
from fairser.training.checkpoints import make_checkpoint
from fairser.training.runs import FILES, RECORD, CellJob, PreparedCell, SharedFold, train_block

NOTE = "fingerprint"
# Cells of a block: on a CPU the numbers of more do not fit its cache; a GPU is faster with more.
BLOCK = {"cpu": 8, "cuda": 64}


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
    places = ["{method}/{source}/k{k}/fold{fold}/seed{seed}".format(**job.cell) for job in jobs]
    missing = [
        (job, kept / place)
        for job, place in zip(jobs, places, strict=True)
        if not _is_there(job, kept / place)
    ]
    there = len(jobs) - len(missing)
    faults: list[str] = []
    cells: list[PreparedCell] = []
    with Progress(len(jobs), "runs") as progress:
        progress.add(there)
        for job, folder in missing:
            (folder / NOTE).unlink(missing_ok=True)
            try:
                cells.append(PreparedCell(job, folder, shared))
            except InputError as error:
                faults += error.faults
        for block in _blocks(cells):
            for cell, fault in zip(block, train_block(block), strict=True):
                if fault:
                    faults += fault.faults
                else:
                    write_text(cell.folder / NOTE, _note(cell.job, cell.folder))
            progress.add(len(block))
    logger.info(
        "%d of %d runs were there, and nothing that they depend on changed", there, len(jobs)
    )
    if faults:
        raise InputError(*dict.fromkeys(faults))  # cells of one source have one fault
    for place in places:
        for name in (*FILES, RECORD):
            _place(kept / place / name, results / "runs" / place / name)
    return [results / "runs" / place for place in places]


def _blocks(cells: Sequence[PreparedCell]) -> list[list[PreparedCell]]:
    """The cells in blocks that are trained as one, in the order of their first cells."""
    kinds: dict[Hashable, list[PreparedCell]] = {}
    for number, cell in enumerate(cells):
        kinds.setdefault(cell.training.kind() or number, []).append(cell)
    return [
        alike[start : start + size]
        for alike in kinds.values()
        for size in [BLOCK[alike[0].job.device().type]]
        for start in range(0, len(alike), size)
    ]


def _note(job: CellJob, folder: Path) -> str:
    """Of all that the files of a run depend on."""
    return make_checkpoint(folder, job.files, [job.settings, job.code]).fingerprint


def _is_there(job: CellJob, folder: Path) -> bool:
    """Whether the files of a run are there, and nothing that it depends on has changed."""
    known = folder / NOTE
    if not known.is_file() or known.read_text(encoding="utf-8") != _note(job, folder):
        return False
    try:
        check_files(folder / RECORD, read_record(folder / RECORD))
    except (InputError, OSError):
        logger.info("%s: not complete, trained again", folder)
        return False
    return True


def _place(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the disk has no such names; as new as this job."""
    with complete(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
    os.utime(target)
