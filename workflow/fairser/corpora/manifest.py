"""A corpus of one's own: a csv with one row per clip.

Columns: ``file`` (relative to the audio folder) and ``speaker``; the labels, either one ``emotion``
column or one column per class with values that sum to 1; and, where the corpus has them,
demographic columns and ``clip``. Folds come from the columns

- ``fold`` and ``split``: as given, one row per clip and fold;
- ``split`` alone: one fold;
- ``fold`` alone: fold f tests on its own clips, develops on those of the next, trains on the rest;
- neither: speaker-disjoint folds are made, balanced in the stratifying attribute where possible.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core import csv_files
from fairser.core.errors import InputError, nearest
from fairser.core.files import leads_out
from fairser.corpora import clips, demographics
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults

CORPUS = {"title": "manifest", "order": 3}
RESERVED = ("file", "speaker", "clip", "fold", "split", "emotion")
SPLIT_WORDS = {"dev": "development", "valid": "development", "validation": "development"}
DEFAULT_FOLDS = 5


def read_manifest(
    path: str | Path,
    speakers: str | Path | None = None,
    classes: list[str] | None = None,
    attributes: list[str] | None = None,
    folds: int = DEFAULT_FOLDS,
    stratify: str = "gender",
) -> ClipTable:
    """Read a manifest into a clip table.

    Args:
        path: the manifest.
        speakers: csv of demographics by speaker, joined to the manifest's own columns.
        classes: the class columns; or, with an ``emotion`` column, its values in table order
            (by default all of them, by name).
        attributes: demographic columns of the manifest; by default those of
            :data:`fairser.corpora.demographics.KNOWN` that it has.
        folds: number of folds to make where the manifest names none.
        stratify: attribute that made folds are balanced in.
    """
    frame = csv_files.read_csv(path)
    header = [name for name in frame.columns if name != "row"]
    columns = _class_columns(header, classes, path)
    faults = Faults()
    for name in ("file", "speaker"):
        frame = clips.require_text(frame, name, faults)
    frame = _inside(frame, faults)
    if columns is None:
        frame, names = _spread_emotions(frame, classes, faults)
    else:
        frame, names = clips.numeric(frame, columns, faults), columns
    own: list[str] = []
    with faults.gather():
        own = _attributes(header, attributes, names, path)
    frame = demographics.tidy(frame, own, faults)
    if "clip" not in header:
        frame = frame.with_columns(clips.clip_names("file"))
    if speakers is not None:
        with faults.gather():
            frame, own = demographics.join_speakers(frame, own, speakers, faults)
    _check_speakers(frame, own, faults)
    stratified = stratify if stratify in own else None
    frame = _assign_folds(frame, header, folds, stratified, path, faults)
    return clips.build(frame, names, own, path, faults)


def listed_files(path: str | Path) -> list[str]:
    """The audio files of a manifest whose rows may need mending, without those that lie outside."""
    try:
        frame = csv_files.read_csv(path)
    except InputError:
        return []
    if "file" not in frame.columns:
        return []
    files = frame["file"].unique(maintain_order=True)
    return [file for file in files if file.strip() and not leads_out(file)]


def _class_columns(
    header: list[str], classes: list[str] | None, path: str | Path
) -> list[str] | None:
    """The class columns of a manifest, None where it has an ``emotion`` column.

    Raises:
        InputError: the header lacks columns; tells each of them.
    """
    missing = [
        f"{path}, row 1: no column '{name}'.{nearest(name, header)} A manifest needs "
        "'file', 'speaker' and either 'emotion' or one column per class."
        for name in ("file", "speaker")
        if name not in header
    ]
    names = None
    if "emotion" not in header and classes is None:
        missing.append(
            f"{path}, row 1: no column 'emotion', and 'corpus.classes' names no class columns. "
            f"Name them; the columns are: {', '.join(header)}."
        )
    if missing:
        raise InputError(*missing)
    if "emotion" not in header:
        names = clips.select_classes([c for c in header if c not in RESERVED], classes, path)
    return names


def _check_speakers(frame: pl.DataFrame, attributes: list[str], faults: Faults) -> None:
    """Note speakers of two genders; other attributes, such as age, may change."""
    if "gender" in attributes:
        values = frame.drop_nulls("gender").with_columns(
            pl.col("gender").first().over("speaker").alias("first")
        )
        faults.note(
            values.filter(pl.col("gender") != pl.col("first")).unique(
                "speaker", keep="first", maintain_order=True
            ),
            lambda row: (
                f"{row['row']}: gender of speaker '{row['speaker']}' is '{row['gender']}' here "
                f"and '{row['first']}' in an earlier row; mend one of them."
            ),
            "speaker",
        )


def _inside(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """The rows whose file lies in the audio folder."""
    return faults.without(
        frame,
        pl.col("file").map_elements(leads_out, return_dtype=pl.Boolean),
        lambda row: (
            f"{row['row']}: file '{row['file']}' lies outside the audio folder; give a path "
            "inside it, relative to it ('corpus.audio' names the folder)."
        ),
        "file",
    )


def _spread_emotions(
    frame: pl.DataFrame, classes: list[str] | None, faults: Faults
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with a column per class in place of ``emotion``, and the names of the classes."""
    frame = clips.require_text(frame, "emotion", faults)
    frame = frame.with_columns(pl.col("emotion").str.strip_chars())
    names = classes or frame["emotion"].unique().sort().to_list()
    frame = faults.without(
        frame,
        ~pl.col("emotion").is_in(names),
        lambda row: (
            f"{row['row']}: emotion '{row['emotion']}' is not among 'corpus.classes' "
            f"({', '.join(names)}).{nearest(row['emotion'], names)}"
        ),
        "emotion",
    )
    hot = [(pl.col("emotion") == name).cast(pl.Float64).alias(name) for name in names]
    return frame.with_columns(hot), names


def _attributes(
    header: list[str], wanted: list[str] | None, classes: list[str], path: str | Path
) -> list[str]:
    free = [name for name in header if name not in (*RESERVED, *classes)]
    if wanted is None:
        return [name for name in free if name in demographics.KNOWN]
    missing = [
        f"{path}, row 1: no column '{name}', which 'corpus.attributes' names."
        f"{nearest(name, free)} The columns are: {', '.join(free)}."
        for name in wanted
        if name not in free
    ]
    if missing:
        raise InputError(*missing)
    return wanted


def _assign_folds(
    frame: pl.DataFrame,
    header: list[str],
    folds: int,
    stratify: str | None,
    path: str | Path,
    faults: Faults,
) -> pl.DataFrame:
    if "split" in header:
        words = pl.col("split").str.strip_chars().str.to_lowercase()
        frame = frame.with_columns(words.replace(SPLIT_WORDS).alias("split"))
    if "fold" in header:
        frame = _whole_number(frame, "fold", faults)
    if "split" in header:
        return frame if "fold" in header else frame.with_columns(pl.lit(1).alias("fold"))
    try:
        if "fold" not in header:
            frame = frame.with_columns(_speaker_folds(frame, folds, stratify, path))
        return rotate(frame, path)
    except InputError as error:
        # Too few folds or speakers are left: without folds there is nothing more to check.
        raise InputError(*faults.told, *error.faults) from None


def _whole_number(frame: pl.DataFrame, name: str, faults: Faults) -> pl.DataFrame:
    number = pl.col(name).str.strip_chars().cast(pl.Int64, strict=False)
    frame = faults.without(
        frame,
        number.is_null() | (number < 1),
        lambda row: f"{row['row']}: {name} '{row[name]}' is no whole number from 1 on; mend it.",
        name,
    )
    return frame.with_columns(number.alias(name))


def rotate(frame: pl.DataFrame, path: str | Path) -> pl.DataFrame:
    """From one row per clip with its test fold to one row per clip and fold, with its split."""
    parts = frame["fold"].unique().sort().to_list()
    if len(parts) < 3:
        raise InputError(
            f"{path}: {len(parts)} fold(s); three are needed for train, development and test. "
            "Add a 'split' column, or leave 'fold' out to have folds made."
        )
    frames = []
    for test, development in zip(parts, parts[1:] + parts[:1], strict=True):
        split = (
            pl.when(pl.col("fold") == test)
            .then(pl.lit("test"))
            .when(pl.col("fold") == development)
            .then(pl.lit("development"))
            .otherwise(pl.lit("train"))
        )
        frames.append(frame.with_columns(split.alias("split"), fold=pl.lit(test, pl.Int64)))
    return pl.concat(frames)


def _speaker_folds(
    frame: pl.DataFrame, folds: int, stratify: str | None, path: str | Path
) -> pl.Series:
    """Test fold of each clip: speakers stay together, the attribute's groups are spread evenly.

    Speakers are dealt out group by group, those with the most clips first, each to the fold that
    has the fewest clips of the group so far.
    """
    speakers = frame["speaker"].n_unique()
    if not 3 <= folds <= speakers:
        raise InputError(
            f"{path}: 'corpus.folds' is {folds}; it must be at least 3 and at most the number of "
            f"speakers, {speakers}."
        )
    group = pl.col(stratify).drop_nulls().first() if stratify else pl.lit(None, pl.String)
    order = (
        frame.group_by("speaker")
        .agg(pl.len().alias("clips"), group.alias("group"))
        .sort("group", "clips", "speaker", descending=[False, True, False])
    )
    of_group: Counter[tuple[str | None, int]] = Counter()
    total: Counter[int] = Counter()
    fold_of = {}
    for speaker, count, name in order.iter_rows():
        fold = min(range(1, folds + 1), key=lambda f: (of_group[name, f], total[f], f))
        of_group[name, fold] += count
        total[fold] += count
        fold_of[speaker] = fold
    return frame["speaker"].replace_strict(fold_of, return_dtype=pl.Int64).alias("fold")


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of ``corpus.manifest``."""
    return read_manifest(
        corpus["manifest"],
        corpus["demographics"],
        corpus["classes"],
        corpus["attributes"],
        corpus["folds"],
        corpus["stratify"],
    )
