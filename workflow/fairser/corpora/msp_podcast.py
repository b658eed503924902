"""The corpus' own labels of MSP-Podcast, ``labels_consensus.csv``, and those of BIIC-Podcast.

One row per clip (``corpus.manifest``), with the columns ``FileName``, ``EmoClass``, ``Split_Set``
and, where the corpus has them, ``SpkrID`` and ``Gender``; ``EmoAct``, ``EmoVal`` and ``EmoDom`` are
not used. ``EmoClass`` is the class that most raters chose, as a letter (:data:`CLASSES`) or as a
word. A clip without a class is left out, such as those of Test3, whose labels are not public. The
shares of all raters are in EMO-SUPERB's label files (:mod:`fairser.corpora.emosuperb`).

``Unknown`` speakers and genders are unknown; ``Test1`` and ``Test2`` are test sets of their own.
"""

from typing import Any

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.jobs import logger
from fairser.core.table_files import read_csv, require_columns
from fairser.core.words import counted, joined
from fairser.corpora import manifest
from fairser.corpora.clips import ClipTable

CORPUS = {
    "title": "MSP-Podcast",
    "order": 2,
    "folds": True,
    "settings": {
        "emotions": {
            "type": ["array", "null"],
            "items": {"type": "string"},
            "minItems": 2,
            "uniqueItems": True,
            "default": None,
            "description": "Classes whose clips are read, such as [anger, happiness, neutral, "
            "sadness]; null for all but other and no_agreement.",
        },
    },
}
CLASSES = {"A": "anger", "S": "sadness", "H": "happiness", "U": "surprise", "F": "fear"}
CLASSES |= {"D": "disgust", "C": "contempt", "N": "neutral", "O": "other", "X": "no_agreement"}
NO_CLASS = ("other", "no_agreement")
NAMES = {"FileName": "file", "EmoClass": "emotion", "SpkrID": "speaker", "Gender": "gender"}
NAMES |= {"Split_Set": "split"}


def folds(_corpus: dict[str, Any]) -> list[int]:
    """The one fold of the corpus' partitions."""
    return [1]


def read(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of the label file ``corpus.manifest``."""
    path, wanted = corpus["manifest"], corpus["settings"]["emotions"]
    frame = read_csv(path)
    require_columns(path, frame.columns, ["FileName", "EmoClass", "Split_Set"])
    require_columns(path, frame.columns, corpus["speaker"] or [], "which 'corpus.speaker' names")
    kept = [pl.col(old).str.strip_chars().alias(n) for old, n in NAMES.items() if old in frame]
    frame = frame.select(*kept, *(corpus["speaker"] or ()), "row")
    frame = frame.with_columns(pl.col("emotion").replace(CLASSES).str.to_lowercase())
    if "speaker" not in frame.columns:
        frame = frame.with_columns(pl.lit("?").alias("speaker"))
    known = frame.filter(pl.col("emotion") != "")["emotion"].unique().sort().to_list()
    emotions = wanted or [name for name in known if name not in NO_CLASS]
    for name in emotions:
        if name not in known:
            raise InputError(
                f"{path}: 'corpora.msp_podcast.emotions' names '{name}', which no clip has."
                f"{nearest(name, known)} There are: {joined(known)}."
            )
    labelled = frame.filter(pl.col("emotion").is_in(emotions))
    if without := frame.height - labelled.height:
        logger.info("%s of other classes, or of none, are left out", counted(without, "clip"))
    return manifest.table_of(labelled, path, corpus)
