"""Picks the reader of a corpus by its kind."""

from typing import Any

from fairser.corpora.clips import ClipTable
from fairser.corpora.emosuperb import CREMAD_FAULTY, read_emosuperb
from fairser.corpora.folds import MadeFolds
from fairser.corpora.manifest import read_manifest


def read_corpus(corpus: dict[str, Any], stratify: str) -> ClipTable:
    """The clip table of the corpus that the configuration's ``corpus`` describes.

    Args:
        corpus: the section ``corpus``, complete.
        stratify: attribute that folds made for a manifest are balanced in.
    """
    speakers, classes = corpus["demographics"], corpus["classes"]
    if corpus["kind"] == "manifest":
        return read_manifest(
            corpus["manifest"],
            speakers,
            classes,
            attributes=corpus["attributes"],
            made=MadeFolds(corpus["folds"], stratify),
        )
    drop = CREMAD_FAULTY if corpus["kind"] == "cremad" else ()
    return read_emosuperb(corpus["labels"], speakers, classes, drop)
