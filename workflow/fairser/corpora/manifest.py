"""A manifest: a corpus of the user as a csv with one row per clip.

Columns: ``file`` (relative to the audio folder) and ``speaker``, a person (``corpus.speaker`` may
name columns that tell one together); the labels, either one ``emotion`` column or one column per
class with values that sum to 1; and, where the corpus has them, demographic columns and ``clip``.
Folds come from the columns

- ``fold`` and ``split``: as given, one row per clip and fold;
- ``split`` alone: one fold;
- ``fold`` alone: fold f tests on its own clips, develops on those of the next, trains on the rest;
- neither: speaker-disjoint folds are made, balanced in the stratifying attribute where possible.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from fairser.config.configuration import MANIFEST_FOLDS
from fairser.core.errors import InputError
from fairser.core.files import leads_out
from fairser.core.table_files import read_csv, require_columns
from fairser.core.words import joined
from fairser.corpora import clips, demographics
from fairser.corpora.clips import ClipTable
from fairser.corpora.faults import Faults
from fairser.corpora.names import TAKEN, taken_names

CORPUS = {"title": "manifest", "order": 3}
RESERVED = ("file", "speaker", "clip", "fold", "split", "emotion")
SPLIT_WORDS = {"dev": "development", "valid": "development", "validation": "development"}


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of ``corpus.manifest``."""
    frame = read_rows(corpus["manifest"], corpus["columns"])
    return table_of(frame, corpus["manifest"], corpus)


def read_rows(path: str | Path, columns: dict[str, str]) -> pl.DataFrame:
    """The rows of a csv or tsv with the names that a manifest has (``corpus.columns``).

    A named column takes the place of one that has the name already. Its own name is free then.

    Raises:
        InputError: there is no such column.
    """
    frame = read_csv(path)
    require_columns(path, frame.columns, [*columns.values()], "which 'corpus.columns' names")
    gone = {*columns, *columns.values()}
    named = [pl.col(column).alias(name) for name, column in columns.items()]
    return frame.select(pl.exclude(gone), *named) if named else frame


def table_of(frame: pl.DataFrame, path: str | Path, corpus: dict[str, Any]) -> ClipTable:
    """The clip table of rows in the form of a manifest.

    Args:
        frame: text columns, and ``row``, the place of each row.
        path: of the file that they are from.
        corpus: the settings of the reader.
    """
    faults = Faults()
    frame, names, own = labelled_rows(frame, path, corpus, faults)
    header = frame.columns
    stratify = corpus["stratify"] if corpus["stratify"] in own else None
    try:
        if not {"fold", "split"} & set(header):
            frame = speaker_folds(frame, corpus["folds"] or MANIFEST_FOLDS, stratify, path)
        frame = _assign_splits(frame, path, faults)
    except InputError as error:
        # Too few folds or speakers are left: without folds there is nothing more to check.
        new = [fault for fault in error.faults if fault not in faults.messages]
        raise InputError(*faults.messages, *new) from None
    return clips.build(frame, names, own, path, faults)


def labelled_rows(
    frame: pl.DataFrame,
    path: str | Path,
    corpus: dict[str, Any],
    faults: Faults,
    labelled: bool = True,
) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Rows in the form of a manifest with clips, people and labels, but no folds yet.

    Args:
        frame: text columns, and ``row``, the place of each row.
        path: of the file that they are from.
        corpus: the settings of the reader.
        faults: to which those of the rows are added.
        labelled: False for rows without labels, such as those that only a model will label.

    Returns:
        The rows with the columns of a clip table, the names of the classes (none without labels)
        and of the attributes.
    """
    classes, wanted = corpus["classes"], corpus["attributes"]
    if taken := taken_names(f"{path}, row 1", classes or [], wanted or []):
        raise InputError(*taken)
    header = [name for name in frame.columns if name != "row"]
    why = "which a manifest needs; 'corpus.classes' may name class columns in place of 'emotion'"
    needed = [
        "file",
        *([] if corpus["speaker"] else ["speaker"]),
        *([] if classes or not labelled else ["emotion"]),
    ]
    require_columns(path, header, needed, why)
    require_columns(path, header, corpus["speaker"] or [], "which 'corpus.speaker' names")
    names = (classes or []) if labelled else []
    spread = labelled and "emotion" in header
    if labelled and not spread:
        clips.select_classes([c for c in header if c not in RESERVED], classes, path)
    frame = clips.require_text(frame, "file", faults)
    if not corpus["speaker"]:
        frame = clips.require_text(frame, "speaker", faults, ", ? where nobody knows the speaker")
    if frame.is_empty():
        faults.raise_all()
    frame = faults.without(
        frame,
        pl.col("file").map_elements(leads_out, return_dtype=pl.Boolean),
        "file '{file}' lies outside the audio folder; give a path inside it, relative to it "
        "('corpus.audio' names the folder).",
        "file",
    )
    frame = demographics.name_speakers(frame, corpus["speaker"] or ["speaker"])
    columns = [] if spread else names
    frame, own = _attributes(clips.numeric(frame, columns, faults), path, columns, wanted, faults)
    if spread:
        frame, names = _spread_emotions(frame, classes, own, faults)
    frame = frame.with_columns(clips.clip_names("clip" if "clip" in header else "file"))
    if speakers := corpus["demographics"]:
        with faults.gather():
            frame, own = demographics.join_speakers(frame, own, speakers, faults)
    return frame, names, own


def _attributes(
    frame: pl.DataFrame,
    path: str | Path,
    classes: list[str],
    wanted: list[str] | None,
    faults: Faults,
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with their demographic columns in the form of the clip table, and their names."""
    free = [name for name in frame.columns if name not in (*RESERVED, *TAKEN, *classes)]
    renamed: dict[str, str] = {}  # such as Sex to gender, unless there is a column gender
    for column in free:
        name = demographics.attribute_name(column)
        if name in demographics.KNOWN and name not in (*frame.columns, *renamed.values()):
            renamed[column] = name
    known = [*free, *renamed.values()]
    if wanted is None:
        own = [name for name in known if name in demographics.KNOWN]
    else:
        own = [renamed.get(name, name) for name in wanted if name in known]
        with faults.gather():
            require_columns(path, known, wanted, "which 'corpus.attributes' names")
    for name in own:
        same = [f"'{column}'" for column in demographics.columns_alike(name, free)]
        if same[1:]:
            faults.add(
                f"{path}, row 1: the columns {joined(same)} mean the same "
                f"('{name}'); remove or rename one of them."
            )
    frame = frame.rename(renamed)
    # Other columns of the file must not be taken for those of the clip table.
    kept = [name for name in frame.columns if name in (*RESERVED, *classes, *own, "row")]
    return demographics.tidy(frame.select(kept), own, faults), own


def listed_files(path: str | Path, columns: dict[str, str]) -> list[str]:
    """The audio files of a manifest that may have faults, without those outside the folder."""
    try:
        files = read_rows(path, columns)["file"].unique(maintain_order=True)
    except (InputError, pl.exceptions.ColumnNotFoundError):
        return []
    return [file for file in files if file.strip() and not leads_out(file)]


def _spread_emotions(
    frame: pl.DataFrame, classes: list[str] | None, attributes: list[str], faults: Faults
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with a column per class in place of ``emotion``, and the names of the classes."""
    frame = clips.require_text(frame, "emotion", faults)
    frame = frame.with_columns(pl.col("emotion").str.strip_chars())
    names = classes or frame["emotion"].unique().sort().to_list()
    frame = faults.without(
        frame,
        ~pl.col("emotion").is_in(names),
        "emotion '{emotion}' is not among 'corpus.classes' ({names}).",
        "emotion",
        names,
        names=", ".join(names),
    )
    first = frame.filter(pl.col("emotion").is_in(names)).unique("emotion", maintain_order=True)
    for name, row in first.select("emotion", "row").iter_rows():
        faults.add(*taken_names(row, [name], attributes))
    if first.height and any(name in (*TAKEN, *attributes) for name in names):
        faults.raise_all()  # the columns would replace others
    hot = [(pl.col("emotion") == name).cast(pl.Float64).alias(name) for name in names]
    return frame.with_columns(hot), names


def _assign_splits(frame: pl.DataFrame, path: str | Path, faults: Faults) -> pl.DataFrame:
    """One row per clip and fold with its split, as the module says."""
    if "split" not in frame.columns:
        return clips.rotate(frame, path, faults)
    words = pl.col("split").str.strip_chars().str.to_lowercase()
    frame = frame.with_columns(words.replace(SPLIT_WORDS).alias("split"))
    if "fold" in frame.columns:
        return clips.fold_numbers(frame, faults)
    return frame.with_columns(pl.lit(1).alias("fold"))


def speaker_folds(
    frame: pl.DataFrame, number: int, stratify: str | None, origin: str | Path
) -> pl.DataFrame:
    """One row per clip with its test ``fold``: speakers stay together, groups are spread evenly.

    Speakers are dealt out group by group, those with the most clips first, each to the fold that
    has the fewest clips of the group so far. scikit-learn's ``StratifiedGroupKFold`` balances
    equally well, but fails if every group has fewer clips than there are folds.
    """
    speakers = frame["speaker"].n_unique()
    if not 3 <= number <= speakers:
        raise InputError(
            f"{origin}: 'corpus.folds' is {number}; it must be at least 3 and at most the "
            f"number of speakers, {speakers}."
        )
    column = pl.col(stratify) if stratify else pl.lit(None, pl.String)
    order = (
        frame.group_by("speaker")
        .agg(pl.len().alias("clips"), column.drop_nulls().first().alias("group"))
        .sort("group", "clips", "speaker", descending=[False, True, False])
    )
    of_group: Counter[tuple[str | None, int]] = Counter()
    total: Counter[int] = Counter()
    fold_of = {}
    for speaker, count, name in order.iter_rows():
        fold = min(range(1, number + 1), key=lambda f: (of_group[name, f], total[f], f))
        of_group[name, fold] += count
        total[fold] += count
        fold_of[speaker] = fold
    test = pl.col("speaker").replace_strict(fold_of, return_dtype=pl.Int64)
    return frame.with_columns(test.alias("fold"))
