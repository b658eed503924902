"""The audio of a corpus: headers of all files, or every sample of them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fairser.audio.soundfiles import locate, read_header, read_samples
from fairser.check.report import Report
from fairser.core.errors import InputError
from fairser.core.jobs import Progress
from fairser.core.words import counted, joined, shortened

READERS = 8  # threads; they mostly wait for the file system
SHOWN, EXAMPLES = 10, 3  # faulty files in a message; other files in a message
MODEL_RATE = 16_000  # Hz, of the input of encoders
SHORT = 0.3  # seconds; hardly a syllable
SILENT = 0.001  # largest sample; -60 dB
FULL_SCALE = 0.999
CLIPPED = 0.001  # share of samples at full scale
MANY = 0.05  # share of clips

SCHEMA = (
    dict.fromkeys(("file", "fault", "form", "digest"), pl.String)
    | dict.fromkeys(("rate", "channels"), pl.Int64)
    | dict.fromkeys(("seconds", "peak", "clipped"), pl.Float64)
)


def scan(
    folder: str | Path, files: Sequence[str], decode: bool = False, follow_links: bool = False
) -> pl.DataFrame:
    """A row per file with the columns of :data:`SCHEMA`; ``fault`` says why it can't be used.

    With ``decode`` every sample is read; ``peak``, ``clipped`` (share of samples at full scale)
    and ``digest`` (of the samples) are null otherwise.
    """
    look = partial(_look, Path(folder), decode, follow_links)
    with ThreadPoolExecutor(READERS) as pool, Progress(len(files), "files") as shown:
        rows = []
        for row in pool.map(look, files):
            rows.append(row)
            shown.add(1)
    return pl.DataFrame(rows, SCHEMA)


def _look(folder: Path, decode: bool, follow_links: bool, file: str) -> dict[str, Any]:
    row: dict[str, Any] = {"file": file}
    try:
        path = locate(folder, file, follow_links)
        row |= read_header(path)
        if decode:
            samples, _ = read_samples(path)
            loud = np.abs(samples)
            row |= {"peak": float(loud.max()), "clipped": float((loud >= FULL_SCALE).mean())}
            row |= {"digest": hashlib.sha256(samples.tobytes()).hexdigest()}
    except InputError as error:
        row |= {"fault": str(error)}
    return row


def describe(sounds: pl.DataFrame, folder: str, seconds: float, key: str, report: Report) -> None:
    """Add to a report what a :func:`scan` of a folder found.

    ``seconds`` of each clip are used, which ``key`` of the configuration sets.
    """
    good, bad = sounds.filter(pl.col("fault").is_null()), sounds.drop_nulls("fault")
    if bad.height:
        lines = "".join(f"\n    {line}" for line in shortened(bad["fault"], SHOWN))
        hint = _other_spelling(Path(folder), bad["file"].to_list())
        report.faults.add(
            f"{bad.height:,} of {counted(sounds.height, 'audio file')} can't be used.{hint}{lines}"
        )
    if good.is_empty():
        report.add("audio", f"none that can be used in {folder}")
        return
    length = good["seconds"]
    lowest, median, highest = (length.quantile(q) for q in (0.0, 0.5, 1.0))
    longer = good.filter(length > seconds).height
    used = f"every clip is used whole ('{key}' is {seconds:g})"
    if longer:
        used = f"{counted(longer, 'clip')} longer than the {seconds:g} s that are used ('{key}')"
    duration = _duration(float(length.sum()))
    report.add("audio", f"{duration} in {counted(good.height, 'file')}: {folder}")
    report.add("length", f"{lowest:.1f} to {highest:.1f} s, median {median:.1f} s", used)
    report.add("format", _forms(good))
    _warn_clips(good, seconds, key, report)
    _warn_doubled(good, report)


def _warn_clips(good: pl.DataFrame, seconds: float, key: str, report: Report) -> None:
    """Warn of clips that are cut, short, of a low rate, silent or clipped."""
    long = f"longer than {seconds:g} s, of which only the start is used; raise '{key}' to use more."
    low = f"sampled below the {MODEL_RATE // 1000} kHz of the models."
    loud = f"clipped: more than {CLIPPED:.1%} of their samples are at full scale."
    for which, share, text in (
        (pl.col("seconds") > seconds, MANY, long),
        (pl.col("seconds") < SHORT, 0, f"shorter than {SHORT} s. Is there speech in them?"),
        (pl.col("rate") < MODEL_RATE, 0, low),
        (pl.col("peak") < SILENT, 0, "silent."),
        (pl.col("clipped") > CLIPPED, 0, loud),
    ):
        files = good.filter(which)["file"].to_list()
        if len(files) > share * good.height:
            number = f"{len(files):,} of {counted(good.height, 'clip')}"
            report.warn(f"{number} ({joined(shortened(files, EXAMPLES))}) are {text}")


def _warn_doubled(good: pl.DataFrame, report: Report) -> None:
    """Warn of recordings that are there under several names."""
    doubled = good.drop_nulls("digest").group_by("digest").agg(pl.col("file").sort())
    doubled = doubled.filter(pl.col("file").list.len() > 1).sort(pl.col("file").list.first())
    if doubled.height:
        names = shortened([" = ".join(files) for files in doubled["file"]], EXAMPLES)
        report.warn(
            f"{counted(doubled.height, 'recording')} under several names: {joined(names)}. In two "
            "splits they would make a test easier than it is."
        )


def _other_spelling(folder: Path, files: Sequence[str]) -> str:
    """A hint at a missing file that exists in other letters or with another ending."""
    for path in [folder / file for file in files[:SHOWN]]:
        for other in path.parent.glob("*"):
            if other.stem.casefold() == path.stem.casefold() and not path.exists():
                return f" Should '{path.name}' be '{other.name}'?"
    return ""


def _forms(good: pl.DataFrame) -> str:
    """Such as ``535 files of flac pcm_16, 16 kHz, mono``, the most frequent first."""
    forms = Counter(good.select("form", "rate", "channels").iter_rows())
    texts = []
    for (form, rate, channels), number in forms.most_common(4):
        sides = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
        texts.append(f"{number:,} x {form}, {rate / 1000:g} kHz, {sides}")
    return "; ".join(texts) + ("; and others" if len(forms) > len(texts) else "")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.1f} hours"
