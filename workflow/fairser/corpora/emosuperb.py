"""Label files of the EMO-SUPERB family: one ``labels_consensus_{fold}.csv`` per fold.

The files of the family differ: 4 to 11 classes, further columns between the classes and
``SpkrID`` (``EmoAct``, ``EmoVal``, ``EmoDom``), a first column without a name, numbers of folds.
A ``config.json`` beside them, where there is one, names the classes and the splits.

The stored values are smoothed already (0.94 x vote share + 0.01 with six classes): they are the
soft targets as they stand.
"""

import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core import csv_files
from fairser.core.errors import InputError, nearest
from fairser.corpora import clips, demographics
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults

CORPUS = {"title": "EMO-SUPERB label files", "lists": "labels", "order": 2}
DIMENSIONS = ("EmoAct", "EmoVal", "EmoDom")
SPLIT_NAMES = {"train": "Train", "dev": "Development", "test": "Test"}


def read_emosuperb(
    labels: str | Path,
    speakers: str | Path | None = None,
    classes: list[str] | None = None,
    drop: tuple[str, ...] = (),
) -> ClipTable:
    """Read a folder of EMO-SUPERB label files into a clip table.

    Args:
        labels: folder with ``labels_consensus_1.csv`` and so on.
        speakers: csv of demographics by speaker; without one, only the labels' ``Gender``.
        classes: class columns to use; all by default.
        drop: names of clips to leave out.
    """
    folder = Path(labels)
    files = fold_files(folder)
    settings = _family_settings(folder)
    wanted = classes or settings["classes"]
    faults = Faults()
    parts = [
        _read_fold(path, fold, wanted, settings["splits"], faults) for fold, path in files.items()
    ]
    frames, names = zip(*parts, strict=True)
    for path, found in zip(files.values(), names, strict=True):
        if found != names[0]:
            raise InputError(
                f"{path}: its classes {', '.join(found)} differ from those of the first fold, "
                f"{', '.join(names[0])}; all folds need the same."
            )
    frame = pl.concat(frames, how="diagonal").filter(~pl.col("clip").is_in(drop))
    attributes = ["gender"] if "gender" in frame.columns else []
    frame = demographics.tidy(frame, attributes, faults)
    if speakers is not None:
        frame, attributes = demographics.join_speakers(frame, attributes, speakers, faults)
    return clips.build(frame, names[0], attributes, folder, faults)


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


def _family_settings(folder: Path) -> dict:
    """Classes (or None) and names of the splits, from ``config.json`` where there is one."""
    path = folder / "config.json"
    splits = dict(SPLIT_NAMES)
    if not path.is_file():
        return {"classes": None, "splits": splits}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        splits.update(content.get("data_split_type", {}))
        classes = content["categorical"]["emo_type"]
        if not isinstance(classes, list) or not all(isinstance(v, str) for v in splits.values()):
            raise TypeError("a list of classes and a text for each split are needed")
        return {"classes": classes, "splits": splits}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: no list of classes at categorical.emo_type ({error!r}). Mend the file, or "
            "remove it to take the classes from the header of the label files."
        ) from error


def _read_fold(
    path: Path, fold: int, wanted: list[str] | None, splits: dict[str, str], faults: Faults
) -> tuple[pl.DataFrame, list[str]]:
    frame = csv_files.read_csv(path)
    header = [name for name in frame.columns if name != "row"]
    for name in ("SpkrID", "Split_Set"):
        if name not in header:
            raise InputError(
                f"{path}, row 1: no column '{name}'.{nearest(name, header)} The columns are: "
                f"{', '.join(header)}."
            )
    between = header[1 : header.index("SpkrID")]
    found = [name for name in between if name not in DIMENSIONS]
    names = clips.select_classes(found, wanted, path)
    frame = clips.require_text(frame.rename({header[0]: "file"}), "file", faults)
    frame = clips.numeric(frame, names, faults)
    known = demographics.is_known(pl.col("SpkrID"))
    split = {splits["train"]: "train", splits["dev"]: "development", splits["test"]: "test"}
    columns = [
        clips.clip_names("file"),
        pl.col("file"),
        # Speakers that the corpus does not know may be anyone: each such clip stands for itself.
        pl.when(known)
        .then("SpkrID")
        .otherwise(pl.lit(demographics.UNKNOWN_SPEAKER) + pl.col("file"))
        .alias("speaker"),
        pl.lit(fold, pl.Int64).alias("fold"),
        pl.col("Split_Set").replace(split).alias("split"),
        *names,
        "row",
    ]
    if "Gender" in header:
        columns.append(pl.col("Gender").alias("gender"))
    return frame.select(columns), names


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of the label files in ``corpus.labels``."""
    return read_emosuperb(corpus["labels"], corpus["demographics"], corpus["classes"])
