"""The clip table: what every corpus reader makes and every later step reads.

One row for each clip and fold, in parquet, with the columns in this order:

========================  =======================================================================
``clip``                  name of the clip, unique within a fold
``file``                  audio file, relative to the corpus' audio folder
``speaker``               text; the unit of splits and of the bootstrap
``fold``                  1, 2, ...
``split``                 ``train``, ``development`` or ``test`` in this fold
one column per class      label value of the class, float64; the values of a row sum to 1
``majority``              the class whose value is above 0.5, or null
one per attribute         demographic group of the clip as text (``gender``, ``race``, ...), or null
``age_years``             age as a number, where the corpus has it
========================  =======================================================================
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from fairser.core.errors import InputError, nearest
from fairser.core.files import complete
from fairser.corpora.faults import Faults
from fairser.corpora.names import clip_name

SPLITS = ("train", "development", "test")
KEYS = ("clip", "file", "speaker", "fold", "split")
AGE_YEARS = "age_years"
MAJORITY_THRESHOLD = 0.5
# Label values are shares printed with six digits: an honest row sums to 1 within 1e-5, a row of
# percentages, counts or with a missing rater does not.
SUM_TOLERANCE = 0.005


@dataclass(frozen=True)
class ClipTable:
    """A clip table together with the roles of its columns.

    ``frame`` has the columns of the module's table, ``classes`` the C class names in the order of
    the label values, ``attributes`` the demographic columns.
    """

    frame: pl.DataFrame
    classes: tuple[str, ...]
    attributes: tuple[str, ...]

    @property
    def folds(self) -> list[int]:
        return self.frame["fold"].unique().sort().to_list()

    def fold(self, fold: int) -> "ClipTable":
        """The rows of one fold."""
        if fold not in self.folds:
            known = ", ".join(map(str, self.folds))
            raise InputError(
                f"Fold {fold} does not exist: the corpus has the folds {known}. "
                "Mend 'grid.folds' in the configuration."
            )
        return self.replace(self.frame.filter(pl.col("fold") == fold))

    def clips(self) -> pl.DataFrame:
        """One row per clip (clip, file, speaker, class values, majority, attributes), by name."""
        return self.frame.unique("clip", keep="first").drop("fold", "split").sort("clip")

    def without(self, clips: Collection[str]) -> "ClipTable":
        """The table without some clips, those whose audio can't be used."""
        return self.replace(self.frame.filter(~pl.col("clip").is_in(list(clips))))

    def replace(self, frame: pl.DataFrame) -> "ClipTable":
        return ClipTable(frame, self.classes, self.attributes)

    def write(self, path: str | Path) -> None:
        with complete(path) as temporary:
            self.frame.write_parquet(temporary)

    @classmethod
    def read(cls, path: str | Path) -> "ClipTable":
        """Read what :meth:`write` wrote; the roles follow from the order of the columns."""
        frame = pl.read_parquet(path)
        columns = frame.columns
        end = columns.index("majority")
        attributes = [name for name in columns[end + 1 :] if name != AGE_YEARS]
        return cls(frame, tuple(columns[len(KEYS) : end]), tuple(attributes))


def build(
    frame: pl.DataFrame,
    classes: list[str],
    attributes: list[str],
    origin: str | Path,
    faults: Faults | None = None,
) -> ClipTable:
    """Check the rows of a reader and make the clip table of them.

    Args:
        frame: columns of :data:`KEYS`, the classes, the attributes, perhaps ``age_years``, and
            ``row``, a text that locates the row in its file for messages.
        classes: the C class names, two at least.
        attributes: the demographic columns.
        origin: the file or folder that messages name.
        faults: what the reader found in the rows before, which it left out.

    Raises:
        InputError: with all that was found: a label row that does not sum to 1, a clip twice in a
            fold, a speaker in two splits of a fold, an unknown split.
    """
    faults = faults or Faults()
    clash = set(classes) & {*KEYS, *attributes, "majority", AGE_YEARS}
    if clash:
        raise InputError(
            *faults.told, f"{origin}: a class cannot have the name of another column: {clash}."
        )
    if len(classes) < 2:
        faults.told.append(
            f"{origin}: only the class columns {classes} were found, two are needed."
        )
    _check_labels(frame, classes, faults)
    _check_splits(frame, classes, faults)
    faults.refuse()
    majority = pl.coalesce(
        pl.when(pl.col(name) > MAJORITY_THRESHOLD).then(pl.lit(name)) for name in classes
    )
    columns = [*KEYS, *classes, "majority", *attributes]
    columns += [AGE_YEARS] if AGE_YEARS in frame.columns else []
    table = frame.with_columns(majority.alias("majority")).select(columns).sort("fold", "clip")
    return ClipTable(table, tuple(classes), tuple(attributes))


def select_classes(found: list[str], wanted: list[str] | None, origin: str | Path) -> list[str]:
    """The wanted classes (``corpus.classes``), all of which must be among the columns found."""
    missing = [
        f"{origin}, row 1: no column '{name}', which 'corpus.classes' names as a class."
        f"{nearest(name, found)} The columns are: {', '.join(found)}."
        for name in wanted or []
        if name not in found
    ]
    if missing:
        raise InputError(*missing)
    return wanted or found


def numeric(frame: pl.DataFrame, columns: list[str], faults: Faults) -> pl.DataFrame:
    """Text columns as float64; rows with a value that is no finite number are left out."""
    for name in columns:
        finite = pl.col(name).cast(pl.Float64, strict=False).is_finite().fill_null(False)
        frame = faults.without(frame, ~finite, partial(_no_number, name), name)
    return frame.with_columns(pl.col(columns).cast(pl.Float64, strict=False))


def _no_number(name: str, row: dict[str, Any]) -> str:
    return f"{row['row']}: column '{name}' holds {row[name]!r}, a number from 0 to 1 is needed."


def require_text(frame: pl.DataFrame, column: str, faults: Faults) -> pl.DataFrame:
    """The rows of a csv that have a value in a column."""
    return faults.without(
        frame,
        pl.col(column).str.strip_chars() == "",
        lambda row: f"{row['row']}: column '{column}' is empty; give every row a value.",
    )


def clip_names(column: str) -> pl.Expr:
    """Column ``clip``: :func:`clip_name` of a column of file names."""
    return pl.col(column).map_elements(clip_name, return_dtype=pl.String).alias("clip")


def _check_labels(frame: pl.DataFrame, classes: list[str], faults: Faults) -> None:
    def message(row: dict[str, Any]) -> str:
        values = ", ".join(f"{name} {row[name]:g}" for name in classes)
        return (
            f"{row['row']}: the label values of clip '{row['clip']}' ({values}) sum to "
            f"{row['total']:.4g}; they must not be negative and must sum to 1. Divide vote counts "
            "by the number of votes, percentages by 100; if 'corpus.classes' leaves classes out, "
            "divide the rest by their sum."
        )

    total = pl.sum_horizontal(classes)
    wrong = ((total - 1).abs() > SUM_TOLERANCE) | (pl.min_horizontal(classes) < 0)
    faults.note(frame.filter(wrong).with_columns(total.alias("total")), message)


def _check_splits(frame: pl.DataFrame, classes: list[str], faults: Faults) -> None:
    frame = faults.without(
        frame,
        ~pl.col("split").is_in(SPLITS),
        lambda row: (
            f"{row['row']}: split '{row['split']}' of clip '{row['clip']}' is unknown; "
            f"allowed: {', '.join(SPLITS)}."
        ),
        "split",
    )
    faults.note(
        frame.filter(pl.struct("clip", "fold").is_duplicated()),
        lambda row: (
            f"{row['row']}: clip '{row['clip']}' stands twice in fold {row['fold']}; "
            "keep one of the rows."
        ),
        "clip",
    )
    frame = frame.unique(["clip", "fold"], keep="first", maintain_order=True)
    differing = frame.group_by("clip", maintain_order=True).agg(
        pl.struct("speaker", *classes).n_unique().alias("kinds"), pl.col("row").last()
    )
    faults.note(
        differing.filter(pl.col("kinds") > 1),
        lambda row: (
            f"{row['row']}: clip '{row['clip']}' has another speaker or other label values "
            "than in another fold; a clip has the same in all folds."
        ),
        "clip",
    )
    splits = frame.group_by("fold", "speaker").agg(
        pl.col("split").unique().sort(), pl.col("row").first()
    )
    faults.note(
        splits.filter(pl.col("split").list.len() > 1).sort("fold", "speaker"),
        lambda row: (
            f"{row['row']}: speaker '{row['speaker']}' is in the splits "
            f"{' and '.join(row['split'])} of fold {row['fold']}; a speaker may be in one split "
            "of a fold only. Move all clips of the speaker to one split."
        ),
        "speaker",
    )
    if faults.told:
        return  # the rows that were left out may be those of a whole split
    for fold, part in frame.group_by("fold", maintain_order=True):
        missing = set(SPLITS) - set(part["split"])
        if missing:
            faults.told.append(
                f"{part['row'][0]}: fold {fold[0]} has no clip in {', '.join(sorted(missing))}; "
                "every fold needs all three splits."
            )
