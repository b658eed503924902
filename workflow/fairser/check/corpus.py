"""A corpus looked over as the workflow would read it; nothing is written."""

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
        decode: read every sample of the audio and all of one's own features.
    """
    command = "snakemake"
    if files != ["config.yaml"]:
        command += f" --configfile {' '.join(files)}"
    report = Report()
    look = meldst.tell if config["study"] == "minmaxgap" else _tell
    lacking = look(config, decode, report)
    if lacking:
        report.there = False
        report.next += [f"{command} {lacking}", "Then run this check again."]
    elif report.faults.told:
        report.next.append("Mend what is wrong, then run this check again.")
    else:
        report.next += [f"{command} -n      lists the jobs", f"{command}         runs them"]
    return report


def _tell(config: Config, decode: bool, report: Report) -> str | None:
    """Tell of the corpus; the target that makes it, where it is not there yet."""
    corpus = config["corpus"]
    path = corpus["manifest"] if corpus["kind"] == "manifest" else corpus["labels"]
    made = made_folder(corpus)
    if made and not Path(path).is_dir():
        report.found.append(("corpus", f"{corpus['kind']}: not there yet, the workflow makes it"))
        return "download_cremad" if corpus["kind"] == "cremad" else f"{made}/AudioWAV.tsv"
    report.found.append(("corpus", f"{corpus['kind']}: {path}"))
    with report.faults.gather():
        check_inputs(config)
    table = None
    if Path(path).exists():
        with report.faults.gather():
            table = read_corpus(reader_settings(config))
    if table is not None:
        clips.tell(table, config["grid"]["folds"], report)
        plan.tell(config, table, decode, report)
    _tell_audio(config, table, decode, report)
    return None


def _tell_audio(config: Config, table: ClipTable | None, decode: bool, report: Report) -> None:
    """Tell of the audio, even where the manifest needs mending first."""
    corpus = config["corpus"]
    if not plan.needs_audio(config):
        report.found.append(("audio", "not needed: all features are yours"))
        return
    if corpus["audio"] is None or not Path(corpus["audio"]).is_dir():
        return  # which is told
    if table is not None:
        files = table.clips()["file"].to_list()
    else:
        files = listed_files(corpus["manifest"]) if corpus["kind"] == "manifest" else []
    if files:
        found = sounds.scan(corpus["audio"], files, decode)
        seconds = config["encoder"]["seconds"]
        sounds.tell(found, corpus["audio"], seconds, "encoder.seconds", report)
