"""Corpora in the shape of real ones: what is read of each."""

from pathlib import Path

from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes


def read(corpus: shapes.Corpus) -> ClipTable:
    return read_corpus(reader_settings(resolve({"corpus": corpus})))


def test_ravdess(tmp_path: Path) -> None:
    table = read(shapes.ravdess(tmp_path))
    assert (table.task, len(table.classes)) == ("single_label", 8)
    assert table.clips()["speaker"].n_unique() == 24
    assert table.folds == [1, 2, 3, 4, 5]
