"""The check of a corpus: it is read as the workflow would read it, and nothing is written."""

from pathlib import Path
from typing import Any

import polars as pl

from fairser.check import clips, plan, sounds
from fairser.check.report import Report
from fairser.config.configuration import (
    MANIFEST,
    check_inputs,
    list_key,
    made_folder,
    reader_settings,
)
from fairser.config.folds import fill_folds
from fairser.config.llm import DEMO, OWN
from fairser.config.llm_corpus import clip_settings
from fairser.core.words import counted, joined, shortened
from fairser.corpora.clips import ClipTable
from fairser.corpora.emosuperb import speaker_note
from fairser.corpora.genders import GENDERS, unknown_speakers
from fairser.corpora.llm_clips import statistics
from fairser.corpora.manifest import listed_files
from fairser.corpora.own_clips import read_llm_clips
from fairser.corpora.readers import read_corpus
from fairser.llm.grid import llm_cells

SHOWN = 5  # speakers in a message

Config = dict[str, Any]


def check_corpus(config: Config, files: list[str], decode: bool = False) -> Report:
    """What the workflow would find in a corpus, and what would stop it.

    ``config`` is resolved from ``files``; ``decode`` reads all of the audio and own features.
    """
    command = "snakemake"
    if files != ["config.yaml"]:
        command += f" --configfile {' '.join(files)}"
    report = Report()
    describe = _describe_llm if config["study"] == "minmaxgap" else _describe
    lacking = describe(config, decode, report)
    if lacking:
        report.there = False
        report.next += [f"{command} {lacking}", "Then run this check again."]
    elif report.faults.messages:
        report.next.append("Fix what is wrong, then run this check again.")
    else:
        report.next += [f"{command} -n      lists the jobs", f"{command}         runs them"]
    return report


def _describe(config: Config, decode: bool, report: Report) -> str | None:
    """Describe the corpus; returns the target that makes it, if it is not there yet."""
    corpus = config["corpus"]
    if target := _introduce(corpus, report):
        return target
    path = _path(corpus)
    with report.faults.gather():
        check_inputs(config)
        fill_folds(config)
    table = None
    if all(Path(name).exists() for name in (path, corpus["demographics"]) if name):
        with report.faults.gather():
            table = read_corpus(reader_settings(config))
    if table is not None:
        wanted = config["grid"]["folds"] or table.folds
        folds = [fold for fold in wanted if fold in table.folds]  # others are among the faults
        config = {**config, "grid": {**config["grid"], "folds": folds}}
        if note := _speaker_note(corpus, table):
            report.add("speakers", note)
        if licence := corpus["licence"] or table.licence:
            report.add("licence", licence)
        clips.describe(table, folds, report)
        plan.describe(config, table, decode, report)
    _describe_audio(config, table, decode, report)
    return None


def _path(corpus: Config) -> str:
    return str(corpus[list_key(corpus)])


def _introduce(corpus: Config, report: Report) -> str | None:
    """Say which corpus it is; returns the target that makes it, if it is not there yet."""
    made = made_folder(corpus)
    if made and not Path(_path(corpus)).is_dir():
        report.add("corpus", f"{corpus['kind']}: not there yet, the workflow makes it")
        return "download_cremad" if corpus["kind"] == "cremad" else f"{made}/AudioWAV.tsv"
    report.add("corpus", f"{corpus['kind']}: {_path(corpus)}")
    return None


def _speaker_note(corpus: Config, table: ClipTable) -> str | None:
    """How a person is told, where it is not by one column."""
    if corpus["speaker"]:
        return f"a speaker is {' x '.join(corpus['speaker'])}"
    return speaker_note(table.clips()["file"]) if corpus["kind"] == "emosuperb" else None


def _describe_audio(config: Config, table: ClipTable | None, decode: bool, report: Report) -> None:
    """Describe the audio, even if the manifest has faults."""
    corpus = config["corpus"]
    if not plan.needs_audio(config):
        report.add("audio", "not needed: all features are yours")
        return
    if corpus["audio"] is None or not Path(corpus["audio"]).is_dir():
        return  # which is among the faults
    files = []
    if corpus["kind"] == MANIFEST:
        files = listed_files(corpus["manifest"], corpus["columns"])
    if table is not None:
        files = table.clips()["file"].to_list()
    if files:
        found = sounds.scan(corpus["audio"], files, decode, corpus["follow_links"])
        seconds = config["encoder"]["seconds"]
        sounds.describe(found, corpus["audio"], seconds, "encoder.seconds", report)


def _describe_llm(config: Config, decode: bool, report: Report) -> str | None:
    """Describe the clips of the second study; returns the target that makes missing ones."""
    llm = config["llm"]
    corpus = llm["corpus"]
    if corpus["kind"] == OWN:
        if target := _introduce(config["corpus"], report):
            return target
    else:
        report.add("corpus", f"MELD-ST: {corpus['metadata']}")
        if corpus["metadata"] == DEMO and not Path(DEMO).is_dir():
            report.add("", "not there yet, the workflow makes it")
            return f"{DEMO}/audio.tsv"
    with report.faults.gather():
        check_inputs(config)
        if corpus["kind"] == OWN:
            fill_folds(config)
        table = read_llm_clips(clip_settings(config))
        _describe_speakers(table, report)
        report.add("runs", f"{len(llm_cells(llm['grid'])):,}")
        links = config["corpus"]["follow_links"]
        found = sounds.scan(corpus["audio"], table["file"].to_list(), decode, links)
        sounds.describe(found, corpus["audio"], llm["seconds"], "llm.seconds", report)
    return None


def _describe_speakers(clips: pl.DataFrame, report: Report) -> None:
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
