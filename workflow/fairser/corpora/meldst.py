"""MELD-ST (Chen et al. 2024): speech of one television series in English, German and Japanese.

Its metadata are csv files ``ENG_DEU/deu_{train,valid,test}.csv`` and ``ENG_JPN/jpn_...``, its audio
``{pair}/{language}/{train|dev|test}/{split}_{id}.wav``. Splits are those of the corpus; they share
speakers. It has no genders: that of the character comes from a list of speakers and is used for
the voice, although in German and Japanese another person speaks.
"""

from itertools import product
from pathlib import Path

import polars as pl

from fairser.core.jobs import logger
from fairser.core.table_files import read_csv, rename_columns, require_columns
from fairser.corpora.faults import Faults
from fairser.corpora.genders import check_genders, join_genders, read_genders
from fairser.corpora.llm_clips import COLUMNS, check_audio

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
LANGUAGES = {"eng": "English", "deu": "German", "jpn": "Japanese"}
PAIRS = {"ENG_DEU": "deu", "ENG_JPN": "jpn"}
SPLITS = {"train": "train", "valid": "development", "test": "test"}
KEYS = ("season", "episode", "english")  # identify an English utterance in both pairs
NEEDED = ("id", "emotion", "season", "episode", "speaker", "english")


def read_meldst(
    metadata: str | Path,
    audio: str | Path,
    genders: str | Path,
    languages: list[str],
    english: str = "both",
) -> pl.DataFrame:
    """The clips of some languages with the genders of their speakers.

    Args:
        metadata: folder of ENG_DEU and ENG_JPN with the csv files.
        audio: folder of ENG_DEU and ENG_JPN with the audio.
        genders: csv or tsv with the columns ``speaker`` and ``gender``.
        languages: of :data:`LANGUAGES`.
        english: pair whose English clips are used, or ``both``: an utterance of both pairs is then
            used once, in test rather than in development rather than in train.

    Raises:
        InputError: with all faults of the csv files; without any, those of audio and genders.
    """
    faults, parts, listed = Faults(), [], pl.DataFrame()
    for pair, split in product(PAIRS, SPLITS):
        spoken = {"eng", PAIRS[pair]} if english in ("both", pair) else {PAIRS[pair]}
        used = spoken & set(languages)
        if used:
            with faults.gather():
                frame = _read(Path(metadata), pair, split, faults)
                parts += [_clips(frame, pair, name, split, Path(audio)) for name in sorted(used)]
    with faults.gather():
        listed = read_genders(genders)
    faults.raise_all()
    clips = _without_repeats(pl.concat(parts))
    clips = join_genders(clips, listed, genders).select(*COLUMNS, "listed").sort("clip")
    clips = clips.with_columns(pl.col("emotion").cast(pl.Enum(EMOTIONS)))
    for check in (lambda: check_audio(clips, audio), lambda: check_genders(clips)):
        with faults.gather():
            check()
    faults.raise_all()
    return clips


def _read(metadata: Path, pair: str, split: str, faults: Faults) -> pl.DataFrame:
    """A csv file as text with the needed columns, named in lower case, and ``row``."""
    language = PAIRS[pair]
    path = metadata / pair / f"{language}_{split}.csv"
    frame = rename_columns(read_csv(path), path, lambda name: name.strip().lower())
    require_columns(path, frame.columns, (*NEEDED, LANGUAGES[language].lower()))
    frame = frame.with_columns(pl.col("emotion").str.strip_chars().str.to_lowercase())
    faults.note(
        frame.filter(~pl.col("emotion").is_in(EMOTIONS)),
        f"emotion '{{emotion}}'; it must be one of {', '.join(EMOTIONS)}.",
        "emotion",
        EMOTIONS,
    )
    faults.note(
        frame.filter(pl.col("id").is_duplicated() | (pl.col("id").str.strip_chars() == "")),
        "id '{id}'; it must be unique.",
        "id",
    )
    return frame


def _clips(frame: pl.DataFrame, pair: str, language: str, split: str, audio: Path) -> pl.DataFrame:
    """Rows of a file as clips of one of its languages, with the key of the utterance."""
    pattern = _pattern(audio, pair, language, split, frame["id"][0])
    number = pl.col("id").str.strip_chars()
    return frame.select(
        pl.format(f"{pair}/{language}/{SPLITS[split]}/{{}}", number).alias("clip"),
        pl.format(pattern, number).alias("file"),
        pl.lit(language).alias("language"),
        pl.lit(SPLITS[split]).alias("split"),
        "emotion",
        pl.col(LANGUAGES[language].lower()).str.strip_chars().alias("transcript"),
        pl.col("speaker").str.strip_chars(),
        pl.concat_str(pl.col(KEYS).str.strip_chars(), separator="\n").alias("utterance"),
    )


def _pattern(audio: Path, pair: str, language: str, split: str, number: str) -> str:
    """Path of a wav with ``{}`` for its id, in the spelling that the audio folder uses."""
    splits = {"valid": ("dev", "valid")}.get(split, (split,))
    languages = (language.upper(), language, LANGUAGES[language])
    forms = [
        f"{pair}/{name}/{folder}/{prefix}_{{}}.wav"
        for name, folder, prefix in product(languages, splits, splits)
    ]
    there = (form for form in forms if (audio / form.format(number.strip())).is_file())
    return next(there, forms[0])


def _without_repeats(clips: pl.DataFrame) -> pl.DataFrame:
    """English utterances of both pairs once, in test rather than development rather than train."""
    rank = pl.col("split").replace_strict({"test": 0, "development": 1, "train": 2})
    # Within a pair the same words may be said twice.
    take = pl.int_range(pl.len()).over(pl.col("clip").str.head(7), "language", "utterance")
    kept = clips.sort(rank, "clip").with_columns(take.alias("take"))
    kept = kept.unique(["language", "utterance", "take"], keep="first", maintain_order=True)
    if repeats := clips.height - kept.height:
        logger.info("%d English clips of both pairs are used once", repeats)
    return kept.drop("take")
