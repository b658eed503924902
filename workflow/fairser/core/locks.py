"""One run at a time in a folder that several working directories share.

Snakemake's own lock is one of the working directory. Runs of two clones or of two users in one
results folder, or in one folder of features, know of each other by a file in it.
"""

import fcntl
import json
import os
import pwd
import shlex
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from fairser.core.errors import InputError

NAME = ".lock"
NEAR = 2  # seconds within which two start times of a process are the same
PATIENCE = 2  # seconds in which another run finishes writing its record


@dataclass(frozen=True)
class Holder:
    """The run that holds a folder: ``born`` is when its process started, in seconds."""

    host: str
    process: int
    born: float
    user: str
    folder: str
    since: str

    def is_gone(self) -> bool:
        """Whether its process has ended; False for one that can't be seen, on another machine.

        A number of a process is used again, but not within seconds.
        """
        return self.host == socket.gethostname() and not (
            abs(_born(self.process) - self.born) < NEAR
        )

    def __str__(self) -> str:
        return (
            f"{self.user} on {self.host}, process {self.process}, in {self.folder}, since "
            f"{self.since}"
        )


def take(folder: str | Path, tell: Callable[[str], object]) -> None:
    """Hold a folder until :func:`release`; that of a run whose process is gone is taken over.

    Args:
        folder: that this process is going to write to.
        tell: called with one line if a lock was left behind.

    Raises:
        InputError: another run holds it, or may hold it; says what to look at.
    """
    path = Path(folder) / NAME
    while not _create(path):
        try:
            held = _read(path)
        except FileNotFoundError:
            continue  # it was given back meanwhile
        if _is_mine(held):
            return
        if not held.is_gone():
            raise _taken(path, held)
        if _remove(path, held):
            tell(f"{folder}: the run that held it is gone ({held}); this one goes on.")


def release(folder: str | Path) -> None:
    """Give a folder back, if this process holds it."""
    path = Path(folder) / NAME
    with suppress(OSError, InputError):
        if _is_mine(_read(path)):
            path.unlink()


def _create(path: Path) -> bool:
    """Make the lock of this process; False if there is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(_myself()), file, indent=2)
    except OSError as error:  # such as a full disk, which Python does not name
        path.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    return True


def _remove(path: Path, held: Holder) -> bool:
    """Remove the lock of a run that is gone; False if another run was faster."""
    with suppress(FileNotFoundError), path.open(encoding="utf-8") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()) and _read(path) == held:
            path.unlink()
            return True
    return False


def _taken(path: Path, held: Holder) -> InputError:
    """The error about a folder that another run holds."""
    check = f"ps -p {held.process}"
    if held.host != socket.gethostname():
        check = f"ssh {shlex.quote(held.host)} {check}"
    return InputError(
        f"{path.parent}: another run writes to this folder: {held}. Wait until it ends, or name "
        "another folder in the configuration. If it does not run any more (look with "
        f"`{check}`), remove its lock: rm {shlex.quote(str(path))}"
    )


def _read(path: Path) -> Holder:
    """The record of a lock; another run may be about to write it."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return Holder(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            if time.monotonic() > end:
                raise InputError(
                    f"{path}: the lock of a run that does not say which. If no other run writes "
                    f"to this folder, remove it: rm {shlex.quote(str(path))}"
                ) from error
            time.sleep(0.1)


def _myself() -> Holder:
    process = os.getpid()
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a number without a name, as in some containers
        user = str(os.getuid())
    return Holder(socket.gethostname(), process, _born(process), user, str(Path.cwd()), now)


def _is_mine(holder: Holder) -> bool:
    return holder.host == socket.gethostname() and holder.process == os.getpid()


def _born(process: int) -> float:
    """When a process started, in seconds since 1970; infinity if there is none, or only its end."""
    import psutil  # of Snakemake

    try:
        found = psutil.Process(process)
        return float("inf") if found.status() == psutil.STATUS_ZOMBIE else found.create_time()
    except psutil.NoSuchProcess:
        return float("inf")
