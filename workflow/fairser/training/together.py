"""All cells of a fold in one job: no process and no reading of the features for each of them.

Cells of one kind are trained as one, a block of them at a time. Finished cells are kept
(:mod:`fairser.core.kept`).
"""

from collections.abc import Hashable, Sequence
from pathlib import Path

from fairser.core.errors import InputError
from fairser.core.jobs import Progress, logger
from fairser.core.kept import Kept, fingerprint
from fairser.training.runs import FILES, RECORD, CellJob, PreparedCell, SharedFold, train_block

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
    names = (*FILES, RECORD)
    finished = [
        Kept(kept / place, names, fingerprint(job.files, [job.settings, job.code]))
        for job, place in zip(jobs, places, strict=True)
    ]
    notes = {own.folder: own for own in finished}
    missing = [(job, own) for job, own in zip(jobs, finished, strict=True) if not own.is_there()]
    there = len(jobs) - len(missing)
    faults: list[str] = []
    cells: list[PreparedCell] = []
    with Progress(len(jobs), "runs") as progress:
        progress.add(there)
        for job, own in missing:
            own.begin()
            try:
                cells.append(PreparedCell(job, own.folder, shared))
            except InputError as error:
                faults += error.faults
        for block in _blocks(cells):
            for cell, fault in zip(block, train_block(block), strict=True):
                if fault:
                    faults += fault.faults
                else:
                    notes[cell.folder].done()
            progress.add(len(block))
    logger.info(
        "%d of %d runs were there, and nothing that they depend on changed", there, len(jobs)
    )
    if faults:
        raise InputError(*dict.fromkeys(faults))  # cells of one source have one fault
    folders = [results / "runs" / place for place in places]
    for own, folder in zip(finished, folders, strict=True):
        own.place([folder / name for name in names])
    return folders


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
