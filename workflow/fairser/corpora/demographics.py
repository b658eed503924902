"""Demographic attributes of speakers and clips, from columns of any corpus.

Values become lower-case text with underscores (``African American`` is ``african_american``);
empty and unknown values are null. Ages become the groups of the Interspeech 2025 paper, section
5.3: young 20-35, middle 36-49, elderly 50 and older.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.core.table_files import read_csv
from fairser.core.words import joined
from fairser.corpora.clips import AGE_YEARS
from fairser.corpora.faults import AT_ONCE, Faults
from fairser.corpora.names import TAKEN
from fairser.corpora.people import UNKNOWN_SPEAKER, is_known, is_nobody

KNOWN = ("gender", "race", "age", "ethnicity")
SPEAKER_COLUMNS = ("speaker", "SpkrID", "ActorID")
COLUMN_ALIASES = {"sex": "gender"}
MEN, WOMEN = ("m", "man", "men", "male_masculine"), ("f", "woman", "women", "female_feminine")
VALUE_ALIASES = {"gender": dict.fromkeys(MEN, "male") | dict.fromkeys(WOMEN, "female")}
AGE_STARTS = {"young": 20, "middle": 36, "elderly": 50}
PAPER_ORDER = {
    "gender": ["male", "female"],
    "race": ["caucasian", "african_american", "asian"],
    "age": list(AGE_STARTS),
}


def name_speakers(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The rows with ``speaker``, the person whom some text columns tell, and ``file`` as before.

    The values are joined by ``_``, such as ``Ses01_female``. Where one of them is unknown, or there
    are no columns, the clip may be anyone's and gets a speaker of its own.
    """
    alone = pl.lit(UNKNOWN_SPEAKER) + pl.col("file")
    if not columns:
        return frame.with_columns(alone.alias("speaker"))
    # Spellings of an attribute's value are one value; those of names are different people.
    values = [
        _plain(column, name)
        if (name := attribute_name(column)) in KNOWN
        else pl.col(column).str.strip_chars()
        for column in columns
    ]
    known = pl.all_horizontal([is_known(pl.col(column)) for column in columns])
    person = pl.concat_str(values, separator="_") if columns[1:] else values[0]
    return frame.with_columns(pl.when(known).then(person).otherwise(alone).alias("speaker"))


def tidy(frame: pl.DataFrame, attributes: list[str], faults: Faults = AT_ONCE) -> pl.DataFrame:
    """Attribute columns (text) in the form of the clip table; ``age`` adds ``age_years``."""
    for name in attributes:
        value = _plain(name, name)
        frame = frame.with_columns(pl.when(is_known(pl.col(name))).then(value).alias(name))
    return _group_ages(frame, faults) if "age" in attributes else frame


def read_speakers(path: str | Path, faults: Faults = AT_ONCE) -> tuple[pl.DataFrame, list[str]]:
    """A row per speaker (``speaker``, attributes, perhaps ``age_years``), and the attributes.

    The file is a csv such as CREMA-D's ``VideoDemographics.csv``.
    """
    frame = read_csv(path)
    speaker = next((name for name in SPEAKER_COLUMNS if name in frame.columns), "")
    if not speaker:
        raise InputError(f"{path}: no column of speakers ({', '.join(SPEAKER_COLUMNS)}).")
    names = {name: attribute_name(name) for name in frame.columns if name not in (speaker, "row")}
    for name in names.values():
        same = [f"'{column}'" for column in names if names[column] == name]
        if same[1:] or not name or name in TAKEN:
            raise InputError(
                f"{path}, row 1: {joined(same)} can't be read as the attribute '{name}', whose "
                "name is taken; rename or remove the column."
            )
    frame = frame.rename({speaker: "speaker", **names})
    frame = frame.with_columns(pl.col("speaker").str.strip_chars())
    faults.note(
        frame.filter(pl.col("speaker").is_duplicated()),
        "speaker '{speaker}' has more than one row; keep one.",
        "speaker",
    )
    frame = frame.unique("speaker", keep="first", maintain_order=True)
    attributes = list(names.values())
    return tidy(frame, attributes, faults).drop("row"), attributes


def join_speakers(
    clips: pl.DataFrame, attributes: list[str], path: str | Path, faults: Faults = AT_ONCE
) -> tuple[pl.DataFrame, list[str]]:
    """The clips with the demographics of their speakers, and the names of all attributes.

    The clips may have attributes of their own. Faults are a speaker without a row in the
    demographics, and a value that contradicts that of the clips.
    """
    speakers, added = read_speakers(path, faults)
    lost = clips.filter(~is_nobody()).join(speakers, on="speaker", how="anti")
    faults.note(
        lost.unique("speaker", keep="first", maintain_order=True),
        "speaker '{speaker}' has no row in {path}. Add one; leave unknown values empty.",
        "speaker",
        path=path,
    )
    both = clips.join(speakers, on="speaker", how="left", suffix=" of the speaker")
    if AGE_YEARS in clips.columns and AGE_YEARS in speakers.columns:
        other = f"{AGE_YEARS} of the speaker"
        both = both.with_columns(pl.coalesce(AGE_YEARS, other)).drop(other)
    for name in set(attributes) & set(added):
        other = f"{name} of the speaker"
        wrong = both.filter(pl.col(name) != pl.col(other))
        wrong = wrong.unique("speaker", keep="first", maintain_order=True)
        faults.note(
            wrong.select("row", "speaker", here=name, there=other),
            "{name} of speaker '{speaker}' is '{here}' here and '{there}' in {path}; fix one.",
            "speaker",
            name=name,
            path=path,
        )
        # The file's value first, so that one that contradicts it is one fault.
        both = both.with_columns(pl.coalesce(other, name).alias(name)).drop(other)
    return both, [*attributes, *(name for name in added if name not in attributes)]


def order_groups(attribute: str, groups: list[str]) -> list[str]:
    """Groups of an attribute in the order of the paper's tables; others by name."""
    paper = PAPER_ORDER.get(attribute, [])
    return [g for g in paper if g in groups] + sorted(set(groups) - set(paper))


def attribute_name(column: str) -> str:
    """The attribute that a column of any corpus is about, such as gender for ``Sex``."""
    return COLUMN_ALIASES.get(_word(column), _word(column))


def columns_alike(attribute: str, columns: Sequence[str]) -> list[str]:
    """The columns that an attribute can be: of this name, else of another that means the same."""
    name = attribute_name(attribute)
    exact = [column for column in columns if _word(column) == name]
    return exact or [column for column in columns if attribute_name(column) == name]


def _word(column: str) -> str:
    return column.strip().lower().replace(" ", "_")


def _plain(column: str, attribute: str) -> pl.Expr:
    """Values of an attribute's column in the form of the clip table."""
    words = (
        pl.col(column).str.strip_chars().str.to_lowercase().str.replace_all(r"[\s\p{Cc}-]+", "_")
    )
    return words.replace(VALUE_ALIASES.get(attribute, {}))


def _group_ages(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    years = pl.col("age").cast(pl.Float64, strict=False)
    if not frame.select(years.is_not_null().any()).item():  # the corpus has age groups of its own
        return frame
    faults.note(
        frame.filter(pl.col("age").is_not_null() & years.is_null()),
        "age '{age}' is not a number, but other ages are; use one form.",
        "age",
    )
    # The paper defines no group below 20: such ages are unknown to the age metrics.
    group = pl.lit(None, pl.String)
    for name, start in AGE_STARTS.items():
        group = pl.when(years >= start).then(pl.lit(name)).otherwise(group)
    return frame.with_columns(group.alias("age"), years.alias(AGE_YEARS))
