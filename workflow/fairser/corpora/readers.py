"""Picks the reader of a corpus by its kind."""

from typing import Any

from fairser.config.extensions import extension
from fairser.corpora.clips import ClipTable


def reader_settings(config: dict[str, Any]) -> dict[str, Any]:
    """What a reader gets: the section ``corpus`` of a resolved configuration, and more.

    ``settings`` are the reader's own, ``stratify`` is the attribute that folds made for a manifest
    are balanced in.
    """
    corpus = config["corpus"]
    own = config["corpora"].get(corpus["kind"], {})
    return {**corpus, "settings": own, "stratify": config["bias"]["attribute"]}


def read_corpus(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of a corpus.

    Args:
        corpus: see :func:`reader_settings`.

    Raises:
        InputError: there is no such reader, or its files are faulty.
    """
    table: ClipTable = extension("CORPUS", corpus["kind"]).function("read")(corpus)
    return table
