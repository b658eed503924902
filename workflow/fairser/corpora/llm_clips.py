"""The clip table of the second study: what its readers make.

It has a row per clip:

==============  ================================================================================
``clip``        name of the clip, such as ``ENG_DEU/deu/train/17``
``file``        audio file, relative to the audio folder
``language``    such as ``eng``
``split``       ``train``, ``development`` or ``test``
``emotion``     one of the classes, which are the categories of the column
``transcript``  what is said, in the clip's language; may be empty
``speaker``     who speaks, or the character
``gender``      ``female``, ``male`` or null
``listed``      whether anything says a gender of the speaker, if only that it is unknown
==============  ================================================================================
"""

from pathlib import Path

import polars as pl

from fairser.config.llm import in_order
from fairser.core.errors import InputError
from fairser.core.files import is_lfs_pointer
from fairser.corpora.checks import SPLITS
from fairser.corpora.genders import GENDERS

COLUMNS = ("clip", "file", "language", "split", "emotion", "transcript", "speaker", "gender")
ALL = "all"  # in the statistics and tables, all emotions or languages


def classes_of(frame: pl.DataFrame) -> list[str]:
    """The classes of clips or of their predictions, in their order."""
    dtype = frame.schema["emotion"]
    if not isinstance(dtype, pl.Enum):
        raise TypeError(f"the column 'emotion' is {dtype}, not an Enum of the classes")
    return dtype.categories.to_list()


def statistics(table: pl.DataFrame) -> pl.DataFrame:
    """Clips by language, split and emotion: ``female``, ``male``, ``unknown``, ``clips``.

    With a row ``all`` of all emotions for each language and split.
    """
    gender = pl.col("gender")
    names = [*classes_of(table), ALL]
    table = table.with_columns(pl.col("emotion").cast(pl.String))
    total = table.with_columns(pl.lit(ALL).alias("emotion"))
    counts = (
        pl.concat([table, total])
        .group_by("language", "split", "emotion")
        .agg(
            *(gender.eq_missing(name).sum().alias(name) for name in GENDERS),
            gender.null_count().alias("unknown"),
            pl.len().alias("clips"),
        )
    )
    orders = {"language": in_order(table["language"]), "split": SPLITS, "emotion": names}
    return counts.sort(pl.col(name).cast(pl.Enum(values)) for name, values in orders.items())


def check_audio(table: pl.DataFrame, folder: str | Path) -> None:
    """Raise an InputError if files are missing, empty or Git LFS pointers; none is decoded."""
    paths = [Path(folder, file) for file in table["file"]]
    bad = [p for p in paths if not p.is_file() or not p.stat().st_size or is_lfs_pointer(p)]
    if bad:
        raise InputError(
            f"{bad[0]}: no audio there; {len(bad)} of {table.height} clips have none. The folder "
            f"of the audio is '{folder}' ('llm.corpus.audio'); MELD-ST's is given by its authors "
            "on request and holds ENG_DEU and ENG_JPN."
        )
