"""Audio files as they are: header, samples, and what keeps one from being used."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from fairser.core.errors import InputError
from fairser.core.files import is_lfs_pointer, leads_out
from fairser.corpora.names import ALIASES

SHORTEST = 0.025  # seconds; one frame of the encoders
STREAMED = (0, 0xFFFFFFFF)  # sizes that programs write which do not know the length yet


@dataclass(frozen=True)
class Header:
    """What an audio file says of itself: ``seconds``, ``rate`` in Hz, ``channels``, ``form``."""

    seconds: float
    rate: int
    channels: int
    form: str


def locate(folder: str | Path, file: str) -> Path:
    """Path of an audio file of the corpus, whichever of its names the copy at hand uses.

    Raises:
        InputError: the file leads out of the folder.
    """
    if leads_out(file):
        raise InputError(f"{file}: lies outside the audio folder {folder}; give a path inside it.")
    path = Path(folder) / file
    if not path.exists():
        for other, name in ALIASES.items():
            alias = path.with_name(other + path.suffix)
            if path.stem == name and alias.exists():
                return alias
    return path


def read_header(path: str | Path) -> Header:
    """The header of an audio file; nothing is decoded.

    Raises:
        InputError: as :func:`read_samples` does, as far as the header tells.
    """
    with _opened(path) as file:
        header = Header(
            file.frames / file.samplerate,
            file.samplerate,
            file.channels,
            f"{file.format} {file.subtype}".lower(),
        )
    _check_length(path, header.seconds)
    return header


def read_samples(path: str | Path, seconds: float | None = None) -> tuple[np.ndarray, int]:
    """The samples of an audio file, float32 [sample, channel], and their rate in Hz.

    Args:
        path: any format that libsndfile reads.
        seconds: read only so much of the start.

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
        raise InputError(f"{path}: holds samples that are no finite numbers; convert it again.")
    _check_length(path, len(samples) / rate)
    return samples, rate


@contextmanager
def _opened(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """An audio file, open for reading; what keeps it from being read is an InputError."""
    path = Path(path)
    try:
        _check_file(path)
        with soundfile.SoundFile(_with_size(path)) as file:
            yield file
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: not readable as audio ({error.error_string.strip()}); fetch or convert it "
            "again."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}); mend its permissions."
        ) from error


def _check_length(path: str | Path, seconds: float) -> None:
    if seconds < SHORTEST:
        raise InputError(
            f"{path}: holds {seconds:.4f} s of audio; at least {SHORTEST} s are needed. Remove the "
            "clip or fetch it again."
        )


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: no such audio file; mend 'corpus.audio' or fetch the file.")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes); fetch it again.")
    if is_lfs_pointer(path):
        raise InputError(
            f"{path}: a Git LFS pointer of {size} bytes in place of audio. Run `git lfs pull` in "
            "its repository, or `snakemake download_cremad` for CREMA-D."
        )
    missing = _missing_wav_bytes(path, size)
    if missing > 0:
        raise InputError(
            f"{path}: truncated, the last {missing} bytes of its samples are missing; fetch it "
            "again."
        )


def _with_size(path: Path) -> bytes | BytesIO:
    """A file for soundfile: its name, in bytes since names may be in any encoding.

    But a wav whose header gives its samples 0 bytes, as written to a pipe, with an open size.

    libsndfile reads one of 0xFFFFFFFF to the end of the file, but one of 0 as empty.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    data = start.find(b"data", 12)
    if start[:8] != b"RIFF" + bytes(4) or data < 0 or start[data + 4 : data + 8] != bytes(4):
        return os.fsencode(path)
    content = path.read_bytes()
    return BytesIO(content[: data + 4] + b"\xff" * 4 + content[data + 8 :])


def _missing_wav_bytes(path: Path, size: int) -> int:
    """Bytes by which the data of a wav end before its header says; libsndfile does not tell."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        position = 12
        while position + 8 <= size:
            file.seek(position)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"data":
                return 0 if length in STREAMED else position + 8 + length - size
            position += 8 + length + length % 2  # chunks are padded to even sizes
    return 0
