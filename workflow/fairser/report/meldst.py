"""Pages about MELD-ST: its clips, and the speakers whose gender is not known."""

import polars as pl

from fairser.config.schema import Config
from fairser.report.pages import Column, Page, Row, number, text
from fairser.report.records import Records, facts


def clip_table(clips: str, config: Config) -> tuple[Records, list[int]]:
    """The record of the clip table, and where it stands: what lies behind every cell."""
    records = Records()
    corpus = facts(config["llm"]["corpus"])
    return records, [records.add("clip table", clips, [], [("Corpus", corpus)])]


def statistics_page(path: str, clips: str, config: Config) -> Page:
    """Clips of MELD-ST by language, split, emotion and gender.

    Args:
        path: of ``statistics.csv``.
        clips: the clip table behind it.
        config: the resolved configuration.
    """
    records, behind = clip_table(clips, config)
    table = pl.read_csv(path)
    counts = [name for name in table.columns if name not in ("language", "split", "emotion")]
    rows = [
        Row(
            {name: text(line[name]) for name in ("language", "split", "emotion")}
            | {name: number(line[name], opens=True) for name in counts},
            behind,
            {name: [line[name]] for name in counts},
        )
        for line in table.to_dicts()
    ]
    return Page(
        name="statistics",
        title="Clips of the corpus",
        lede="Clips by language, split, emotion and the gender of their speaker.",
        columns=[
            *(Column(n, n.capitalize(), choice=True) for n in ("language", "split", "emotion")),
            *(Column(name, name.capitalize(), number=True) for name in counts),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
        files=[path],
        source="file",
    )


def unknown_speakers_page(path: str, clips: str, config: Config) -> Page:
    """Speakers without a gender, from ``unknown_speakers.csv``; else as :func:`statistics_page`."""
    records, behind = clip_table(clips, config)
    rows = [
        Row(
            {"speaker": text(line["speaker"]), "listed": text("yes" if line["listed"] else "no")}
            | {"clips": number(line["clips"], opens=True)},
            behind,
            {"clips": [line["clips"]]},
        )
        for line in pl.read_csv(path, schema_overrides={"speaker": pl.String}).to_dicts()
    ]
    return Page(
        name="unknown_speakers",
        title="Speakers without a gender",
        lede="Their clips count for performance, never for a gap.",
        columns=[
            Column("speaker", "Speaker"),
            Column("listed", "In the list of genders", choice=True),
            Column("clips", "Clips", number=True),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
        files=[path],
        source="file",
    )
