"""The check of a corpus: it is read as the workflow would read it, and nothing is written."""

from pathlib import Path
from typing import Any

from fairser.check import clips, meldst, plan, sounds
from fairser.check.report import Report
from fairser.config.configuration import check_inputs, made_folder, reader_settings
from fairser.corpora.clips import ClipTable
from fairser.corpora.manifest import listed_files
from fairser.corpora.readers import read_corpus

Config = dict[str, Any]


def check_corpus(config: Config, files: list[str], decode: bool = False) -> Report:
    """What the workflow would find in a corpus, and what would stop it.

    Args:
        config: the resolved configuration.
        files: of the configuration, for the command that follows.
        decode: read every sample of the audio and all precomputed features.
    """
    command = "snakemake"
    if files != ["config.yaml"]:
        command += f" --configfile {' '.join(files)}"
    report = Report()
    describe = meldst.describe if config["study"] == "minmaxgap" else _describe
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
    path = corpus["manifest"] if corpus["kind"] == "manifest" else corpus["labels"]
    made = made_folder(corpus)
    if made and not Path(path).is_dir():
        report.add("corpus", f"{corpus['kind']}: not there yet, the workflow makes it")
        return "download_cremad" if corpus["kind"] == "cremad" else f"{made}/AudioWAV.tsv"
    report.add("corpus", f"{corpus['kind']}: {path}")
    with report.faults.gather():
        check_inputs(config)
    table = None
    if Path(path).exists():
        with report.faults.gather():
            table = read_corpus(reader_settings(config))
    if table is not None:
        clips.describe(table, config["grid"]["folds"], report)
        plan.describe(config, table, decode, report)
    _describe_audio(config, table, decode, report)
    return None


def _describe_audio(config: Config, table: ClipTable | None, decode: bool, report: Report) -> None:
    """Describe the audio, even if the manifest has faults."""
    corpus = config["corpus"]
    if not plan.needs_audio(config):
        report.add("audio", "not needed: all features are yours")
        return
    if corpus["audio"] is None or not Path(corpus["audio"]).is_dir():
        return  # which is among the faults
    files = []
    if table is not None:
        files = table.clips()["file"].to_list()
    elif corpus["kind"] == "manifest":
        files = listed_files(corpus["manifest"])
    if files:
        found = sounds.scan(corpus["audio"], files, decode)
        seconds = config["encoder"]["seconds"]
        sounds.describe(found, corpus["audio"], seconds, "encoder.seconds", report)
