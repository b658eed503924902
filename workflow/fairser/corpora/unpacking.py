"""A data set of the Hugging Face hub, parquet files with an audio column, as audio files and a csv.

The audio of a row is a struct of ``bytes`` and ``path``; other columns hold the label, the speaker
and whatever else the data set has. Classes are numbers, whose names are in the metadata of the
parquet file or in the front matter of ``README.md``.

Rows are read in parts, so that memory does not grow with the data set. What is known of a parquet
file that is done is kept, so that an interrupted unpacking goes on with the next one.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.jobs import Progress
from fairser.core.table_files import plain, read_made, read_metadata, read_parts
from fairser.core.words import joined
from fairser.core.yaml_files import read_front_matter
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

Classes = Mapping[str, list[str]]  # names by column


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
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise InputError(
            f"{folder}: no parquet file in it. Name the folder of a data set as the hub has it; "
            "`Dataset.to_parquet` of the package datasets writes one that `save_to_disk` wrote."
        )
    about = next((read_front_matter(f) for f in _readmes(folder) if f.is_file()), {})
    frames: dict[Path, pl.DataFrame] = {}
    left_out: dict[str, None] = {}
    with Progress(len(files), "files") as progress:
        for file in files:
            place = file.relative_to(folder).with_suffix("")
            record = out / "parts" / f"{place}.parquet"
            made_of = _state(file, column)
            if not _is_done(record, made_of, out / "audio"):
                names = _class_names(file, about, folder.name)
                _unpack_file(file, place, out, column, names, made_of)
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
        clips, out / "audio", tuple(table.columns), tuple(left_out), found, _licence(about)
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


def _unpack_file(
    file: Path,
    place: Path,
    out: Path,
    column: str | None,
    names: Classes,
    made_of: str,
) -> None:
    """Write the audio of a parquet file, and then its other columns as text into ``parts``."""
    parts: list[pl.DataFrame] = []
    taken: set[str] = set()
    left_out: list[str] = []
    row = 1
    for part in read_parts(file):
        sounds = _audio_column(file, part, column)
        kept = plain(part)
        left_out = [n for n in part.columns if n not in (sounds, *part.select(kept).columns)]
        written = []
        for sound in part[sounds]:
            written.append(_write(sound, f"{file}, row {row}", place, row, taken, out / "audio"))
            row += 1
        texts = _texts(part.select(kept), names, file)
        parts.append(pl.concat([texts, pl.DataFrame(written)], how="horizontal"))
    split = next((SPLITS[word] for word in _words(place) if word in SPLITS), "")
    frame = pl.concat(parts).with_columns(pl.lit(split).alias("split")) if parts else pl.DataFrame()
    others = [name for name in frame.columns if name not in OWN]
    frame = frame.select(*(["file", *others, *OWN[1:]] if parts else []))
    with complete(out / "parts" / f"{place}.parquet") as temporary:
        frame.write_parquet(temporary, metadata={MADE_OF: made_of, LEFT_OUT: json.dumps(left_out)})


def _write(
    sound: Mapping[str, Any] | None,
    origin: str,
    place: Path,
    row: int,
    taken: set[str],
    audio: Path,
) -> dict[str, str]:
    """Write the audio of a row; returns its columns of :data:`OWN`.

    Args:
        sound: the value of the row.
        origin: what messages call it.
        place: of its parquet file in the data set, the folder of its audio.
        row: its number.
        taken: names in this folder, to which its own is added.
        audio: folder of the audio of the data set.
    """
    content = (sound or {}).get("bytes")
    if not content:
        raise InputError(
            f"{origin}: no audio, or its path alone. Embed the audio into the data set, or write "
            "a manifest of the files (corpus.kind: manifest)."
        )
    name = _file_name((sound or {}).get("path") or "", content)
    if not name or name in taken:
        name = f"row{row:06}{_suffix(content)}"
    while name in taken:
        name = f"_{name}"
    taken.add(name)
    with complete(audio / place / name) as temporary:
        temporary.write_bytes(content)
    return {
        "file": (place / name).as_posix(),
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


def _state(file: Path, column: str | None) -> str:
    """What the audio of a parquet file is made from: it is made again if this has changed."""
    status = file.stat()
    return json.dumps([status.st_size, status.st_mtime_ns, column])


def _is_done(record: Path, made_of: str, audio: Path) -> bool:
    """Whether a parquet file is unpacked, and its audio still there in full."""
    if not record.is_file() or read_metadata(record).get(MADE_OF) != made_of:
        return False
    rows = read_made(record)
    sizes = zip(rows["file"], rows["bytes"], strict=True) if rows.height else ()
    paths = ((audio / file, int(size)) for file, size in sizes)
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _audio_column(file: Path, part: pl.DataFrame, wanted: str | None) -> str:
    """The column that holds the audio."""
    found = [
        name
        for name, kind in part.schema.items()
        if isinstance(kind, pl.Struct) and {field.name for field in kind.fields} >= FIELDS
    ]
    if wanted in found or (wanted is None and len(found) == 1):
        return wanted or found[0]
    said = f"has {joined(found)}" if found else "has none"
    raise InputError(
        f"{file}: one column of audio is needed, a struct of bytes and path; the file {said}. "
        + ("Name one by --audio." if found else f"Its columns are: {joined(part.columns)}.")
    )


def _texts(part: pl.DataFrame, names: Classes, file: Path) -> pl.DataFrame:
    """Columns as text, classes by their names; empty where there is no value."""
    columns = []
    for name in part.columns:
        text = pl.col(name).cast(pl.String)
        if name in names and part.schema[name].is_integer():
            known = {str(number): label for number, label in enumerate(names[name])}
            unknown = part.filter((pl.col(name) >= len(known)) | (pl.col(name) < -1))
            if unknown.height:
                raise InputError(
                    f"{file}: '{name}' holds {unknown[name][0]}, but there are {len(known)} "
                    f"classes ({joined(names[name])}). Fetch the data set again."
                )
            text = text.replace(known | {"-1": ""})  # which stands for a hidden label
        own = f"{name} of the data set" if name in OWN else name
        columns.append(text.fill_null("").alias(own))
    return part.select(columns)


def _class_names(file: Path, about: Mapping[str, Any], configuration: str) -> Classes:
    """Names of classes by column, from a parquet file's metadata or else from the front matter."""
    try:
        stored = json.loads(read_metadata(file).get("huggingface") or "{}")
        features = stored.get("info", {}).get("features", {})
        found = {n: one["names"] for n, one in features.items() if one.get("_type") == "ClassLabel"}
        if features:
            return found
        info = about.get("dataset_info") or {}
        several = info if isinstance(info, list) else [info]
        chosen = [one for one in several if one.get("config_name") == configuration]
        for feature in (chosen or several)[0].get("features", ()):
            kind = feature.get("dtype")
            if isinstance(kind, dict) and "class_label" in kind:
                names = kind["class_label"]["names"]
                ordered = names if isinstance(names, list) else [names[n] for n in _in_order(names)]
                found[feature["name"]] = [str(name) for name in ordered]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: the names of its classes are in another form than that of the package "
            f"datasets ({error!r}). Fetch the data set again."
        ) from error
    return found


def _in_order(numbers: Iterable[Any]) -> list[Any]:
    return sorted(numbers, key=int)


def _words(place: Path) -> list[str]:
    """Words of a parquet file's place that may name its split, such as ``train-00000-of-00002``."""
    return [word for part in reversed(place.parts) for word in re.split(r"[-_.]", part.lower())]


def _readmes(folder: Path) -> tuple[Path, Path]:
    """Where the front matter may be: a configuration has a folder below that of the data set."""
    return folder / "README.md", folder.absolute().parent / "README.md"


def _licence(about: Mapping[str, Any]) -> str | None:
    """The licence that a front matter names."""
    given = about.get("license_name") or about.get("license")
    return joined([str(one) for one in given]) if isinstance(given, list) else given and str(given)
