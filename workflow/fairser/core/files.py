"""Files that appear under their name only when they are complete."""

import codecs
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairser.core.errors import InputError, damaged

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@contextmanager
def complete(path: str | Path) -> Iterator[Path]:
    """A temporary path beside ``path``, renamed to it when the block ends without an error.

    Its name is drawn anew each time: processes on two nodes can have the same number. The file gets
    the permissions of any new file, though a library may have made it for its owner alone.

    Raises:
        InputError: ``path`` is something else than a file, which would be replaced.
    """
    target = Path(path)
    check_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def check_target(path: str | Path) -> None:
    """Refuse to write to anything but a regular file or a new name.

    Raises:
        InputError: says what is there.
    """
    mode = _mode(Path(path))
    if mode is not None and not stat.S_ISREG(mode):
        raise InputError(
            f"{path}: {kind_of(mode)}, not a file; writing would replace it. Name a new file."
        )
    _check_way(Path(path), Path(path).parent)


def check_target_folder(path: str | Path) -> None:
    """Refuse a folder for results that is something else or can't be made or written to.

    Nothing is made, so that a long computation is not the first step.

    Raises:
        InputError: says what is in the way.
    """
    if Path(path).name in ("", ".."):  # the folder of the work, which writing would replace
        raise InputError(f"{path}: name a folder of its own.")
    _check_way(Path(path), Path(path))


def _check_way(path: Path, folder: Path) -> None:
    """Refuse to write to ``path`` if ``folder`` is none and can't be made, or not be written to."""
    parts = (folder, *folder.absolute().parents)
    there, mode = next((part, mode) for part in parts if (mode := _mode(part)) is not None)
    if not there.is_dir():
        kind = "a file" if stat.S_ISREG(mode) else kind_of(mode)
        more = f" to {there.readlink()}" if there.is_symlink() else ""
        raise InputError(f"{path}: {there} is {kind}{more}, not a folder. Name another place.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"{path}: {there} can't be written to. Name another place, or have its permissions "
            "changed."
        )


def _mode(path: Path) -> int | None:
    """The mode of what has this name, a link too; None if nothing has."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):  # others, such as a long name, are told
        return None


def kind_of(mode: int) -> str:
    """What something that is no regular file is, by its mode."""
    return KINDS.get(stat.S_IFMT(mode), "a device")


def _umask() -> int:
    """The umask of this process, which the system tells only by setting another one."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def leads_out(file: str) -> bool:
    """Whether a relative path leads out of the folder that it is relative to."""
    return Path(file).is_absolute() or Path(os.path.normpath(file)).parts[:1] == ("..",)


def write_text(path: str | Path, text: str) -> None:
    with complete(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any) -> None:
    """JSON with two-space indentation; NaN and infinity are refused (missing values are null)."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The content of a JSON file of this workflow, an object; InputError if it is damaged."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # UnicodeDecodeError too
        raise damaged(path, f"not readable as JSON: {error}") from error
    if not isinstance(content, dict):
        raise damaged(path, "no JSON object")
    return content


def read_utf8(path: str | Path, row: str, advice: str) -> str:
    """The text of a user's file in UTF-8.

    Args:
        path: of the file.
        row: what a message calls a line, such as ``row``.
        advice: the sentence that says how to save the file.

    Raises:
        InputError: it is in another encoding; names the row.
    """
    content = Path(path).read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise InputError(f"{path}: text in UTF-16. {advice}")
    place, reason = content.find(0), "a byte 0, as UTF-16 has"
    if place < 0:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            place, reason = error.start, f"the byte 0x{content[error.start]:02x} is not UTF-8"
    number = content.count(b"\n", 0, place) + 1
    raise InputError(f"{path}, {row} {number}: {reason}. {advice}")


def is_lfs_pointer(path: str | Path) -> bool:
    """Whether a file is the text of about 130 bytes that Git leaves in place of a Git LFS file."""
    with Path(path).open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_id(path: str | Path) -> str:
    """The SHA-1 by which Git knows a file's content, in hexadecimal."""
    content = Path(path).read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
