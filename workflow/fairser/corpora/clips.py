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
from pathlib import Path

import polars as pl

from fairser.corpora.names import clip_name
from fairser.errors import InputError, nearest
from fairser.files import complete

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
    frame: pl.DataFrame, classes: list[str], attributes: list[str], origin: str | Path
) -> ClipTable:
    """Check the rows of a reader and make the clip table of them.

    Args:
        frame: columns of :data:`KEYS`, the classes, the attributes, perhaps ``age_years``, and
            ``row``, a text that locates the row in its file for messages.
        classes: the C class names, two at least.
        attributes: the demographic columns.
        origin: the file or folder that messages name.

    Raises:
        InputError: a label row that does not sum to 1, a clip twice in a fold, a speaker in two
            splits of a fold, an unknown split.
    """
    if len(classes) < 2:
        raise InputError(f"{origin}: only the class columns {classes} were found, two are needed.")
    clash = set(classes) & {*KEYS, *attributes, "majority", AGE_YEARS}
    if clash:
        raise InputError(f"{origin}: a class cannot have the name of another column: {clash}.")
    _check_labels(frame, classes)
    _check_splits(frame, classes)
    majority = pl.coalesce(
        pl.when(pl.col(name) > MAJORITY_THRESHOLD).then(pl.lit(name)) for name in classes
    )
    columns = [*KEYS, *classes, "majority", *attributes]
    columns += [AGE_YEARS] if AGE_YEARS in frame.columns else []
    table = frame.with_columns(majority.alias("majority")).select(columns).sort("fold", "clip")
    return ClipTable(table, tuple(classes), tuple(attributes))


def select_classes(found: list[str], wanted: list[str] | None, origin: str | Path) -> list[str]:
    """The wanted classes (``corpus.classes``), all of which must be among the columns found."""
    for name in wanted or []:
        if name not in found:
            raise InputError(
                f"{origin}, row 1: no column '{name}', which 'corpus.classes' names as a class."
                f"{nearest(name, found)} The columns are: {', '.join(found)}."
            )
    return wanted or found


def numeric(frame: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """Text columns as float64; a value that is no finite number is an :class:`InputError`."""
    numbers = frame.with_columns(pl.col(columns).cast(pl.Float64, strict=False))
    for name in columns:
        bad = frame.filter(~numbers[name].is_finite().fill_null(False))
        if bad.height:
            value, row = bad[name][0], bad["row"][0]
            raise InputError(
                f"{row}: column '{name}' holds {value!r}, a number from 0 to 1 is needed."
            )
    return numbers


def require_text(frame: pl.DataFrame, column: str) -> None:
    """Refuse a column of a csv with an empty value."""
    empty = frame.filter(pl.col(column).str.strip_chars() == "")
    if empty.height:
        raise InputError(f"{empty['row'][0]}: column '{column}' is empty; give every row a value.")


def clip_names(column: str) -> pl.Expr:
    """Column ``clip``: :func:`clip_name` of a column of file names."""
    return pl.col(column).map_elements(clip_name, return_dtype=pl.String).alias("clip")


def _check_labels(frame: pl.DataFrame, classes: list[str]) -> None:
    total = pl.sum_horizontal(classes)
    lowest = pl.min_horizontal(classes)
    bad = frame.filter(((total - 1).abs() > SUM_TOLERANCE) | (lowest < 0)).with_columns(
        total.alias("total")
    )
    if bad.height:
        first = bad.row(0, named=True)
        values = ", ".join(f"{name} {first[name]:g}" for name in classes)
        raise InputError(
            f"{first['row']}: the label values of clip '{first['clip']}' ({values}) sum to "
            f"{first['total']:.4g}; they must not be negative and must sum to 1. {bad.height} "
            "row(s) are like this. Divide vote counts by the number of votes, percentages by 100; "
            "if 'corpus.classes' leaves classes out, divide the rest by their sum."
        )


def _check_splits(frame: pl.DataFrame, classes: list[str]) -> None:
    unknown = frame.filter(~pl.col("split").is_in(SPLITS))
    if unknown.height:
        first = unknown.row(0, named=True)
        raise InputError(
            f"{first['row']}: split '{first['split']}' of clip '{first['clip']}' is unknown; "
            f"allowed: {', '.join(SPLITS)}."
        )
    twice = frame.filter(pl.struct("clip", "fold").is_duplicated())
    if twice.height:
        first = twice.row(0, named=True)
        raise InputError(
            f"{first['row']}: clip '{first['clip']}' stands twice in fold {first['fold']}; "
            "keep one of the rows."
        )
    differing = (
        frame.group_by("clip", maintain_order=True)
        .agg(pl.struct("speaker", *classes).n_unique().alias("kinds"), pl.col("row").last())
        .filter(pl.col("kinds") > 1)
    )
    if differing.height:
        first = differing.row(0, named=True)
        raise InputError(
            f"{first['row']}: clip '{first['clip']}' has another speaker or other label values "
            "than in another fold; a clip has the same in all folds."
        )
    crossing = (
        frame.group_by("fold", "speaker")
        .agg(pl.col("split").unique().sort(), pl.col("row").first())
        .filter(pl.col("split").list.len() > 1)
        .sort("fold", "speaker")
    )
    if crossing.height:
        first = crossing.row(0, named=True)
        raise InputError(
            f"{first['row']}: speaker '{first['speaker']}' is in the splits "
            f"{' and '.join(first['split'])} of fold {first['fold']} ({crossing.height} such "
            "speaker(s)); a speaker may be in one split of a fold only. Move all clips of the "
            "speaker to one split."
        )
    for fold, part in frame.group_by("fold", maintain_order=True):
        missing = set(SPLITS) - set(part["split"])
        if missing:
            raise InputError(
                f"{part['row'][0]}: fold {fold[0]} has no clip in {', '.join(sorted(missing))}; "
                "every fold needs all three splits."
            )
