"""The pages of what the runs of the first study were given: biased splits, and groups."""

from collections.abc import Mapping, Sequence

import polars as pl

from fairser.config.schema import Config
from fairser.core.files import read_json
from fairser.report.estimates import read_published
from fairser.report.pages import Cell, Column, Page, Row, number, text
from fairser.report.records import Records, facts, origin

# Heading and meaning of the measures of group quality.
SCORES = {
    "accuracy": ("Accuracy", "Share of clips whose group is the annotated one, groups matched one "
                 "to one as fits best."),
    "purity": ("Purity", "Share of clips whose group's most frequent annotation is theirs."),
    "nmi": ("NMI", "Normalised mutual information; near 0 by chance, 1 for the same groups."),
    "ari": ("ARI", "Adjusted Rand index; 0 by chance, 1 for the same groups."),
}  # fmt: skip


def counts_page(
    path: str, published: str | None, head: list[str], splits: Mapping[int, str], config: Config
) -> Page:
    """Table A3 or A4: clips of the biased splits.

    Args:
        path: of the csv.
        published: of ``*_vs_paper.csv``, where there is one.
        head: columns that name a row.
        splits: clip tables by fold.
        config: the resolved configuration.
    """
    table, known = pl.read_csv(path), read_published(published, head)
    records = Records()
    shared = [
        ("Corpus", facts(config["corpus"])),
        ("Bias of the train and development clips", facts(config["bias"])),
    ]
    numbers = {fold: records.add(f"fold {fold}", file, [], shared) for fold, file in splits.items()}
    columns = [name for name in table.columns if name not in head]
    rows = []
    for line in table.to_dicts():
        behind = [numbers[line.get("fold", min(numbers))]]
        cells = {name: text(line[name]) for name in head}
        for name in columns:
            cell = known.get((*(line[key] for key in head), name))
            told = "" if cell is None or not cell[1] else f"published {cell[0]:.0f}"
            cells[name] = Cell(str(line[name]), line[name], published=told, opens=True)
        rows.append(Row(cells, behind, {name: [line[name]] for name in columns}))
    by_fold = "fold" in head
    return Page(
        name="tableA4" if by_fold else "tableA3",
        title="Table A4: clips by fold and split"
        if by_fold
        else f"Table A3: clips of fold {min(numbers)} by emotion and group",
        lede=_split_lede(config),
        columns=[
            *(Column(name, name.capitalize(), choice=True, number=name == "fold") for name in head),
            *(Column(name, name.replace("_", " ").capitalize(), number=True) for name in columns),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
        legend=["Counts are of clips with a majority emotion."]
        + (["The published count stands below ours where the two differ."] if known else []),
        files=[path, *([published] if published else [])],
        source="split",
    )


def _split_lede(config: Config) -> str:
    ratio, attribute = config["bias"]["ratio"], config["bias"]["attribute"].replace("_", " ")
    if ratio is None:
        return "Nothing is drawn: train and development keep every clip with a majority emotion."
    return (
        f"Train and development hold {ratio:g} clips of an emotion's dominant group of {attribute} "
        "for each other one; test is as recorded."
    )


def groups_page(path: str, files: Sequence[str]) -> Page:
    """How the groups of each source meet the annotation.

    Args:
        path: of ``groups.csv``.
        files: the groups' own JSON files.
    """
    records = Records()
    numbers = {}
    for file in files:
        made = read_json(file)
        name = f"{made['source']}, K {made['k']}, fold {made['fold']}"
        shared = [("Made from", origin(made["origin"], {}))]
        numbers[made["source"], made["k"], made["fold"]] = records.add(name, file, [], shared)
    rows = []
    for line in pl.read_csv(path).to_dicts():
        behind = [numbers[line["source"], line["k"], line["fold"]]]
        cells = {
            name: number(value, opens=name in SCORES)
            if isinstance(value, int | float)
            else text(value)
            for name, value in line.items()
        }
        rows.append(Row(cells, behind, {name: [line[name]] for name in SCORES}))
    return Page(
        name="groups",
        title="Group quality",
        lede="How the groups that each source infers meet the annotated ones, by fold and split.",
        columns=[
            Column("source", "Groups from", choice=True),
            Column("k", "K", number=True, choice=True),
            Column("fold", "Fold", number=True, choice=True),
            Column("split", "Split", choice=True),
            Column("attribute", "Against", choice=True),
            Column("clips", "Clips", number=True),
            *(
                Column(name, label, number=True, help=meaning)
                for name, (label, meaning) in SCORES.items()
            ),
            *(Column(n, n.capitalize(), number=True) for n in ("groups", "smallest", "largest")),
            Column("unknown", "Unknown", number=True, help="Clips without a group."),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
        files=[path],
        source="file",
    )
