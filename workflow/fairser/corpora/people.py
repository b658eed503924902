"""Speakers are people: splits, groups and the bootstrap over speakers rest on it."""

import re
import unicodedata
from collections.abc import Iterable

import polars as pl

from fairser.corpora.faults import Faults

UNKNOWN = (
    *("", "unknown", "na", "n/a", "nan", "none", "null", "?", "-"),
    "do_not_wish_to_say",  # of Common Voice
)
# Start of the names of clips whose speaker nobody knows: each is a speaker of its own.
UNKNOWN_SPEAKER = "unknown "
# Attributes of which a person has one value; others may be those of a clip, as age is.
PERSONAL = ("gender", "race", "ethnicity", "native_language", "nationality")


def is_known(column: pl.Expr) -> pl.Expr:
    """Whether a text column has a value: neither empty nor a word for unknown."""
    return ~column.str.strip_chars().str.to_lowercase().is_in(UNKNOWN).fill_null(True)


def is_nobody() -> pl.Expr:
    """Whether the ``speaker`` of a clip stands for one whom nobody knows."""
    return pl.col("speaker").str.starts_with(UNKNOWN_SPEAKER)


def is_somebody(speaker: str) -> bool:
    """Whether a name of a speaker is that of a person."""
    return not speaker.startswith(UNKNOWN_SPEAKER)


def alike(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of names that differ only in case, spaces or the leading zeros of their numbers.

    The first name of a pair is the first one of all that are alike.
    """
    first: dict[str, str] = {}
    pairs = []
    for name in dict.fromkeys(names):
        plain = unicodedata.normalize("NFKC", name).casefold()
        plain = "".join(re.sub(r"(?<!\d)0+(?=\d)", "", plain).split())
        if first.setdefault(plain, name) != name:
            pairs.append((first[plain], name))
    return pairs


def alike_speakers(frame: pl.DataFrame) -> tuple[str, ...]:
    """A message about speakers whose names are :func:`alike`, if there are any, with their rows."""
    known = frame.filter(~is_nobody()).unique("speaker", keep="first", maintain_order=True)
    rows = dict(known.select("speaker", "row").iter_rows())
    pairs = alike(rows)
    places = [(rows[name], name, other, rows[other]) for other, name in pairs]
    columns = ("row", "speaker", "other", "place")
    found = Faults()
    found.note(
        pl.DataFrame(places, dict.fromkeys(columns, pl.String), orient="row"),
        "speaker '{speaker}' and '{other}' ({place}) look like one person: their names differ only "
        "in case, spaces or leading zeros. Give a person one name; if they are different people, "
        "set 'corpus.distinct_speakers' to true.",
        "speaker",
    )
    return tuple(found.messages)


def check_people(frame: pl.DataFrame, attributes: list[str], faults: Faults) -> pl.DataFrame:
    """Note speakers with two values of a person's attribute; returns the rows of all others."""
    good = frame
    for name in (name for name in attributes if name in PERSONAL):
        values = frame.drop_nulls(name).select(
            "speaker",
            "row",
            pl.col(name).first().over("speaker").alias("first"),
            pl.col(name).alias("other"),
        )
        wrong = values.filter(pl.col("other") != pl.col("first"))
        faults.note(
            wrong.unique("speaker", keep="first", maintain_order=True),
            "{name} of speaker '{speaker}' is '{other}', in an earlier row '{first}'; a speaker is "
            "one person. Fix the value; or, if the name stands for several people, such as a "
            "session, name the columns that tell them apart: corpus.speaker: [SpkrID, Gender].",
            "speaker",
            name=name,
        )
        good = good.join(wrong, on="speaker", how="anti", maintain_order="left")
    return good
