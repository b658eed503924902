"""The check of the second study's corpus."""

from pathlib import Path
from typing import Any

import polars as pl

from fairser.check import sounds
from fairser.check.report import Report
from fairser.config.configuration import check_inputs
from fairser.config.llm import DEMO
from fairser.core.words import counted, joined, shortened
from fairser.corpora.genders import GENDERS, unknown_speakers
from fairser.corpora.meldst import read_meldst, statistics
from fairser.llm.grid import LANGUAGES, llm_cells

SHOWN = 5  # speakers


def describe(config: dict[str, Any], decode: bool, report: Report) -> str | None:
    """Describe MELD-ST; returns the target that makes the demo corpus, if it is not there yet."""
    llm = config["llm"]
    corpus = {name: value for name, value in llm["corpus"].items() if name != "kind"}
    report.add("corpus", f"MELD-ST: {corpus['metadata']}")
    if corpus["metadata"] == DEMO and not Path(DEMO).is_dir():
        report.add("", "not there yet, the workflow makes it")
        return f"{DEMO}/audio.tsv"
    languages = [x for x in LANGUAGES if any(x in names for names in llm["grid"]["languages"])]
    with report.faults.gather():
        check_inputs(config)
        clips = read_meldst(**corpus, languages=languages)
        _describe_clips(clips, report)
        report.add("runs", f"{len(llm_cells(llm['grid'])):,}")
        found = sounds.scan(corpus["audio"], clips["file"].to_list(), decode)
        sounds.describe(found, corpus["audio"], llm["seconds"], "llm.seconds", report)
    return None


def _describe_clips(clips: pl.DataFrame, report: Report) -> None:
    speakers = clips["speaker"].n_unique()
    report.add("clips", f"{clips.height:,} of {counted(speakers, 'speaker')}")
    for row in statistics(clips).filter(pl.col("emotion") == "all").to_dicts():
        genders = ", ".join(f"{name} {row[name]:,}" for name in (*GENDERS, "unknown"))
        report.add(row["language"], f"{row['split']} {row['clips']:,}: {genders}")
    unknown = unknown_speakers(clips)
    if unknown.height:
        names = [f"{name} ({number})" for name, _, number in unknown.iter_rows()]
        report.warn(
            f"{counted(unknown.height, 'speaker')} without a gender, with "
            f"{counted(int(unknown['clips'].sum()), 'clip')} that are used for no gap: "
            f"{joined(shortened(names, SHOWN))}. Add them to the list of genders if you know them."
        )
