"""The clips of the second study from MELD-ST, or from a corpus that the first study reads.

``llm.corpus.kind: manifest`` stands for the section ``corpus``: a manifest or any other kind. Only
a manifest has the columns ``language`` and ``transcript``.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from fairser.config.configuration import list_key
from fairser.config.llm import OWN
from fairser.core.errors import InputError, nearest
from fairser.core.jobs import logger
from fairser.core.words import joined, shortened
from fairser.corpora import clips
from fairser.corpora.faults import Faults
from fairser.corpora.genders import check_genders, known_genders
from fairser.corpora.llm_clips import ALL, COLUMNS, check_audio
from fairser.corpora.manifest import read_rows
from fairser.corpora.meldst import read_meldst
from fairser.corpora.readers import read_corpus

# Columns of predictions and statistics, whose names no class can have.
TAKEN = (*COLUMNS, "listed", "predicted", "loss", ALL)
SHOWN = 5  # names in a message
Config = dict[str, Any]


def read_llm_clips(settings: Config) -> pl.DataFrame:
    """The clips of the second study (:mod:`fairser.corpora.llm_clips`).

    ``settings`` are those of :func:`fairser.config.llm_corpus.clip_settings`.
    """
    corpus = settings["corpus"]
    if corpus["kind"] != OWN:
        meldst = {name: value for name, value in corpus.items() if name != "kind"}
        return read_meldst(**meldst, languages=settings["languages"])
    found = _read_own(settings)
    faults = Faults()
    with faults.gather():
        check_audio(found, corpus["audio"])
    with faults.gather():
        check_genders(found)
    faults.raise_all()
    return found


def _read_own(settings: Config) -> pl.DataFrame:
    """The clips of the section ``corpus`` that have a majority class.

    Raises:
        InputError: of the reader of the corpus; or a column, a language or genders are missing.
    """
    reader = settings["reader"]
    table = read_corpus(reader).fold(settings["fold"])
    origin = str(reader[list_key(reader)] or reader["kind"])
    if taken := [name for name in table.classes if name in TAKEN]:
        raise InputError(
            f"{origin}: no class can have the name '{taken[0]}' in this study, which needs it for "
            "another column. Rename the class in the corpus' files."
        )
    if "gender" not in table.attributes:
        raise InputError(
            f"{origin}: the corpus has no genders, between which the gap is. Add a column "
            "'gender', or name a csv with a row per speaker in 'corpus.demographics'."
        )
    frame = table.frame.filter(pl.col("majority").is_not_null())
    if without := table.frame.height - frame.height:
        logger.info("%d clips without a majority class are left out", without)
    faults = Faults()
    frame = frame.select(
        *("clip", "file", "speaker", "split", "gender", "majority"),
        (pl.lit(f"{origin}, clip ") + pl.col("clip")).alias("row"),
    )
    frame = _with_texts(known_genders(frame, faults), reader, settings["transcripts"])
    frame = _with_language(frame, origin, settings["languages"], faults)
    faults.raise_all()
    return frame.select(
        *("clip", "file", "language", "split"),
        pl.col("majority").cast(pl.Enum(table.classes)).alias("emotion"),
        *("transcript", "speaker", "gender", "listed"),
    ).sort("clip")


def _with_texts(frame: pl.DataFrame, corpus: Config, needed: bool) -> pl.DataFrame:
    """The rows with ``transcript``, and with ``language`` where a manifest has it."""
    texts: list[str] = []
    if corpus["kind"] == "manifest":
        rows = read_rows(corpus["manifest"], corpus["columns"])
        texts = [name for name in ("language", "transcript") if name in rows.columns]
        name = clips.clip_names("clip" if "clip" in rows.columns else "file")
        rows = rows.select(name, *(pl.col(text).str.strip_chars() for text in texts))
        # A clip has a row for each fold.
        rows = rows.unique("clip", keep="first", maintain_order=True)
        frame = frame.join(rows, on="clip", how="left", maintain_order="left")
    if "transcript" not in texts:
        if needed:
            raise InputError(
                f"{corpus[list_key(corpus)]}: no column 'transcript', which the modality "
                "speech_text needs. Add it to the manifest, or set llm.grid.modalities: [speech]."
            )
        return frame.with_columns(pl.lit("").alias("transcript"))
    if needed and (silent := frame.filter(pl.col("transcript") == "").height):
        logger.info("%d clips have an empty transcript", silent)
    return frame


def _with_language(
    frame: pl.DataFrame, origin: str, languages: Sequence[str], faults: Faults
) -> pl.DataFrame:
    """The rows in some languages; without a column, all are in the only one of the grid."""
    if "language" not in frame.columns:
        if len(languages) > 1:
            raise InputError(
                f"{origin}: nothing says the language of a clip, but 'llm.grid.languages' names "
                f"{joined(languages)}. Add a column 'language' to the manifest, or name the one "
                "language, such as llm.grid.languages: [[eng]]."
            )
        return frame.with_columns(pl.lit(languages[0]).alias("language"))
    frame = frame.with_columns(pl.col("language").str.to_lowercase())
    frame = faults.without(
        frame,
        pl.col("language") == "",
        "column 'language' is empty; say the language of each clip.",
    )
    spoken = frame["language"].unique().sort().to_list()
    for name in languages:
        if name not in spoken:
            faults.add(
                f"{origin}: 'llm.grid.languages' names {name}, but no clip is in it."
                f"{nearest(name, spoken)} The corpus has: {', '.join(shortened(spoken, SHOWN))}."
            )
    wanted = frame.filter(pl.col("language").is_in(list(languages)))
    if others := frame.height - wanted.height:
        logger.info("%d clips are in languages that the grid does not name", others)
    return wanted
