"""The clip table: what every corpus reader makes and every later step reads.

One row for each clip and fold, in parquet, with the columns in this order:

========================  =======================================================================
``clip``                  name of the clip, unique within a fold
``file``                  audio file, relative to the corpus' audio folder
``speaker``               text; a person: the unit of splits and of the bootstrap
``fold``                  1, 2, ...
``split``                 ``train``, ``development`` or ``test`` in this fold
one column per class      label value of the class, float64; the values of a row sum to 1
``majority``              the class whose value is above 0.5, or null
one per attribute         demographic group of the clip as text (``gender``, ``race``, ...), or null
``age_years``             age as a number, where the corpus has it
``test_set``              test set of a test clip (``test1``), where the corpus names any; or null
========================  =======================================================================

The file's metadata hold the task: ``single_label`` where each clip has one class, so that the most
probable class is predicted, or ``multi_label``, where every class above 1 / C is. They also hold
the licence, where the corpus' own files tell it.

A reader ends with :func:`build`. The helpers for readers, here and in
:mod:`fairser.corpora.demographics`, raise the first fault of a file; with one :class:`Faults`
passed to all of them, ``build`` raises all faults together.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.table_files import read_made, read_metadata, require_columns
from fairser.core.words import counted, joined, shortened
from fairser.corpora import checks
from fairser.corpora.faults import AT_ONCE, Faults
from fairser.corpora.names import MULTI, SINGLE, clip_name, taken_names
from fairser.corpora.people import alike_speakers

SPLITS = checks.SPLITS
KEYS = ("clip", "file", "speaker", "fold", "split")
AGE_YEARS = "age_years"
TEST_SET = checks.TEST_SET
OPTIONAL = (AGE_YEARS, TEST_SET)  # columns after the attributes
MAJORITY_THRESHOLD = 0.5
SHOWN = 3  # clips that a message names


@dataclass(frozen=True)
class ClipTable:
    """A clip table (``frame``), the names of its class and demographic columns, and its task.

    ``alike`` says which names of speakers look like one person's; a table that is read from a file
    has none. ``licence`` is what the corpus' own files say.
    """

    frame: pl.DataFrame
    classes: tuple[str, ...]
    attributes: tuple[str, ...]
    task: str = MULTI
    alike: tuple[str, ...] = ()
    licence: str | None = None

    @property
    def folds(self) -> list[int]:
        return self.frame["fold"].unique().sort().to_list()

    def fold(self, fold: int) -> "ClipTable":
        """The rows of one fold."""
        if fold not in self.folds:
            known = ", ".join(map(str, self.folds))
            raise InputError(
                f"Fold {fold} does not exist: the corpus has the folds {known}. "
                "Fix 'grid.folds' in the configuration."
            )
        return self.replace(self.frame.filter(pl.col("fold") == fold))

    def clips(self) -> pl.DataFrame:
        """One row per clip (clip, file, speaker, class values, majority, attributes), by name."""
        of_fold = ["fold", "split", *({TEST_SET} & set(self.frame.columns))]
        return self.frame.unique("clip", keep="first").drop(of_fold).sort("clip")

    def without(self, clips: Collection[str]) -> "ClipTable":
        """The table without some clips."""
        return self.replace(self.frame.filter(~pl.col("clip").is_in(list(clips))))

    def replace(self, frame: pl.DataFrame) -> "ClipTable":
        """A table of other rows with the same roles."""
        return replace(self, frame=frame)

    def with_task(self, task: str | None, origin: str | Path) -> "ClipTable":
        """The table with a task (``corpus.task``); None keeps the one that the labels have.

        Raises:
            InputError: the task is ``single_label``, but a clip has several classes.
        """
        if task == SINGLE:
            largest = pl.max_horizontal(self.classes)
            same = pl.sum_horizontal(pl.col(self.classes) == largest)
            if tied := self.clips().filter(same > 1)["clip"].to_list():
                raise InputError(
                    f"{origin}: 'corpus.task' is {SINGLE}, but {counted(len(tied), 'clip')} "
                    f"({joined(shortened(tied, SHOWN))}) have several classes with the largest "
                    f"label value. Remove these clips, or set 'corpus.task' to {MULTI}."
                )
        return replace(self, task=task or self.task)

    def write(self, path: str | Path) -> None:
        with complete(path) as temporary:
            metadata = {"task": self.task} | ({"licence": self.licence} if self.licence else {})
            self.frame.write_parquet(temporary, metadata=metadata)

    @classmethod
    def read(cls, path: str | Path) -> "ClipTable":
        """Read what :meth:`write` wrote; the roles follow from the order of the columns."""
        frame = read_made(path, [*KEYS, "majority"])
        columns = frame.columns
        end = columns.index("majority")
        attributes = [name for name in columns[end + 1 :] if name not in OPTIONAL]
        facts = read_metadata(path)
        classes = tuple(columns[len(KEYS) : end])
        return cls(frame, classes, tuple(attributes), facts["task"], licence=facts.get("licence"))


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
            perhaps ``row``, the place of each row for messages (``file, row n``). ``split`` may
            name a test set, such as ``Test1``.
        classes: two at least.
        attributes: the demographic columns.
        origin: the file or folder that messages name.
        faults: those that the reader found before; all are raised together.
    """
    found = faults or Faults()
    if taken := taken_names(origin, classes, attributes):
        raise InputError(*found.messages, *taken)
    if "row" not in frame.columns:
        frame = frame.with_columns((pl.lit(f"{origin}, clip ") + pl.col("clip")).alias("row"))
    if len(classes) < 2:
        found.add(f"{origin}: only the class columns {classes} were found, two are needed.")
    frame = checks.name_test_sets(frame).with_columns(pl.col("speaker").str.strip_chars())
    checks.check_rows(frame, classes, attributes, found)
    found.raise_all()
    majority = pl.coalesce(
        pl.when(pl.col(name) > MAJORITY_THRESHOLD).then(pl.lit(name)) for name in classes
    )
    columns = [*KEYS, *classes, "majority", *attributes]
    columns += [name for name in OPTIONAL if name in frame.columns]
    table = frame.with_columns(majority.alias("majority")).select(columns).sort("fold", "clip")
    one_class = table.select((pl.max_horizontal(classes) == 1).all()).item()
    task = SINGLE if one_class else MULTI
    return ClipTable(table, tuple(classes), tuple(attributes), task, alike_speakers(frame))


def fold_numbers(frame: pl.DataFrame, faults: Faults) -> pl.DataFrame:
    """The rows with the text column ``fold`` as whole numbers from 1 on."""
    number = pl.col("fold").cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False)
    frame = faults.without(
        frame,
        number.is_null() | (number < 1),
        "fold '{fold}' is not a whole number from 1 on; fix it.",
        "fold",
    )
    return frame.with_columns(number)


def rotate(frame: pl.DataFrame, origin: str | Path, faults: Faults = AT_ONCE) -> pl.DataFrame:
    """One row per clip and fold with its ``split``, from one row per clip with its test ``fold``.

    Each fold tests on its own clips, develops on those of the next fold and trains on the rest.
    """
    before, frame = frame.height, fold_numbers(frame, faults)
    parts = frame["fold"].unique().sort().to_list()
    if len(parts) < 3:
        if frame.height < before:  # the folds that lack may be among the faulty ones
            faults.raise_all()
        raise InputError(
            f"{origin}: {len(parts)} fold(s); three are needed for train, development and test. "
            "Add a 'split' column, or leave 'fold' out to have folds made."
        )
    following = dict(zip(parts, parts[1:] + parts[:1], strict=True))
    frames = [
        frame.with_columns(
            pl.col("fold")
            .replace_strict({test: "test", following[test]: "development"}, default="train")
            .alias("split"),
            pl.lit(test, pl.Int64).alias("fold"),
        )
        for test in parts
    ]
    return pl.concat(frames)


def select_classes(found: list[str], wanted: list[str] | None, origin: str | Path) -> list[str]:
    """The wanted classes (``corpus.classes``), all of which must be among the columns found."""
    require_columns(origin, found, wanted or [], "which 'corpus.classes' names as a class")
    return wanted or found


def numeric(frame: pl.DataFrame, columns: list[str], faults: Faults = AT_ONCE) -> pl.DataFrame:
    """Text columns as float64, without rows whose value is not a finite number."""
    for name in columns:
        finite = pl.col(name).cast(pl.Float64, strict=False).is_finite().fill_null(False)
        faults.note(
            frame.filter(~finite).select("row", value=name),
            "column '{name}' holds '{value}', a number from 0 to 1 is needed.",
            "value",
            name=name,
        )
        frame = frame.filter(finite)
    return frame.with_columns(pl.col(columns).cast(pl.Float64, strict=False))


def require_text(
    frame: pl.DataFrame, column: str, faults: Faults = AT_ONCE, more: str = ""
) -> pl.DataFrame:
    """The rows that have a value in a text column; ``more`` is added to the message of others."""
    return faults.without(
        frame,
        pl.col(column).str.strip_chars() == "",
        "column '{column}' is empty; give every row a value{more}.",
        column=column,
        more=more,
    )


def clip_names(column: str) -> pl.Expr:
    """Column ``clip``: :func:`clip_name` of a column of file names."""
    return pl.col(column).map_elements(clip_name, return_dtype=pl.String).alias("clip")
