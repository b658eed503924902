"""Label files of the EMO-SUPERB family: one ``labels_consensus_{fold}.csv`` per fold.

The files of the family differ: 4 to 16 classes, further columns between the classes and
``SpkrID`` (``EmoAct``, ``EmoVal``, ``EmoDom``), a first column without a name, numbers of folds,
no ``SpkrID`` or ``Gender`` (BIIC-Podcast), several test sets (``Test1``, ``Test2``). A
``config.json`` beside them, where there is one, names the classes and the splits.

``SpkrID`` is a person, except in IEMOCAP and MSP-IMPROV, where it is a session of a woman and a
man: there the person is ``SpkrID`` x ``Gender``.

The stored values are already smoothed (0.94 x vote share + 0.01 with six classes) and are used as
they are.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.core.table_files import read_csv, require_columns
from fairser.corpora import clips, demographics
from fairser.corpora.checks import NAMED_TEST
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults
from fairser.corpora.names import taken_names

CORPUS = {"title": "EMO-SUPERB label files", "lists": "labels", "order": 2}
DIMENSIONS = ("EmoAct", "EmoVal", "EmoDom")
SPEAKER, GENDER, SPLIT = "SpkrID", "Gender", "Split_Set"
# Names of files of IEMOCAP (Ses01F_impro01_F000.wav) and MSP-IMPROV.
SESSIONS = re.compile(r"(Ses\d\d[FM]_|MSP-IMPROV-)")
# Key of the split in config.json, its name in the files, its name in the clip table.
SPLIT_KEYS = (
    ("train", "Train", "train"),
    ("dev", "Development", "development"),
    ("test", "Test", "test"),
)


def read(corpus: dict[str, Any], drop: tuple[str, ...] = ()) -> ClipTable:
    """The clip table of the label files in ``corpus.labels``, without the clips of ``drop``."""
    folder = Path(corpus["labels"])
    files = fold_files(folder)
    wanted, splits = _family_settings(folder)
    faults = Faults()
    frames = []
    names: list[str] = []
    for fold, path in files.items():
        found, frame = _read_fold(path, corpus["classes"] or wanted, corpus["speaker"], faults)
        if names and found != names:
            raise InputError(
                f"{path}: its classes {', '.join(found)} differ from those of the first fold, "
                f"{', '.join(names)}; all folds need the same."
            )
        names = found
        frames.append(frame.with_columns(fold=pl.lit(fold, pl.Int64)))
    frame = pl.concat(frames, how="diagonal").with_columns(pl.col("split").replace(splits))
    frame = frame.filter(~pl.col("clip").is_in(drop))
    _refuse_sets(frame, names, files)
    if corpus["speaker"] is None and (note := speaker_note(frame["file"])):
        logger.info("%s", note)
    attributes = ["gender"] if "gender" in frame.columns else []
    frame = demographics.tidy(frame, attributes, faults)
    if speakers := corpus["demographics"]:
        frame, attributes = demographics.join_speakers(frame, attributes, speakers, faults)
    return clips.build(frame, names, attributes, folder, faults)


def speaker_note(files: Iterable[str]) -> str | None:
    """What to say of the speakers of these files, if their ``SpkrID`` is no person."""
    if not all(map(SESSIONS.match, files)):
        return None
    return "a speaker is SpkrID x Gender: in this corpus SpkrID is a session of two people"


def fold_files(folder: Path) -> dict[int, Path]:
    """The label files of a folder by fold number, in order."""
    found = {}
    for path in folder.glob("labels_consensus_*.csv"):
        if match := re.fullmatch(r"labels_consensus_(\d+)\.csv", path.name):
            found[int(match[1])] = path
    if not found:
        raise InputError(
            f"{folder}: no labels_consensus_1.csv there. 'corpus.labels' names the folder with "
            "the label files of all folds; for CREMA-D `snakemake download_cremad` makes it."
        )
    return dict(sorted(found.items()))


def _family_settings(folder: Path) -> tuple[list[str] | None, dict[str, str]]:
    """Classes (None: those of the header) and splits, by ``config.json`` if there is one."""
    path = folder / "config.json"
    if not path.is_file():
        return None, {name: split for _, name, split in SPLIT_KEYS}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        given = content.get("data_split_type", {})
        splits = {given.get(key, name): split for key, name, split in SPLIT_KEYS}
        classes = content["categorical"]["emo_type"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in splits):
            raise TypeError("a list of classes and a text for each split are needed")
        # Named test sets keep their names, of which the configuration file has one.
        return classes, {k: v for k, v in splits.items() if not re.match(NAMED_TEST, k.lower())}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no list of classes at categorical.emo_type ({error!r}). Fix the file, or "
            "remove it to take the classes from the header of the label files."
        ) from error


def _read_fold(
    path: Path, wanted: list[str] | None, speaker: list[str] | None, faults: Faults
) -> tuple[list[str], pl.DataFrame]:
    """The class columns of a label file, and its rows with the split as the file names it."""
    frame = read_csv(path)
    header = [name for name in frame.columns if name != "row"]
    require_columns(path, header, [SPLIT])
    end = min(header.index(name) for name in (SPEAKER, GENDER, SPLIT) if name in header)
    found = [name for name in header[1:end] if name not in DIMENSIONS]
    names = clips.select_classes(found, wanted, path)
    if taken := taken_names(f"{path}, row 1", names):
        raise InputError(*taken)
    frame = clips.require_text(frame.rename({header[0]: "file"}), "file", faults)
    frame = clips.numeric(frame, names, faults)
    if speaker is None:
        speaker = _speaker_columns(path, header, frame["file"])
    else:
        require_columns(path, header, speaker, "which 'corpus.speaker' names")
    return names, demographics.name_speakers(frame, speaker).select(
        clips.clip_names("file"),
        "file",
        "speaker",
        pl.col(SPLIT).alias("split"),
        *names,
        "row",
        *([pl.col(GENDER).alias("gender")] if GENDER in header else []),
    )


def _speaker_columns(path: Path, header: list[str], files: pl.Series) -> list[str]:
    """The columns that tell a person, where ``corpus.speaker`` does not name them."""
    if all(map(SESSIONS.match, files)):
        require_columns(path, header, [SPEAKER, GENDER], "which tells two people apart here")
        return [SPEAKER, GENDER]
    similar = [name for name in header if re.match("sp(ea)?k", name, re.IGNORECASE)]
    if similar:  # one of another name must not be overlooked
        require_columns(path, header, [SPEAKER])
    return similar


def _refuse_sets(frame: pl.DataFrame, names: list[str], files: dict[int, Path]) -> None:
    """Refuse a folder with several sets of labels, whose folds test the same clips again.

    EMO-SUPERB's folders hold three: shares of all raters, the plurality and the majority. Single
    clips that differ are errors, which :func:`fairser.corpora.clips.build` reports.
    """
    labels = pl.struct("speaker", *names).alias("labels")
    tested = frame.filter(split="test").select("clip", "fold", labels)
    first = tested.unique("clip", keep="first", maintain_order=True).select(
        "clip", pl.col("fold").alias("earlier"), pl.col("labels").alias("other")
    )
    again = tested.join(first, on="clip").filter(pl.col("fold") > pl.col("earlier"))
    differing = (pl.col("labels") != pl.col("other")).mean().alias("differing")
    shares = again.group_by("fold", "earlier").agg(differing).sort("fold")
    for fold, earlier, share in shares.rows():
        if share > 0.5:
            others = [files[number].name for number in files if number < fold]
            raise InputError(
                f"{files[fold]}: it tests clips of {files[earlier].name} again, with other labels "
                "or speakers: the folder holds several sets of labels. Copy the files of one set "
                f"into a folder of its own, such as {others[0]} to {others[-1]}."
            )
