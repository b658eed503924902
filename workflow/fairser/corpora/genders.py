"""Genders of the speakers of the second study: women, men, and those of unknown gender."""

import unicodedata
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.core.jobs import logger
from fairser.core.table_files import read_csv, require_columns
from fairser.core.words import shortened
from fairser.corpora import demographics
from fairser.corpora.faults import Faults

GENDERS = ("female", "male")
UNKNOWN = ("u", "other", "mixed")  # besides those of all demographics
SHOWN = 3  # examples in a message


def join_genders(clips: pl.DataFrame, genders: pl.DataFrame, path: str | Path) -> pl.DataFrame:
    """Clips with ``gender`` and ``listed``; names are compared without case and extra spaces.

    ``genders`` are those of :func:`read_genders`, from ``path``.
    """
    clips = clips.with_columns(_plain("speaker").alias("name"))
    clips = clips.join(genders, on="name", how="left", maintain_order="left")
    clips = clips.with_columns(pl.col("listed").fill_null(False)).drop("name")
    if not clips["gender"].count():
        names = ", ".join(shortened(clips["speaker"].unique().sort(), SHOWN))
        raise InputError(
            f"{path}: no speaker of the corpus ({names}) has a gender in it. Is it the list of "
            "this corpus? A row is a name as the corpus has it, and male or female."
        )
    return clips


def unknown_speakers(clips: pl.DataFrame) -> pl.DataFrame:
    """Speakers without a gender: ``speaker``, ``listed``, ``clips``; the most clips first."""
    unknown = clips.filter(pl.col("gender").is_null()).group_by("speaker", "listed")
    return unknown.agg(pl.len().alias("clips")).sort("clips", "speaker", descending=[True, False])


def known_genders(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """Rows with ``gender`` female, male or null, and ``listed``: whether it had any value."""
    faults.note(
        frame.filter(~pl.col("gender").is_in([*GENDERS, *UNKNOWN])),
        "gender '{gender}' of speaker '{speaker}' is none of female, male and ? (unknown).",
        "gender",
        GENDERS,
    )
    known = pl.when(pl.col("gender").is_in(GENDERS)).then("gender")
    return frame.with_columns(known.alias("gender"), listed=pl.col("gender").is_not_null())


def check_genders(clips: pl.DataFrame) -> None:
    """Raise an InputError if no language has both genders in train and in development."""
    known = set(clips.drop_nulls("gender").select("language", "split", "gender").iter_rows())
    texts = []
    languages = clips["language"].unique().sort()
    for name in languages:
        lacking = [
            s for s in ("train", "development") if not {(name, s, g) for g in GENDERS} <= known
        ]
        texts += [f"{name} in {' and '.join(lacking)}"] if lacking else []
    if len(texts) == len(languages):
        raise InputError(
            f"No language has clips of both genders in train and in development "
            f"({'; '.join(texts)} lack one), so there is no gap to measure or to train on. Fix the "
            "genders or the splits of the speakers, or take more languages ('llm.grid.languages')."
        )
    if texts:
        logger.info("without a gender gap: %s", "; ".join(texts))


def read_genders(path: str | Path) -> pl.DataFrame:
    """A list of speakers (``llm.corpus.genders``): ``name``, ``gender`` and ``listed``."""
    frame = read_csv(path, ",\t")
    require_columns(path, frame.columns, ("speaker", "gender"))
    frame = demographics.tidy(frame, ["gender"]).with_columns(_plain("speaker").alias("name"))
    faults = Faults()
    frame = known_genders(frame, faults)
    frame = frame.select("name", "gender", pl.lit(True).alias("listed"), "row")
    frame = frame.unique(["name", "gender"], keep="first", maintain_order=True)
    faults.note(
        frame.filter(pl.col("name").is_duplicated()),
        "speaker '{name}' has two different genders; keep one row.",
    )
    faults.raise_all()
    return frame.drop("row")


def _plain(column: str) -> pl.Expr:
    """Names as they are compared: one form of Unicode, one space, no case."""
    return pl.col(column).map_elements(
        lambda name: " ".join(unicodedata.normalize("NFKC", name).casefold().split()),
        return_dtype=pl.String,
    )
