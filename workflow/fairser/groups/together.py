"""The groups of a fold as files: those of one source, or of all sources of the grid in one job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.files import complete, read_json, write_json
from fairser.core.jobs import Progress
from fairser.core.kept import Kept, fingerprint, listed
from fairser.corpora.clips import ClipTable
from fairser.groups.agreement import quality
from fairser.groups.base import Fold, find_groups, infer_groups

FILES = ("groups.parquet", "quality.json")


@dataclass(frozen=True)
class GroupJob:
    """The groups of one source and number of groups, as its rule gives them.

    Attributes:
        cell: source, k and fold, as text.
        given: input files by name, as :class:`fairser.groups.base.Fold` has them, and ``split``.
        settings: those of :class:`fairser.groups.base.Fold`.
        code: hash of the code that the groups depend on.
    """

    cell: dict[str, str]
    given: dict[str, Any]
    settings: dict[str, Any]
    code: str

    def fold(self, table: ClipTable, models: dict[Any, Any] | None = None) -> Fold:
        """What the source is given of a clip table; with models that sources share."""
        shared = {} if models is None else models
        return Fold(table, int(self.cell["k"]), files=self.given, models=shared, **self.settings)


def write_groups(job: GroupJob, paths: Sequence[str | Path]) -> None:
    """Write the groups of one source and, as JSON, how they agree with the annotation.

    Raises:
        InputError: the source can't infer groups from this fold.
    """
    fold = job.fold(ClipTable.read(job.given["split"]))
    _write(job, fold, infer_groups, paths)


def write_all_groups(jobs: Sequence[GroupJob], kept: Path, results: Path) -> None:
    """The same for all sources of a fold that are not kept.

    A source without groups is no error: all are then unknown, and the record says why
    (:func:`fairser.groups.base.find_groups`). It is tried again when the job runs again.

    Args:
        jobs: of one fold.
        kept: folder of what is finished.
        results: the results folder.
    """
    table, models = ClipTable.read(jobs[0].given["split"]), dict[Any, Any]()
    with Progress(len(jobs), "group sources") as progress:
        for job in jobs:
            place = "groups/{source}/k{k}/fold{fold}".format(**job.cell)
            depends = fingerprint(listed(job.given), [job.settings, job.code])
            own = Kept(kept / place, FILES, depends)
            if not own.is_there():
                own.begin()
                fold = job.fold(table, models)
                _write(job, fold, find_groups, [own.folder / name for name in FILES])
                if not fold.faults:
                    own.done()
            own.place([results / f"{place}.parquet", results / f"{place}.json"])
            progress.add(1)


def _write(
    job: GroupJob,
    fold: Fold,
    find: Callable[[str, Fold], pl.DataFrame],
    paths: Sequence[str | Path],
) -> None:
    groups = find(job.cell["source"], fold)
    with complete(paths[0]) as path:
        groups.write_parquet(path)
    origin = read_json(job.given["source"]) if "source" in job.given else None
    record = {"source": job.cell["source"], "k": fold.k, "fold": fold.number, "origin": origin}
    record |= {"notes": fold.notes, "faults": fold.faults}
    write_json(paths[1], {**record, "quality": quality(groups, fold.table)})
