"""Picks the reader of a corpus by its kind."""

from typing import Any

from fairser.config.extensions import extension
from fairser.corpora.clips import ClipTable


def read_corpus(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of the corpus that the configuration's ``corpus`` describes.

    Args:
        corpus: the section ``corpus``, complete; with it ``settings`` of the kind and
            ``stratify``, the attribute that folds made for a manifest are balanced in.

    Raises:
        InputError: there is no such reader, or its files are faulty.
    """
    table: ClipTable = extension("CORPUS", corpus["kind"]).function("read")(corpus)
    return table
