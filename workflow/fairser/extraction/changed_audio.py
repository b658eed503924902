"""Audio that has changed since features or runs were made of it.

Snakemake looks at files that rules name, and the clips of a corpus are not among them: there may be
millions. The Snakefile uses this module, so it imports nothing heavy.
"""

import csv
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

from fairser.audio.stamps import Stamp, changed, digest
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.core.words import counted

AUDIO = "audio"  # key of a run's record: the digest of the files that it was trained on
MEANING = "The results are still of the old audio. To make them of the new one:"


def of_stores(folders: Iterable[Path], audio: str | None) -> str | None:
    """What to say of feature stores with changed audio; None if there is none."""
    if audio is None:
        return None
    before: dict[tuple[str, Stamp], None] = {}
    for folder in folders:
        for row in chain.from_iterable(map(_rows, (folder / "clips.csv", folder / "faults.csv"))):
            if row.get("file") and (row.get("size") or "").lstrip("-").isdigit():
                before[row["file"], (int(row["size"]), int(row["modified"]))] = None
    files = changed(audio, [file for file, _ in before], [stamp for _, stamp in before])
    if not files:
        return None
    some = f"{counted(len(files), 'audio file')} ({files[0]}{', ...' if len(files) > 1 else ''})"
    return f"{some} changed after features were made. {MEANING}"


def of_runs(records: Iterable[Path], clips: Path, audio: str | None) -> str | None:
    """What to say of runs that were trained on audio which has changed; None if there is none.

    ``records`` are their ``run.json``, ``clips`` is the list or the table of the corpus' clips.
    """
    before = []
    for path in records:
        with suppress(OSError, InputError):
            before += [read_json(path).get(AUDIO)]
    if audio is None or not any(before) or not clips.is_file():
        return None
    from fairser.core.table_files import read_made

    now = digest(audio, read_made(clips, ["file"])["file"].to_list())
    old = sum(1 for known in before if known and known != now)
    return f"Audio changed after {counted(old, 'run')} used it. {MEANING}" if old else None


def _rows(path: Path) -> Iterable[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
