"""Header and samples of audio files, and messages about files that can't be used."""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from fairser.core.errors import InputError
from fairser.core.files import is_lfs_pointer, kind_of, leads_out
from fairser.corpora.names import ALIASES

SHORTEST = 0.025  # seconds; one frame of the encoders
RATES = range(500, 2_000_001)  # Hz; a header with another one is damaged
STREAMED = (0, 0xFFFFFFFF)  # sizes written by programs that do not know the length yet


def locate(folder: str | Path, file: str, follow_links: bool = False) -> Path:
    """Path of an audio file of the corpus, under the name that this copy of the corpus uses.

    Raises:
        InputError: it lies outside the folder; or a link in the folder leads out of it, unless
            ``follow_links``. The folder itself may be a link.
    """
    if leads_out(file):
        raise InputError(f"{file}: lies outside the audio folder {folder}; give a path inside it.")
    path = Path(folder) / file
    try:
        there = path.exists()
    except OSError as error:  # such as a name that is too long
        raise InputError(f"{path}: {error.strerror}; correct its path.") from error
    for other, name in ALIASES.items() if not there else ():
        alias = path.with_name(other + path.suffix)
        if path.stem == name and alias.exists():
            path = alias
    if not follow_links:
        inside = _is_inside(str(path.parent), str(folder))
        if not inside or (path.is_symlink() and not _is_inside(str(path), str(folder))):
            raise InputError(
                f"{path}: a link leads out of the audio folder, to {os.path.realpath(path)}. Put "
                "the file into the folder, or set 'corpus.follow_links' to true."
            )
    return path


@lru_cache(maxsize=4096)  # a folder holds many files, and a network's disk is slow
def _is_inside(path: str, folder: str) -> bool:
    """Whether a path lies in a folder where its links lead."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def read_header(path: str | Path) -> dict[str, Any]:
    """``seconds``, ``rate`` (Hz), ``channels`` and ``form`` (such as ``wav pcm_16``) of a file."""
    with _opened(path) as file:
        seconds, form = file.frames / file.samplerate, f"{file.format} {file.subtype}".lower()
        header = {"rate": file.samplerate, "channels": file.channels, "form": form}
    _check_length(path, seconds)
    return {"seconds": seconds, **header}


def read_samples(path: str | Path, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """The first seconds of an audio file, float32 [sample, channel], and their rate in Hz.

    Raises:
        InputError: missing, empty, truncated, unreadable or too short; a Git LFS pointer; samples
            that are not finite.
    """
    with _opened(path) as file:
        rate, frames = file.samplerate, file.frames
        wanted = frames if seconds is None else min(frames, round(seconds * rate))
        samples = file.read(wanted, dtype="float32", always_2d=True)
    if len(samples) < wanted:
        raise InputError(
            f"{path}: truncated, {len(samples)} of {wanted} samples are there; fetch it again."
        )
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: holds samples that are not finite numbers; convert it again.")
    _check_length(path, len(samples) / rate)
    return samples, rate


@contextmanager
def _opened(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """An audio file, open for reading; an InputError says why it can't be read."""
    try:
        with soundfile.SoundFile(_checked(Path(path))) as file:
            if file.samplerate not in RATES:
                raise InputError(
                    f"{path}: sampled at {file.samplerate:,} Hz by its header; speech is between "
                    f"{RATES[0]:,} and {RATES[-1]:,} Hz. Fetch or convert it again."
                )
            yield file
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: not readable as audio ({error.error_string.strip()}); fetch or convert it "
            "again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}); fix its permissions."
        ) from error


def _check_length(path: str | Path, seconds: float) -> None:
    if seconds < SHORTEST:
        raise InputError(
            f"{path}: holds {seconds:.4f} s of audio; at least {SHORTEST} s are needed. Remove the "
            "clip or fetch it again."
        )


def _checked(path: Path) -> bytes | BytesIO:
    """A file for soundfile: its name, in bytes since names may be in any encoding.

    A wav written to a pipe may state a size of 0, which libsndfile takes for empty; it is returned
    as its content, with the size that libsndfile reads to the end of the file.
    """
    if not path.exists():
        raise InputError(f"{path}: no such audio file; correct its path or fetch it.")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise InputError(
            f"{path}: {kind_of(status.st_mode)}, not an audio file; correct its path or remove it."
        )
    size = status.st_size
    if size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); fetch it again.")
    if is_lfs_pointer(path):
        raise InputError(
            f"{path}: a Git LFS pointer of {size} bytes in place of audio. Run `git lfs pull` in "
            "its repository."
        )
    start, length = _wav_samples(path, size)
    if length not in STREAMED and start + length > size:
        raise InputError(
            f"{path}: truncated, the last {start + length - size} bytes of its samples are "
            "missing; fetch it again."
        )
    if start and length == 0:
        content = path.read_bytes()
        if content[4:8] == bytes(4):
            return BytesIO(content[: start - 4] + b"\xff" * 4 + content[start:])
    return os.fsencode(path)


def _wav_samples(path: Path, size: int) -> tuple[int, int]:
    """Where the samples of a wav start, and their size in bytes by its header; 0, 0 for others."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return 0, 0
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                return position + 8, length
            position += 8 + length + length % 2  # chunks are padded to even sizes
    return 0, 0
