"""The list of a corpus' clips and their audio files, from which features are made.

It is read from the corpus' own files and shared by all results folders, as features are. A clip
table is of one results folder: folds and classes are in it.
"""

from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.table_files import read_made
from fairser.core.words import shortened
from fairser.corpora.clips import ClipTable


def write_list(table: ClipTable, path: str | Path) -> None:
    """Write clip and file of each clip as csv, by name of the clip."""
    with complete(path) as temporary:
        table.clips().select("clip", "file").write_csv(temporary)


def read_list(path: str | Path) -> pl.DataFrame:
    """The columns ``clip`` and ``file`` of a list."""
    return read_made(path, text=["clip", "file"])


def check_list(table: ClipTable, path: str | Path) -> None:
    """Refuse a table whose clips or files are not those of the list.

    Raises:
        InputError: the corpus has changed, or its reader gives other clips with other settings.
    """
    own, listed = table.clips().select("clip", "file"), read_list(path)
    differing = pl.concat(
        [a.join(b, on=["clip", "file"], how="anti") for a, b in ((own, listed), (listed, own))]
    )
    if differing.height:
        names = differing["clip"].unique().sort().to_list()
        raise InputError(
            f"{path}: the features were made from this list, but the corpus has other clips or "
            f"files: {', '.join(shortened(names, 3))}. All results folders share the features, so "
            "folds, classes and demographics must not change which clips there are. If the corpus "
            "itself has changed, remove the list and run again."
        )
