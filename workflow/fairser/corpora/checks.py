"""Checks of the rows that a reader of a corpus makes; every fault is one message."""

import polars as pl

from fairser.corpora.faults import Faults
from fairser.corpora.people import check_people

SPLITS = ("train", "development", "test")
TEST_SET = "test_set"
NAMED_TEST = r"^test[\d\s_-]"  # such as Test1 and test_phone; not `tests`, which is a mistake
# Label values are shares printed with six digits: a correct row sums to 1 within 1e-5; a row of
# percentages or counts, or one that lacks a rater, does not.
SUM_TOLERANCE = 0.005


def check_rows(
    frame: pl.DataFrame, classes: list[str], attributes: list[str], faults: Faults
) -> None:
    """Note what is wrong with the rows of a clip table (see :func:`fairser.corpora.clips.build`).

    A row with a fault of its own is left out of the checks between rows, and a fault of a speaker
    or a clip out of those that follow from it.
    """
    people = check_people(frame, attributes, faults)
    check_labels(frame, classes, faults)
    _check_splits(people.filter(~_wrong_labels(classes)), classes, faults)


def name_test_sets(frame: pl.DataFrame) -> pl.DataFrame:
    """Splits such as ``Test1`` as ``test``, and their names in ``test_set``, if there are any."""
    word = pl.col("split").str.strip_chars().str.to_lowercase()
    named = word.str.contains(NAMED_TEST)
    if not frame.select(named.any()).item():
        return frame
    tested = named | (word == "test")
    return frame.with_columns(
        pl.when(tested).then(pl.lit("test")).otherwise("split").alias("split"),
        pl.when(tested).then(word).alias(TEST_SET),
    )


def _wrong_labels(classes: list[str]) -> pl.Expr:
    """Whether the label values of a row are not shares that sum to 1."""
    far = (pl.sum_horizontal(classes) - 1).abs() > SUM_TOLERANCE
    return far | (pl.min_horizontal(classes) < 0)


def check_labels(frame: pl.DataFrame, classes: list[str], faults: Faults) -> None:
    """Note rows whose label values are not shares that sum to 1."""
    total = pl.sum_horizontal(classes)
    values = pl.struct(classes).map_elements(
        lambda row: ", ".join(f"{name} {value:g}" for name, value in row.items()),
        return_dtype=pl.String,
    )
    faults.note(
        frame.filter(_wrong_labels(classes)).select(
            "clip", "row", total.alias("total"), values.alias("values")
        ),
        "the label values of clip '{clip}' ({values}) sum to {total:.4g}; they must not be "
        "negative and must sum to 1. Divide vote counts by the number of votes, percentages by "
        "100; if 'corpus.classes' leaves classes out, divide the rest by their sum.",
    )


def _check_splits(frame: pl.DataFrame, classes: list[str], faults: Faults) -> None:
    frame = faults.without(
        frame,
        ~pl.col("split").is_in(SPLITS),
        "split '{split}' of clip '{clip}' is unknown; allowed: {splits}.",
        "split",
        splits=", ".join(SPLITS),
    )
    faults.note(
        frame.filter(pl.struct("clip", "fold").is_duplicated()),
        "clip '{clip}' is twice in fold {fold}; keep one of the rows.",
        "clip",
    )
    frame = frame.unique(["clip", "fold"], keep="first", maintain_order=True)
    frame = _check_repeats(frame, classes, faults)
    splits = frame.group_by("fold", "speaker").agg(
        pl.col("split").unique().sort(), pl.col("row").first()
    )
    splits = splits.filter(pl.col("split").list.len() > 1).sort("fold", "speaker")
    faults.note(
        splits.with_columns(pl.col("split").list.join(" and ")),
        "speaker '{speaker}' is in the splits {split} of fold {fold}; a speaker may be in one "
        "split of a fold only. Move all clips of the speaker to one split.",
        "speaker",
    )
    if faults.messages:
        return  # the rows that were left out may be those of a whole split
    for (fold,), part in frame.group_by("fold", maintain_order=True):
        missing = set(SPLITS) - set(part["split"])
        if missing:
            faults.add(
                f"{part['row'][0]}: fold {fold} has no clip in {', '.join(sorted(missing))}; "
                "every fold needs all three splits."
            )


def _check_repeats(frame: pl.DataFrame, classes: list[str], faults: Faults) -> pl.DataFrame:
    """Note clips that differ between folds; returns the rows of all others."""
    content = pl.struct("speaker", *classes).alias("content")
    rows = frame.select("clip", "row", content).with_row_index("place")
    differing = rows.group_by("clip").agg(pl.col("content").n_unique().alias("kinds"))
    differing = differing.filter(pl.col("kinds") > 1)
    if differing.is_empty():
        return frame
    rows = rows.join(differing, on="clip", how="semi")
    # The odd one of a clip's rows is probably the wrong one; of two it is the second.
    rows = rows.with_columns(pl.len().over("clip", "content").alias("same"))
    odd = rows.sort("same", -pl.col("place").cast(pl.Int64)).unique(
        "clip", keep="first", maintain_order=True
    )
    faults.note(
        odd.sort("place"),
        "clip '{clip}' has another speaker or other label values than in another fold; a clip has "
        "the same in all folds.",
        "clip",
    )
    return frame.join(differing, on="clip", how="anti", maintain_order="left")
