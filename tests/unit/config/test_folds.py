"""The folds of a corpus, before it is read: all of them, or those of the grid."""

from pathlib import Path
from typing import Any

import pytest

from fairser.config.configuration import reader_settings, resolve
from fairser.config.folds import corpus_folds, fill_folds
from fairser.core.errors import InputError
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes


def filled(corpus: dict[str, Any], folds: list[int] | None = None) -> list[int]:
    config = resolve({"corpus": corpus, "grid": {"folds": folds}})
    fill_folds(config)
    assert (folds is None) or config["grid"]["folds"] == folds
    return list(config["grid"]["folds"])


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (shapes.ravdess, 5),
        (shapes.iemocap, 5),
        (shapes.improv, 6),
        (shapes.msp_podcast, 1),
        (shapes.biic_podcast, 1),
        (shapes.leave_one_out, 10),
        (shapes.one_fold, 1),
    ],
)
def test_all_folds_are_those_that_the_reader_finds(tmp_path: Path, make: Any, number: int) -> None:
    corpus = make(tmp_path)
    assert filled(corpus) == list(range(1, number + 1))
    assert read_corpus(reader_settings(resolve({"corpus": corpus}))).folds == filled(corpus)


def test_corpora_that_the_workflow_makes() -> None:
    assert filled({}) == filled({"kind": "demo"}) == [1, 2, 3, 4, 5]


def test_folds_that_are_made(tmp_path: Path) -> None:
    assert filled(shapes.ravdess(tmp_path) | {"folds": 3}) == [1, 2, 3]


def test_some_folds(tmp_path: Path) -> None:
    corpus = shapes.improv(tmp_path)
    assert filled(corpus, [2, 6]) == [2, 6]
    (tmp_path / "labels_consensus_2.csv").unlink()
    (tmp_path / "labels_consensus_all.csv").touch()
    assert filled(corpus) == [1, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("make", "known"), [(shapes.ravdess, "1, 2, 3, 4, 5"), (shapes.one_fold, "1")]
)
def test_folds_that_are_not_there(tmp_path: Path, make: Any, known: str) -> None:
    with pytest.raises(InputError, match=rf"names fold 7, 9; the corpus has the folds {known}\."):
        filled(make(tmp_path), [1, 7, 9])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (shapes.improv, "each label file is a fold"),
        (shapes.leave_one_out, r"clips\.csv has folds of its own"),
        (shapes.one_fold, r"clips\.csv has folds of its own"),
    ],
)
def test_a_number_of_folds_that_would_be_ignored(tmp_path: Path, make: Any, why: str) -> None:
    with pytest.raises(InputError, match=f"'corpus.folds' is 4, but .*{why}"):
        filled(make(tmp_path) | {"folds": 4})


def test_faults_of_a_manifest_are_left_to_its_reader(tmp_path: Path) -> None:
    for content in (b"", b"fold;file\n1;a\n", b"file,fold\na,two\nb,0\nc\n", b"\xff\xfe,fold\n"):
        path = tmp_path / "clips.csv"
        path.write_bytes(content)
        assert corpus_folds(
            resolve({"corpus": {"kind": "manifest", "manifest": str(path)}})["corpus"]
        )


READER = '"""Folds of its own."""\nCORPUS = {"lists": "LISTS"}\ndef read(corpus): ...\n'


@pytest.mark.parametrize(
    ("lists", "file", "known"),
    [
        ("manifest", "file,fold\na,1\nb,4\n", [1, 4]),
        ("manifest", "file,split\na,train\n", [1]),
        ("manifest", "file,speaker\na,b\n", None),
        ("labels", "", None),
    ],
)
def test_readers_of_the_users_own(
    tmp_path: Path, lists: str, file: str, known: list[int] | None
) -> None:
    """They may make folds that nothing tells beforehand: then the grid must name them."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "own.py").write_text(READER.replace("LISTS", lists))
    path = tmp_path / "listing.csv"
    path.write_text(file)
    where = str(path if lists == "manifest" else tmp_path)
    corpus = {"kind": "own", lists: where, "audio": str(tmp_path)}
    config = resolve({"plugins": [str(tmp_path / "plugins")], "corpus": corpus})
    if known:
        fill_folds(config)
        assert config["grid"]["folds"] == known
        return
    with pytest.raises(InputError, match=r"'grid.folds' is null, but only the reader of .*'own'"):
        fill_folds(config)
    config["grid"]["folds"] = [3]
    fill_folds(config)
    assert config["grid"]["folds"] == [3]
