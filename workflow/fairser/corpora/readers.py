"""Picks the reader of a corpus by its kind."""

from dataclasses import replace
from typing import Any

from fairser.config.configuration import list_key
from fairser.config.extensions import extension
from fairser.core.errors import InputError
from fairser.corpora.clips import ClipTable


def read_corpus(corpus: dict[str, Any]) -> ClipTable:
    """The clip table of a corpus (see :func:`fairser.config.configuration.reader_settings`).

    Raises:
        InputError: the corpus has faults; names of speakers are alike, which only the user can
            confirm (``corpus.distinct_speakers``).
    """
    table: ClipTable = extension("CORPUS", corpus["kind"]).function("read")(corpus)
    if table.alike and not corpus["distinct_speakers"]:
        raise InputError(*table.alike)
    licence = table.licence or extension("CORPUS", corpus["kind"])["licence"]
    table = replace(table, licence=licence)
    return table.with_task(corpus["task"], corpus[list_key(corpus)] or corpus["kind"])
