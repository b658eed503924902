"""The clip table of a corpus: clips, classes, demographics, folds."""

from collections import defaultdict

import polars as pl

from fairser.check.report import Report
from fairser.core.words import counted, joined, shortened
from fairser.corpora.clips import AGE_YEARS, SINGLE, SPLITS, TEST_SET, ClipTable
from fairser.corpora.people import is_nobody
from fairser.evaluation.metrics import decide
from fairser.evaluation.resampling import FEWEST

SHOWN = 6  # values in a message
FOLDS_SHOWN = 12
UNKNOWN_SHARE = 0.2  # of the clips; more of them without a value are worth a warning
ABBREVIATION = 4  # letters of a value that may stand for a longer one
UNEVEN = 3  # times that the largest test fold may be as large as the smallest


def describe(table: ClipTable, folds: list[int], report: Report) -> None:
    """Add to a report what a clip table holds; ``folds`` are those of the grid."""
    clips = table.clips()
    _describe_speakers(clips, report)
    _describe_classes(clips, table, report)
    for name in table.attributes:
        _describe_attribute(clips, name, report)
    if not table.attributes:
        report.add("demographics", "none")
    _describe_folds(table, folds, report)
    _warn_alike("speaker", clips["speaker"].unique().sort().to_list(), report)
    for name in table.attributes:
        if clips[name].drop_nulls().n_unique() > 1:
            _warn_few_speakers(table, folds, name, report)
            _warn_cells(table, folds, name, report)


def positives(frame: pl.DataFrame, classes: tuple[str, ...], task: str) -> pl.DataFrame:
    """The frame with class columns as decisions, true for the classes a clip is positive for."""
    found = decide(frame.select(classes).to_numpy(), task)
    return frame.with_columns(
        pl.Series(name, found[:, number], pl.Boolean) for number, name in enumerate(classes)
    )


def positive_cells(
    table: ClipTable, folds: list[int], attribute: str
) -> dict[tuple[int, str, str], int]:
    """Positive test clips of every fold, class and group, groups without a test clip included."""
    test = positives(table.frame.filter(split="test"), table.classes, table.task)
    cells: dict[tuple[int, str, str], int] = {}
    groups = table.clips()[attribute].drop_nulls().unique()
    for fold in folds:
        for group in groups:
            cell = test.filter(pl.col("fold") == fold, pl.col(attribute) == group)
            cells |= {(fold, name, group): int(cell[name].sum()) for name in table.classes}
    return dict(sorted(cells.items()))


def _warn_cells(table: ClipTable, folds: list[int], attribute: str, report: Report) -> None:
    """Warn of cells with too few positive clips; groups that a fold lacks are said elsewhere."""
    test = table.frame.filter(split="test").drop_nulls(attribute)
    there = set(test.select("fold", attribute).iter_rows())
    cells = positive_cells(table, folds, attribute)
    cells = {cell: n for cell, n in cells.items() if (cell[0], cell[2]) in there}
    few = f"fewer than {FEWEST} positive clips in test: their rate jumps from clip to clip"
    for sizes, text in (
        (range(1), "no positive clip in test: they have no rate there, and no gap"),
        (range(1, FEWEST), few),
    ):
        found = [f"fold {' '.join(map(str, cell))}" for cell, n in cells.items() if n in sizes]
        if found:
            report.warn(
                f"{attribute}: {len(found)} of {len(cells)} cells of fold, class and group "
                f"have {text} ({joined(shortened(found, SHOWN))})."
            )


def _describe_speakers(clips: pl.DataFrame, report: Report) -> None:
    known = clips.filter(~is_nobody())
    speakers, nobody = known["speaker"].n_unique(), clips.height - known.height
    text = f"{clips.height:,} of {counted(speakers, 'speaker')}"
    report.add("clips", text + (f"; {counted(nobody, 'clip')} without a speaker" if nobody else ""))
    if nobody:
        report.warn(
            f"{nobody:,} of {counted(clips.height, 'clip')} have no speaker. Each counts as a "
            "speaker of its own, although a person may have spoken several: splits may share "
            "people, and intervals may be too narrow."
        )
    elif speakers == clips.height:
        report.warn(
            "Every clip has a speaker of its own. If people speak several clips, give them one "
            "name each: folds keep speakers apart, and the intervals draw speakers."
        )


def _warn_few_speakers(table: ClipTable, folds: list[int], name: str, report: Report) -> None:
    """Warn of groups whose speakers in a test set are too few, or none."""
    cells = speakers_in_test(table, folds, name)
    few = [f"{place} ({number})" for place, number in cells.items() if 0 < number < FEWEST]
    none = [place for place, number in cells.items() if not number]
    of = counted(len(cells), "group") + " of a test set"
    if none:
        report.warn(
            f"{name}: {len(none)} of {of} have no speaker ({joined(shortened(none, SHOWN))}): "
            "these folds have no gap of their own."
        )
    if few:
        report.warn(
            f"{name}: {len(few)} of {of} have fewer than {FEWEST} speakers "
            f"({joined(shortened(few, SHOWN))}): alone they allow no interval, no p-value and no "
            "star."
        )


def speakers_in_test(table: ClipTable, folds: list[int], attribute: str) -> dict[str, int]:
    """Speakers of each group in each test set, by name (``fold 1 female``)."""
    test = table.frame.filter(pl.col("split") == "test", pl.col("fold").is_in(folds))
    keys = ["fold", *([TEST_SET] if TEST_SET in test.columns else [])]
    groups = table.clips()[attribute].drop_nulls().unique().sort()
    cells = {}
    for place, part in test.group_by(keys, maintain_order=True):
        for group in groups:
            words = " ".join(str(word) for word in (*place, group) if word is not None)
            members = part.filter(pl.col(attribute) == group)
            cells[f"fold {words}"] = members["speaker"].n_unique()
    return cells


def _describe_classes(clips: pl.DataFrame, table: ClipTable, report: Report) -> None:
    classes = table.classes
    decided = positives(clips, classes, table.task)
    numbers = [f"{name} {decided[name].sum():,}" for name in classes]
    without = clips["majority"].null_count()
    majority = f"{counted(without, 'clip')} without a majority class: in test only"
    report.add(
        "classes",
        f"{len(numbers)}; positive clips: {', '.join(numbers)}",
        majority if without else "every clip has a majority class",
    )
    single = "the most probable class of a clip is predicted"
    threshold = f"every class above 1 / {len(classes)} is predicted"
    report.add(
        "task",
        f"{table.task}: {single if table.task == SINGLE else threshold}",
    )
    if never := [name for name in classes if not decided[name].any()]:
        report.warn(f"No clip is positive for {joined(shortened(never, SHOWN))}; leave it out.")
    _warn_alike("emotion", list(classes), report)


def _describe_attribute(clips: pl.DataFrame, name: str, report: Report) -> None:
    groups = (
        clips.drop_nulls(name)
        .group_by(name)
        .agg(pl.len().alias("clips"), pl.col("speaker").n_unique().alias("speakers"))
        .sort("clips", name, descending=[True, False])
    )
    everyone = not clips.select(is_nobody().any()).item()
    texts = [
        f"{group} {number:,} clips" + (f" of {counted(speakers, 'speaker')}" if everyone else "")
        for group, number, speakers in groups.iter_rows()
    ]
    unknown = clips[name].null_count()
    texts += [f"unknown {unknown:,}"] if unknown else []
    report.add(name, ", ".join(shortened(texts, 8)))
    names = groups[name].to_list()
    if len(names) == 1:
        report.warn(f"{name} has one group, {names[0]}: there is no gap to measure.")
    few = [f"{group} ({number})" for group, _, number in groups.iter_rows() if number < FEWEST]
    if few:
        report.warn(
            f"{name}: groups of fewer than {FEWEST} speakers: {joined(shortened(few, SHOWN))}. A "
            "gap to them says more of these speakers than of their group."
        )
    if unknown > UNKNOWN_SHARE * clips.height:
        aged = name == "age" and AGE_YEARS in clips.columns
        young = clips.filter(pl.col("age").is_null())[AGE_YEARS].count() if aged else 0
        why = f" ({young:,} of them are younger than 20, for which there is no group)"
        report.warn(
            f"{name} is unknown for {unknown:,} of {clips.height:,} clips; these are left out of "
            f"its gaps{why if young else ''}."
        )
    _warn_alike(name, sorted(names), report)


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
        shown = ", ".join(shortened(pairs, SHOWN))
        report.warn(f"{column}: {shown} look like one value; spell it alike.")


def _describe_folds(table: ClipTable, folds: list[int], report: Report) -> None:
    tests, lines = [], []
    for fold in table.folds:
        parts = {split: table.frame.filter(fold=fold, split=split) for split in SPLITS}
        texts = [f"{n} {p.height:,} ({p['speaker'].n_unique():,})" for n, p in parts.items()]
        lines.append(f"fold {fold}: {', '.join(texts)}")
        tests.append(parts["test"].height)
    report.add("folds", f"{len(lines)}; clips (speakers)", *shortened(lines, FOLDS_SHOWN))
    if folds != table.folds:
        report.add("", f"'grid.folds' runs {', '.join(map(str, folds))}")
    if TEST_SET in table.frame.columns:
        sets = table.frame.filter(split="test").group_by(TEST_SET)
        numbers = sets.agg(pl.len(), pl.col("speaker").n_unique()).sort(TEST_SET).rows()
        texts = [f"{name} {clips:,} ({speakers:,})" for name, clips, speakers in numbers]
        report.add("test sets", f"{', '.join(texts)}; each is tested by itself")
    if max(tests) > UNEVEN * min(tests):
        report.warn(
            f"The folds are uneven: {min(tests):,} to {max(tests):,} test clips, and every fold "
            "counts the same in a mean."
        )
