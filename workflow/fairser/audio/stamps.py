"""Size and modification time of audio files, by which one that has changed is noticed.

The Snakefile uses this module, so it imports nothing heavy.
"""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fairser.core.files import sha256_text
from fairser.corpora.names import ALIASES

Stamp = tuple[int, int]  # bytes, and nanoseconds since 1970
GONE = (-1, -1)  # of a file that is not there
AT_ONCE = 16  # threads: each question to a network folder takes a millisecond
PART = 2000  # files: fewer are not worth a thread


def stamps(folder: str | Path, files: Sequence[str]) -> list[Stamp]:
    """The stamp of each file, given relative to the corpus' audio folder."""
    parts = [files[start : start + PART] for start in range(0, len(files), PART)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda part: [_stamp(Path(folder, file)) for file in part], parts)
        return [stamp for part in found for stamp in part]


def changed(folder: str | Path, files: Sequence[str], before: Iterable[Stamp]) -> list[str]:
    """Files that are no longer as they were; one that is gone may have been put away."""
    now = zip(files, before, stamps(folder, files), strict=True)
    return [file for file, old, new in now if new not in (old, GONE)]


def digest(folder: str | Path, files: Sequence[str]) -> str:
    """SHA-256 of files and their stamps, in the order of the files' names."""
    names = sorted(files)
    return sha256_text(json.dumps([names, stamps(folder, names)]))


def _stamp(path: Path) -> Stamp:
    others = [path.with_name(other + path.suffix) for other, n in ALIASES.items() if n == path.stem]
    for place in (path, *others):
        try:
            found = place.stat()
        except OSError:
            continue
        return found.st_size, found.st_mtime_ns
    return GONE
