"""A data set of the Hugging Face hub, parquet files with an audio column, as audio files and a csv.

The audio of a row is a struct of ``bytes`` and ``path``; other columns hold the label, the speaker
and whatever else the data set has. Classes are numbers, whose names are in the metadata of the
parquet file or in the front matter of ``README.md``.

Rows are read in parts, so that memory hardly grows with the data set. What is known of a parquet
file that is done is kept, so that an interrupted unpacking goes on with the next one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete, is_lfs_pointer
from fairser.core.jobs import Progress
from fairser.core.table_files import plain, read_made, read_metadata, read_parts
from fairser.core.words import joined
from fairser.corpora.dataset_cards import Classes, class_names, licence_of, read_card
from fairser.corpora.names import AUDIO_SUFFIXES, is_drawn

FIELDS = {"bytes", "path"}  # of an audio column
OWN = ("file", "split", "bytes", "sha256")  # columns that are added
DEVELOPMENT = ("validation", "valid", "val", "dev", "development")
TEST = ("test", "testing", "eval", "evaluation")
SPLITS = dict.fromkeys(DEVELOPMENT, "development") | dict.fromkeys(TEST, "test")
SPLITS |= {"train": "train", "training": "train"}
MAGIC = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg", b"ID3": ".mp3"}
MAGIC |= dict.fromkeys((b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"), ".mp3")
LONGEST = 200  # bytes of a name
MADE_OF, LEFT_OUT = "made_of", "left_out"  # metadata of what is kept


@dataclass(frozen=True)
class Unpacked:
    """What :func:`unpack` has made.

    Attributes:
        clips: the csv with a row per clip.
        audio: folder of the audio files, to which the csv's ``file`` is relative.
        columns: of the csv; :data:`OWN` are its own.
        left_out: columns of the data set that hold neither text nor numbers.
        splits: of the parquet files. The csv has them if they are train, development and test.
        licence: by the front matter of ``README.md``, or None.
    """

    clips: Path
    audio: Path
    columns: tuple[str, ...]
    left_out: tuple[str, ...]
    splits: tuple[str, ...]
    licence: str | None


@dataclass(frozen=True)
class _Source:
    """A parquet file of a data set.

    Attributes:
        path: of the file.
        place: in the data set, without the ending: the folder of its audio.
        column: that the user names as that of the audio.
        names: of its classes.
    """

    path: Path
    place: Path
    column: str | None
    names: Classes

    @property
    def state(self) -> str:
        """What its audio and its rows are made from: they are made again if this has changed."""
        status = self.path.stat()
        return json.dumps([status.st_size, status.st_mtime_ns, self.column, dict(self.names)])


def unpack(folder: Path, out: Path, column: str | None = None) -> Unpacked:
    """Write the audio files of a data set and a csv with its other columns.

    Args:
        folder: of the parquet files, at any depth.
        out: folder to write to: ``clips.csv``, ``audio``, and ``parts`` with what is done.
        column: that holds the audio, if several do.

    Raises:
        InputError: there is no such data set, its files differ in their columns, or a row has no
            audio.
    """
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{out}: a folder in the data set itself. Name one outside of {folder}.")
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise InputError(
            f"{folder}: no parquet file in it. Name the folder of a data set as the hub has it; "
            "`Dataset.to_parquet` of the package datasets writes one that `save_to_disk` wrote."
        )
    card = read_card(folder)
    frames: dict[Path, pl.DataFrame] = {}
    left_out: dict[str, None] = {}
    with Progress(len(files), "files") as progress:
        for file in files:
            if is_lfs_pointer(file):
                raise InputError(
                    f"{file}: a Git LFS pointer in place of data. Run `git lfs pull` in its folder."
                )
            place = file.relative_to(folder).with_suffix("")
            source = _Source(file, place, column, class_names(file, card, folder.name))
            record = out / "parts" / f"{place}.parquet"
            if not _is_done(record, source.state, out / "audio"):
                _unpack(source, record, out / "audio")
            frames[file] = read_made(record)
            left_out |= dict.fromkeys(json.loads(read_metadata(record)[LEFT_OUT]))
            progress.add(1)
    table = _joined(frames)
    splits = table["split"].unique().sort().to_list()
    if {*splits} != {*SPLITS.values()}:
        table = table.drop("split")
    clips = out / "clips.csv"
    with complete(clips) as temporary:
        table.write_csv(temporary)
    found = tuple(split for split in splits if split)
    return Unpacked(
        clips, out / "audio", tuple(table.columns), tuple(left_out), found, licence_of(card)
    )


def _joined(frames: Mapping[Path, pl.DataFrame]) -> pl.DataFrame:
    """The rows of all files, which have the same columns; files without rows are left out."""
    filled = {file: frame for file, frame in frames.items() if frame.height}
    if not filled:
        raise InputError(f"{next(iter(frames))}: the data set has no rows.")
    first = next(iter(filled))
    for file, frame in filled.items():
        if differing := {*frame.columns} ^ {*filled[first].columns}:
            raise InputError(
                f"{file}: its columns differ from those of {first}: {joined(sorted(differing))}. "
                "The folder holds several data sets; name the folder of one of them."
            )
    return pl.concat([frame.select(filled[first].columns) for frame in filled.values()])


def _unpack(source: _Source, record: Path, audio: Path) -> None:
    """Write the audio of a parquet file, and then its other columns, as text, as its record."""
    state = source.state
    parts: list[pl.DataFrame] = []
    taken: set[str] = set()
    left_out: list[str] = []
    row = 1
    for part in read_parts(source.path):
        sounds = _audio_column(source, part)
        kept = part.select(plain(part))
        left_out = [name for name in part.columns if name not in (sounds, *kept.columns)]
        written = []
        for sound in part[sounds]:
            written.append(_write(source, row, sound or {}, taken, audio))
            row += 1
        parts.append(pl.concat([_texts(source, kept), pl.DataFrame(written)], how="horizontal"))
    frame = pl.DataFrame()
    if parts:
        split = next((SPLITS[word] for word in _words(source.place) if word in SPLITS), "")
        frame = pl.concat(parts).with_columns(pl.lit(split).alias("split"))
        others = [name for name in frame.columns if name not in OWN]
        frame = frame.select("file", *others, *OWN[1:])
    with complete(record) as temporary:
        frame.write_parquet(temporary, metadata={MADE_OF: state, LEFT_OUT: json.dumps(left_out)})


def _write(
    source: _Source, row: int, sound: Mapping[str, Any], taken: set[str], audio: Path
) -> dict[str, str]:
    """Write the audio of a row; returns its columns of :data:`OWN`.

    Args:
        source: its parquet file.
        row: its number, from 1.
        sound: its ``bytes`` and ``path``.
        taken: names in the folder of the file, to which its own is added.
        audio: folder of the audio of the data set.
    """
    content = sound.get("bytes")
    if not content:
        raise InputError(
            f"{source.path}, row {row}: no audio, or its path alone. Embed the audio into the data "
            "set, or write a manifest of the files (corpus.kind: manifest)."
        )
    name = _file_name(sound.get("path") or "", content)
    if not name or name in taken:
        name = f"row{row:06}{_suffix(content)}"
    while name in taken:
        name = f"_{name}"
    taken.add(name)
    with complete(audio / source.place / name) as temporary:
        temporary.write_bytes(content)
    return {
        "file": (source.place / name).as_posix(),
        "bytes": str(len(content)),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _file_name(path: str, content: bytes) -> str:
    """The name in a path of a data set, which may be of another machine; empty if it is no use."""
    name = PurePosixPath(path.replace("\\", "/")).name
    if name and PurePosixPath(name).suffix.lower() not in AUDIO_SUFFIXES:
        name += _suffix(content)
    usable = is_drawn(name) and len(name.encode()) <= LONGEST and not name.startswith(".")
    return name if usable else ""


def _suffix(content: bytes) -> str:
    """The ending of an audio file by its first bytes."""
    return next((ending for magic, ending in MAGIC.items() if content.startswith(magic)), ".wav")


def _is_done(record: Path, state: str, audio: Path) -> bool:
    """Whether a parquet file is unpacked, and its audio still there in full."""
    if not record.is_file() or read_metadata(record).get(MADE_OF) != state:
        return False
    rows = read_made(record)
    sizes = zip(rows["file"], rows["bytes"], strict=True) if rows.height else ()
    paths = ((audio / file, int(size)) for file, size in sizes)
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _audio_column(source: _Source, part: pl.DataFrame) -> str:
    """The column that holds the audio."""
    wanted = source.column
    found = [
        name
        for name, kind in part.schema.items()
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} >= FIELDS
    ]
    if wanted in found or (wanted is None and len(found) == 1):
        return wanted or found[0]
    said = f"has {joined(found)}" if found else "has none"
    raise InputError(
        f"{source.path}: one column of audio is needed, a struct of bytes and path; it {said}. "
        + ("Name one by --audio." if found else f"Its columns are: {joined(part.columns)}.")
    )


def _texts(source: _Source, part: pl.DataFrame) -> pl.DataFrame:
    """Columns as text, classes by their names; empty where there is no value."""
    columns = []
    for name in part.columns:
        text = pl.col(name).cast(pl.String)
        labels = source.names.get(name)
        if labels and part.schema[name].is_integer():
            unknown = part.filter((pl.col(name) >= len(labels)) | (pl.col(name) < -1))
            if unknown.height:
                raise InputError(
                    f"{source.path}: '{name}' holds {unknown[name][0]}, but there are "
                    f"{len(labels)} classes ({joined(labels)}). Fetch the data set again."
                )
            known = {str(number): label for number, label in enumerate(labels)}
            text = text.replace(known | {"-1": ""})  # which stands for a hidden label
        own = f"{name} of the data set" if name in OWN else name
        columns.append(text.fill_null("").alias(own))
    return part.select(columns)


def _words(place: Path) -> list[str]:
    """Words of a parquet file's place that may name its split, such as ``train-00000-of-00002``."""
    return [word for part in reversed(place.parts) for word in re.split(r"[-_.]", part.lower())]
