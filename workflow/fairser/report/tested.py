"""From the answers of a model to the files of its test: verdicts, tables and the page."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from fairser.audio.soundfiles import locate
from fairser.model_tests.base import CLEAN, Answers, Corpus
from fairser.model_tests.judging import judge
from fairser.model_tests.material import JudgeOptions
from fairser.model_tests.outcomes import TestResult
from fairser.model_tests.pitch import ATTRIBUTE, pitch_groups
from fairser.model_tests.writing import write_results
from fairser.report.model_tests import write_model_tests

PAGE = "model_tests.html"


def write_test(
    folder: str | Path, corpus: Corpus, answers: Answers, audio: str, options: JudgeOptions
) -> list[TestResult]:
    """Judge the answers of a model and write all files of its test.

    Speakers are grouped by pitch where that is asked for, or no other attribute is known.

    Args:
        folder: of the files: ``tests.json``, ``tests.csv``, ``junit.xml``, ``model_tests.html``.
        corpus: that was tested on.
        answers: of the model.
        audio: folder that the corpus' files are relative to.
        options: of the judgement.
    """
    wanted = options.attributes if options.attributes is not None else corpus.attributes
    if ATTRIBUTE not in corpus.attributes and (ATTRIBUTE in _parts(wanted) or not wanted):
        corpus = with_pitch(corpus, answers, audio)
    results = judge(corpus, answers, options)
    write_results(folder, results, corpus, answers, options)
    write_model_tests(Path(folder) / PAGE, results, corpus, answers, audio)
    return results


def with_pitch(corpus: Corpus, answers: Answers, audio: str) -> Corpus:
    """The corpus with the pitch group of each clip's speaker, from the clips that were read."""
    read = corpus.clips.join(answers.tables[CLEAN].select("clip"), on="clip", how="semi")
    files = [locate(audio, file) for file in read["file"]]
    groups = pitch_groups(files, read["speaker"].to_list())
    found = read.select("clip", pl.Series(ATTRIBUTE, groups, pl.String))
    clips = corpus.clips.join(found, on="clip", how="left", maintain_order="left")
    return replace(corpus, clips=clips, attributes=(*corpus.attributes, ATTRIBUTE))


def _parts(attributes: Sequence[str]) -> set[str]:
    """The attributes that are named, alone or in a crossing such as ``gender*age``."""
    return {part for name in attributes for part in name.split("*")}
