"""Pages about the data of the runs: biased splits, groups, and the clips of the second study."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import polars as pl

from fairser.config.llm import OWN
from fairser.config.schema import Config
from fairser.core.files import read_json
from fairser.core.table_files import read_made
from fairser.report.estimates import Line, read_published
from fairser.report.pages import Column, Page, PageRow, cells, number_columns
from fairser.report.records import Records, facts, origin
from fairser.results.writing import read_table

SCORES = {
    "accuracy": ("Accuracy", "Share of clips in the annotated group, after the best matching."),
    "purity": ("Purity", "Share of clips with the most frequent annotation of their group."),
    "nmi": ("NMI", "Normalised mutual information: near 0 by chance, 1 for the same groups."),
    "ari": ("ARI", "Adjusted Rand index: 0 by chance, 1 for the same groups."),
}


def counts_page(
    path: str, paper: str | None, head: Sequence[str], splits: Mapping[int, str], config: Config
) -> Page:
    """Table A3 or A4: clips of the biased splits.

    ``paper`` is the path of ``*_vs_paper.csv``, ``head`` names the rows, and ``splits`` are the
    paths of the clip tables by fold.
    """
    table = read_table(path, [name for name in head if name != "fold"])
    head = [name for name in head if name in table.columns]  # the corpus may lack the attribute
    published = read_published(paper, head)
    records = Records()
    shared = {
        "Corpus": facts(config["corpus"]),
        "Bias of the train and development clips": facts(config["bias"]),
    }
    numbers = {fold: records.add(f"fold {fold}", file, shared) for fold, file in splits.items()}
    columns = [name for name in table.columns if name not in head]
    rows = _rows(table, columns, lambda line: numbers[line.get("fold", min(numbers))])
    for line, row in zip(table.to_dicts(), rows, strict=True):
        for name in columns:
            count, difference = published.get((*(line[key] for key in head), name), (0, 0))
            if difference:
                row.cells[name] = replace(row.cells[name], published=f"published {count:.0f}")
    legend = ["Counts are of clips with a majority emotion."]
    legend += ["The published count is below ours if the two differ."] if published else []
    return Page(
        name="tableA4" if "fold" in head else "tableA3",
        lede=("" if "fold" in head else f"Fold {min(numbers)}. ") + _about_bias(config),
        columns=[
            *(Column(n, _label(n), choice=True, number=n == "fold") for n in head),
            *_count_columns(columns),
        ],
        rows=rows,
        records=records,
        legend=legend,
        files=[path, *([paper] if paper else [])],
        behind="split",
    )


def groups_page(path: str, files: Sequence[str]) -> Page:
    """How well the groups of each source, in JSON files, agree with the annotated ones."""
    records, numbers = Records(), {}
    for file in files:
        made = read_json(file)
        key = made["source"], made["k"], made["fold"]
        name = "{}, K {}, fold {}".format(*key)
        numbers[key] = records.add(name, file, {"Made from": origin(made["origin"], {})})
    table = read_table(path)
    return Page(
        name="groups",
        lede="How well the groups of each source agree with the annotated ones, by fold and split.",
        columns=[
            Column("source", "Groups from", choice=True),
            Column("k", "K", number=True, choice=True),
            Column("fold", "Fold", number=True, choice=True),
            Column("split", "Split", choice=True),
            Column("attribute", "Against", choice=True),
            Column("clips", "Clips", number=True),
            *number_columns(SCORES),
            *_count_columns(["groups", "smallest", "largest"]),
            Column("unknown", "Unknown", number=True, help="Clips without a group."),
        ],
        rows=_rows(table, SCORES, lambda line: numbers[line["source"], line["k"], line["fold"]]),
        records=records,
        files=[path],
        behind="file",
    )


def statistics_page(path: str, clips: str, config: Config) -> Page:
    """Clips of MELD-ST by language, split, emotion and gender, from ``statistics.csv``."""
    table, head = read_table(path), ("language", "split", "emotion")
    columns = [name for name in table.columns if name not in head]
    return Page(
        name="statistics",
        lede="Clips by language, split, emotion and gender of the speaker.",
        columns=[*(Column(n, _label(n), choice=True) for n in head), *_count_columns(columns)],
        rows=_rows(table, columns, lambda line: 0),
        records=_clip_table(clips, config),
        files=[path],
        behind="file",
    )


def unknown_speakers_page(path: str, clips: str, config: Config) -> Page:
    """Speakers of unknown gender (``unknown_speakers.csv``)."""
    table = read_made(path, text=["speaker"])
    # A table without rows has no truth values.
    listed = pl.col("listed").cast(pl.String).replace({"true": "yes", "false": "no"})
    return Page(
        name="unknown_speakers",
        lede="Their clips count for performance, but not for gaps.",
        columns=[
            Column("speaker", "Speaker"),
            Column("listed", "In the list of genders", choice=True),
            Column("clips", "Clips", number=True),
        ],
        rows=_rows(table.with_columns(listed), ["clips"], lambda line: 0),
        records=_clip_table(clips, config),
        files=[path],
        behind="file",
    )


def _rows(
    table: pl.DataFrame, opening: Iterable[str], record: Callable[[Line], int]
) -> list[PageRow]:
    """The rows of a table; cells of the columns ``opening`` open the record of their row."""
    return [
        PageRow(cells(line), [record(line)], {name: [line[name]] for name in opening})
        for line in table.to_dicts()
    ]


def _clip_table(clips: str, config: Config) -> Records:
    records = Records()
    own = config["llm"]["corpus"]
    corpus = config["corpus"] if own["kind"] == OWN else own
    records.add("clip table", clips, {"Corpus": facts(corpus)})
    return records


def _count_columns(names: Iterable[str]) -> list[Column]:
    return number_columns({name: (_label(name), "") for name in names})


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _about_bias(config: Config) -> str:
    ratio, attribute = config["bias"]["ratio"], config["bias"]["attribute"].replace("_", " ")
    if ratio is None:
        return "Without bias: train and development keep every clip with a majority emotion."
    return (
        f"For each emotion, train and development have {ratio:g} clips of its dominant group of "
        f"{attribute} for each clip of another group; test is not changed."
    )
