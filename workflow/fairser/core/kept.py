"""Finished pieces of a job, kept in a folder that Snakemake does not know.

Snakemake removes all files of a job that fails, and before the job runs again. So a job that makes
many things keeps each under a second name, with a note of all that it depends on. An interruption,
a fault or one more thing to make then costs only what is missing.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fairser.core.checksums import check_files, read_record, write_record
from fairser.core.errors import InputError
from fairser.core.files import complete, sha256_text
from fairser.core.jobs import logger

NOTE = "kept.json"


def listed(given: Mapping[str, Any]) -> list[str]:
    """All input files of a job; a name may stand for several, or for none."""
    lists = ([one] if isinstance(one, str) else one for one in given.values())
    return [file for files in lists for file in files]


def fingerprint(given: Iterable[str], settings: Any) -> str:
    """Hash of settings, as JSON can hold them, and of the size and time of input files."""
    files = [(file, Path(file).stat().st_size, Path(file).stat().st_mtime_ns) for file in given]
    return sha256_text(json.dumps([settings, files], sort_keys=True))


class Kept:
    """One thing that a job makes.

    Args:
        folder: of its files.
        names: of its files.
        depends: :func:`fingerprint` of all that they depend on.
    """

    def __init__(self, folder: Path, names: Sequence[str], depends: str) -> None:
        self.folder, self.names, self.depends = folder, names, depends

    def is_there(self) -> bool:
        """Whether its files are complete and nothing that they depend on has changed."""
        note = self.folder / NOTE
        if not note.is_file():
            return False
        try:
            record = read_record(note)
            if record["fingerprint"] != self.depends:
                return False
            check_files(note, record, self.names)
        except (InputError, OSError):
            logger.info("%s: not complete, made again", self.folder)
            return False
        return True

    def begin(self) -> None:
        """Take the note away before the files change."""
        (self.folder / NOTE).unlink(missing_ok=True)

    def done(self) -> None:
        """Note that the files are complete."""
        files = [self.folder / name for name in self.names]
        write_record(self.folder / NOTE, {"fingerprint": self.depends}, files)

    def place(self, targets: Iterable[str | Path]) -> None:
        """Give each file a second name, or a copy where the disk has no such names.

        They are as new as this job, else Snakemake would take them for out of date.
        """
        for name, target in zip(self.names, targets, strict=True):
            with complete(target) as temporary:
                try:
                    os.link(self.folder / name, temporary)
                except OSError:
                    shutil.copyfile(self.folder / name, temporary)
            os.utime(target)
