"""The error for bad input, and parts of its messages."""

import errno
import os
import re
import shlex
from pathlib import Path

# What to do about errors of the system that are the user's to fix, not faults of the program.
SYSTEM = {
    errno.ENOSPC: "Free some space there; the same command continues.",
    errno.EDQUOT: "Free some space there; the same command continues.",
    errno.EACCES: "Have its permissions changed, or name another place.",
    errno.EPERM: "Have its permissions changed, or name another place.",
    errno.EROFS: "Name a place that can be written to.",
    errno.ENOTDIR: "A part of this path is a file; name another place.",
    errno.EISDIR: "It is a folder; name a file.",
    errno.EEXIST: "It exists already; name another place.",
    errno.ELOOP: "Its links lead in a circle; name another place.",
    errno.ENAMETOOLONG: "Give it a shorter name.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.EIO: "The disk or the network failed; the same command continues.",
    errno.ESTALE: "The network folder was away; the same command continues.",
}


class InputError(Exception):
    """Bad input: the message names the file, the row and the value, and says what to do.

    Jobs and commands print it without a traceback. Every other exception is a bug.

    Args:
        *faults: one or several messages.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return f"{len(self.faults)} faults:" + "".join(f"\n  {fault}" for fault in self.faults)


def damaged(path: str | Path, reason: object) -> InputError:
    """The error about a file of this workflow that is not as it was written."""
    return InputError(
        f"{path}: damaged ({reason}). Make it anew, with the same --configfile if there was one: "
        f"snakemake --force {shlex.quote(str(path))}"
    )


def system_error(error: BaseException) -> InputError | None:
    """The message of an error of the system that the user can fix, such as a full disk.

    Libraries wrap such errors, or only put them into their own words; None for all others.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in SYSTEM:
            place = f"{seen.filename}: " if seen.filename else ""
            return InputError(f"{place}{os.strerror(seen.errno)}. {SYSTEM[seen.errno]}")
        found = re.search(r"\(os error (\d+)\)", str(seen))  # of polars and safetensors
        if found and int(found[1]) in SYSTEM:
            number = int(found[1])
            return InputError(f"{os.strerror(number)}. {SYSTEM[number]}")
        seen = seen.__cause__
    return None


def nearest(name: str, known: list[str]) -> str:
    """``" Did you mean 'x'?"`` for the known name closest to ``name``, or an empty string."""
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{found[0]}'?" if found else ""


def is_there(path: str | Path) -> bool:
    """Whether a path exists; False too where the system refuses to look, as for a long name."""
    try:
        return Path(path).exists()
    except OSError:
        return False


def not_there(key: str, path: str) -> str:
    """A message about a key of the configuration whose file or folder does not exist."""
    place = Path(path)
    where = "" if place.is_absolute() else f" (relative to {Path.cwd()})"
    listed = is_there(place.parent) and place.parent.is_dir()
    beside = [p.name for p in place.parent.iterdir()] if listed else []
    return f"'{key}' is '{path}', which does not exist{where}.{nearest(place.name, beside)}"
