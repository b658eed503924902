"""Label files of the EMO-SUPERB family: one ``labels_consensus_{fold}.csv`` per fold.

The files of the family differ: 4 to 11 classes, further columns between the classes and
``SpkrID`` (``EmoAct``, ``EmoVal``, ``EmoDom``), a first column without a name, numbers of folds.
A ``config.json`` beside them, where there is one, names the classes and the splits.

The stored values are already smoothed (0.94 x vote share + 0.01 with six classes) and are used as
they are.
"""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.csv_files import read_csv, require_columns
from fairser.core.errors import InputError
from fairser.corpora import clips, demographics
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults

CORPUS = {"title": "EMO-SUPERB label files", "lists": "labels", "order": 2}
DIMENSIONS = ("EmoAct", "EmoVal", "EmoDom")
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
        frame, found = _read_fold(path, corpus["classes"] or wanted, faults)
        if names and found != names:
            raise InputError(
                f"{path}: its classes {', '.join(found)} differ from those of the first fold, "
                f"{', '.join(names)}; all folds need the same."
            )
        names = found
        frames.append(frame.with_columns(fold=pl.lit(fold, pl.Int64)))
    frame = pl.concat(frames, how="diagonal").with_columns(pl.col("split").replace(splits))
    frame = frame.filter(~pl.col("clip").is_in(drop))
    attributes = ["gender"] if "gender" in frame.columns else []
    frame = demographics.tidy(frame, attributes, faults)
    if speakers := corpus["demographics"]:
        frame, attributes = demographics.join_speakers(frame, attributes, speakers, faults)
    return clips.build(frame, names, attributes, folder, faults)


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
        return classes, splits
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no list of classes at categorical.emo_type ({error!r}). Fix the file, or "
            "remove it to take the classes from the header of the label files."
        ) from error


def _read_fold(
    path: Path, wanted: list[str] | None, faults: Faults
) -> tuple[pl.DataFrame, list[str]]:
    """Rows of a label file, with the split as the file names it, and the class columns."""
    frame = read_csv(path)
    header = [name for name in frame.columns if name != "row"]
    require_columns(path, header, ("SpkrID", "Split_Set"))
    between = header[1 : header.index("SpkrID")]
    found = [name for name in between if name not in DIMENSIONS]
    names = clips.select_classes(found, wanted, path)
    frame = clips.require_text(frame.rename({header[0]: "file"}), "file", faults)
    frame = clips.numeric(frame, names, faults)
    # An unknown speaker may be anyone: each such clip gets a speaker of its own.
    known = demographics.is_known(pl.col("SpkrID"))
    alone = pl.lit(demographics.UNKNOWN_SPEAKER) + pl.col("file")
    return frame.select(
        clips.clip_names("file"),
        "file",
        pl.when(known).then("SpkrID").otherwise(alone).alias("speaker"),
        pl.col("Split_Set").alias("split"),
        *names,
        "row",
        *([pl.col("Gender").alias("gender")] if "Gender" in header else []),
    ), names
