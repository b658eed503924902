"""The corpus of the second study, looked over as the workflow would read it."""

from pathlib import Path
from typing import Any

import polars as pl

from fairser.check import sounds
from fairser.check.report import Report, count, shortened
from fairser.config.configuration import check_inputs
from fairser.config.llm import DEMO
from fairser.corpora.genders import GENDERS, unknown_speakers
from fairser.corpora.meldst import read_meldst, statistics
from fairser.llm.grid import LANGUAGES, llm_cells

SHOWN = 5  # speakers


def tell(config: dict[str, Any], decode: bool, report: Report) -> str | None:
    """Tell of MELD-ST; the target that makes the demo's, where it is not there yet.

    Args:
        config: the resolved configuration.
        decode: read every sample of the audio.
        report: takes what is found.
    """
    llm = config["llm"]
    corpus = {name: value for name, value in llm["corpus"].items() if name != "kind"}
    report.found.append(("corpus", f"MELD-ST: {corpus['metadata']}"))
    if corpus["metadata"] == DEMO and not Path(DEMO).is_dir():
        report.found.append(("", "not there yet, the workflow makes it"))
        return f"{DEMO}/audio.tsv"
    before = len(report.faults.told)
    with report.faults.gather():
        check_inputs(config)
    if len(report.faults.told) > before:
        return None
    languages = [x for x in LANGUAGES if any(x in names for names in llm["grid"]["languages"])]
    with report.faults.gather():
        clips = read_meldst(**corpus, languages=languages)
        _tell_clips(clips, report)
        report.found.append(("runs", f"{len(llm_cells(llm['grid'])):,}"))
        found = sounds.scan(corpus["audio"], clips["file"].to_list(), decode)
        sounds.tell(found, corpus["audio"], llm["seconds"], "llm.seconds", report)
    return None


def _tell_clips(clips: pl.DataFrame, report: Report) -> None:
    speakers = clips["speaker"].n_unique()
    report.found.append(("clips", f"{clips.height:,} of {count(speakers, 'speaker')}"))
    for row in statistics(clips).filter(pl.col("emotion") == "all").to_dicts():
        genders = ", ".join(f"{name} {row[name]:,}" for name in (*GENDERS, "unknown"))
        report.found.append((row["language"], f"{row['split']} {row['clips']:,}: {genders}"))
    unknown = unknown_speakers(clips)
    if unknown.height:
        names = [f"{name} ({number})" for name, _, number in unknown.head(SHOWN).iter_rows()]
        report.warnings.append(
            f"{count(unknown.height, 'speaker')} without a gender, with "
            f"{count(int(unknown['clips'].sum()), 'clip')} that count for no gap: "
            f"{shortened(names)}. Add them to the list of genders if you know them."
        )
