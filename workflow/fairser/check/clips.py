"""The clip table of a corpus: clips, classes, demographics, folds."""

from collections import defaultdict

import polars as pl

from fairser.check.report import FEW, Report, count, shortened
from fairser.corpora.clips import SPLITS, ClipTable
from fairser.evaluation.metrics import positive

UNKNOWN_SHARE = 0.2  # of the clips; more of them without a value are worth a warning
ABBREVIATION = 4  # letters of a value that may stand for a longer one
UNEVEN = 3  # times that the largest test fold may be as large as the smallest


def tell(table: ClipTable, folds: list[int], report: Report) -> None:
    """Tell what a clip table holds.

    Args:
        table: of the corpus.
        folds: test folds of the grid, of which those that exist are looked at.
        report: takes what is found.
    """
    clips = table.clips()
    speakers = clips["speaker"].n_unique()
    report.found.append(("clips", f"{clips.height:,} of {count(speakers, 'speaker')}"))
    _tell_classes(table, report)
    for name in table.attributes:
        _tell_attribute(clips, name, report)
    if not table.attributes:
        report.found.append(("demographics", "none"))
    _tell_folds(table, report)
    if speakers == clips.height:
        report.warnings.append(
            "Every clip has a speaker of its own. If people speak several clips, give them one "
            "name each: folds keep speakers apart, and the intervals draw speakers."
        )
    _warn_alike("speaker", clips["speaker"].unique().sort().to_list(), report)
    for name in table.attributes:
        if clips[name].drop_nulls().n_unique() > 1:
            cells = positive_cells(table, [fold for fold in folds if fold in table.folds], name)
            report.warnings += _told_cells(name, cells)


def positives(frame: pl.DataFrame, classes: tuple[str, ...]) -> pl.DataFrame:
    """The frame with class columns as decisions, true for the classes a clip is positive for."""
    found = positive(frame.select(classes).to_numpy())
    return frame.with_columns(
        pl.Series(name, found[:, number], pl.Boolean) for number, name in enumerate(classes)
    )


def positive_cells(table: ClipTable, folds: list[int], attribute: str) -> pl.DataFrame:
    """``clips``: positive test clips of every ``fold``, ``class`` and ``group``."""
    test = table.frame.filter((pl.col("split") == "test") & pl.col("fold").is_in(folds))
    decided = positives(test, table.classes).drop_nulls(attribute)
    # A group that a fold's test lacks altogether has cells, too.
    groups = table.clips()[attribute].drop_nulls().unique()
    every = pl.DataFrame({"fold": folds}, {"fold": pl.Int64}).join(
        pl.DataFrame({"group": groups}), how="cross"
    )
    counts = decided.group_by("fold", pl.col(attribute).alias("group")).agg(
        pl.col(table.classes).sum()
    )
    wide = every.join(counts, on=["fold", "group"], how="left").fill_null(0)
    long = wide.unpivot(
        table.classes, index=["fold", "group"], variable_name="class", value_name="clips"
    )
    return long.sort("fold", "class", "group")


def _told_cells(attribute: str, cells: pl.DataFrame) -> list[str]:
    told = []
    for which, text in (
        (pl.col("clips") == 0, "no positive clip in test: they have no rate there, and no gap"),
        (
            pl.col("clips").is_between(1, FEW - 1),
            f"fewer than {FEW} positive clips in test: their rate jumps from clip to clip",
        ),
    ):
        found = cells.filter(which)
        if found.height:
            names = [
                f"fold {row['fold']} {row['class']} {row['group']}" for row in found.to_dicts()
            ]
            told.append(
                f"{attribute}: {found.height} of {cells.height} cells of fold, class and group "
                f"have {text} ({shortened(names)})."
            )
    return told


def _tell_classes(table: ClipTable, report: Report) -> None:
    clips = table.clips()
    decided = positives(clips, table.classes)
    numbers = [f"{name} {decided[name].sum():,}" for name in table.classes]
    report.found.append(("classes", f"{len(numbers)}; positive clips: {', '.join(numbers)}"))
    without = clips["majority"].null_count()
    text = "every clip has a majority class"
    if without:
        text = f"{count(without, 'clip')} without a majority class: in test only"
    report.found.append(("", text))
    never = [name for name in table.classes if not decided[name].any()]
    if never:
        report.warnings.append(f"No clip is positive for {shortened(never)}; leave it out.")
    _warn_alike("emotion", list(table.classes), report)


def _tell_attribute(clips: pl.DataFrame, name: str, report: Report) -> None:
    groups = (
        clips.drop_nulls(name)
        .group_by(name)
        .agg(pl.len().alias("clips"), pl.col("speaker").n_unique().alias("speakers"))
        .sort("clips", name, descending=[True, False])
    )
    told = [
        f"{group} {number:,} clips of {count(speakers, 'speaker')}"
        for group, number, speakers in groups.iter_rows()
    ]
    unknown = clips[name].null_count()
    told += [f"unknown {unknown:,}"] if unknown else []
    report.found.append((name, shortened(told, 8)))
    names = groups[name].to_list()
    if len(names) == 1:
        report.warnings.append(f"{name} has one group, {names[0]}: there is no gap to measure.")
    few = [f"{group} ({number})" for group, _, number in groups.iter_rows() if number < FEW]
    if few:
        report.warnings.append(
            f"{name}: groups of fewer than {FEW} speakers: {shortened(few)}. A gap to them says "
            "more of these speakers than of their group."
        )
    if unknown > UNKNOWN_SHARE * clips.height:
        report.warnings.append(
            f"{name} is unknown for {unknown:,} of {clips.height:,} clips; these are left out of "
            f"its gaps{_below_twenty(clips, name)}."
        )
    _warn_alike(name, sorted(names), report)


def _below_twenty(clips: pl.DataFrame, name: str) -> str:
    """Ages below 20 have no group, though they are known."""
    if name != "age" or "age_years" not in clips.columns:
        return ""
    young = clips.filter(pl.col("age").is_null() & pl.col("age_years").is_not_null()).height
    return f" ({young:,} of them are younger than 20, for which there is no group)" if young else ""


def _warn_alike(column: str, names: list[str], report: Report) -> None:
    """Warn of values that look like one: ``Anger`` and ``anger``, ``neu`` and ``neutral``."""
    plain = defaultdict(list)
    for name in names:
        plain["".join(filter(str.isalnum, name.casefold()))].append(name)
    pairs = [f"'{same[0]}' and '{same[1]}'" for key, same in plain.items() if key and same[1:]]
    # Numbers of speakers begin alike and are many.
    short = [key for key in plain if 0 < len(key) <= ABBREVIATION and column != "speaker"]
    pairs += [
        f"'{plain[key][0]}' and '{plain[other][0]}'"
        for key in short
        for other in plain
        if other.startswith(key) and other != key
    ]
    if pairs:
        report.warnings.append(f"{column}: {shortened(pairs)} look like one value; spell it alike.")


def _tell_folds(table: ClipTable, report: Report) -> None:
    sizes = (
        table.frame.group_by("fold", "split")
        .agg(pl.len().alias("clips"), pl.col("speaker").n_unique().alias("speakers"))
        .sort("fold")
    )
    told = {
        (fold, split): f"{split} {clips:,} ({speakers:,})"
        for fold, split, clips, speakers in sizes.iter_rows()
    }
    report.found.append(("folds", "clips (speakers)"))
    report.found += [
        ("", f"fold {fold}: {', '.join(told[fold, split] for split in SPLITS)}")
        for fold in table.folds
    ]
    tests = sizes.filter(pl.col("split") == "test")["clips"].sort()
    if tests[-1] > UNEVEN * tests[0]:
        report.warnings.append(
            f"The folds are uneven: {tests[0]:,} to {tests[-1]:,} test clips, and every fold "
            "counts the same in a mean."
        )
