"""The check's words on corpora in the shape of real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.check.clips import speakers_in_test
from fairser.check.corpus import check_corpus
from fairser.check.report import Report
from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.readers import read_corpus
from unit.corpora import shapes

Corpus = shapes.Corpus


def check(folder: Path, corpus: Corpus, **more: Any) -> Report:
    """The check of a corpus with features of its own and a small grid."""
    config = {"corpus": corpus, "bias": {"ratio": None}, "grid": {"methods": ["erm", "random"]}}
    table = read_corpus(reader_settings(resolve(config | {"encoder": {"kind": "fbank"}})))
    config["encoder"] = shapes.features(folder, table)
    for section, values in more.items():
        config[section] = config.get(section, {}) | values
    return check_corpus(resolve(config), ["mine.yaml"])


def said(report: Report, label: str) -> str:
    """The texts of a label, joined."""
    texts, last = [], ""
    for name, text in report.found:
        last = name or last
        texts += [text] if last == label else []
    return " | ".join(texts)


@pytest.mark.parametrize(
    ("make", "task", "clips", "folds", "runs"),
    [
        (shapes.ravdess, "single_label", "384 of 24 speakers", "5;", "10:"),
        (shapes.iemocap, "multi_label", "200 of 10 speakers", "5;", "10:"),
        (shapes.improv, "multi_label", "240 of 12 speakers", "6;", "12:"),
        (shapes.nnime, "multi_label", "352 of 44 speakers", "5;", "10:"),
        (shapes.leave_one_out, "single_label", "120 of 10 speakers", "10;", "20:"),
        (shapes.one_fold, "single_label", "240 of 20 speakers", "1;", "2:"),
        (shapes.unlabelled, "single_label", "120 of 0 speakers; 120 clips without", "1;", "2:"),
        (shapes.biic_podcast, "multi_label", "240 of 0 speakers; 240 clips without", "1;", "2:"),
        (shapes.msp_podcast, "multi_label", "264 of 40 speakers; 24 clips without", "1;", "2:"),
    ],
)
def test_nothing_is_wrong(
    tmp_path: Path, make: Callable[..., Corpus], task: str, clips: str, folds: str, runs: str
) -> None:
    """All folds are run, and the task, the people and those without a name are said."""
    report = check(tmp_path, make(tmp_path))
    assert report.faults.messages == []
    assert said(report, "task").startswith(task)
    assert said(report, "clips").startswith(clips)
    assert said(report, "folds").startswith(folds)
    assert said(report, "runs").startswith(runs)
    nobody = [text for text in report.warnings if "have no speaker. Each counts" in text]
    assert len(nobody) == ("without" in clips)


def test_sessions_are_said(tmp_path: Path) -> None:
    assert "SpkrID x Gender" in said(check(tmp_path, shapes.iemocap(tmp_path)), "speakers")
    own = shapes.iemocap(tmp_path) | {"speaker": ["SpkrID", "Gender"]}
    assert "SpkrID x Gender" in said(check(tmp_path, own), "speakers")
    other = tmp_path / "other"
    assert said(check(other, shapes.nnime(other)), "speakers") == ""


def test_named_test_sets_are_said(tmp_path: Path) -> None:
    report = check(tmp_path, shapes.msp_podcast(tmp_path, speakers=24))
    assert said(report, "test sets").startswith("test1 42 (12), test2 42 (12)")
    few = [text for text in report.warnings if "fewer than 5 speakers" in text]
    assert len(few) == 1
    for words in ("gender: 4 of 4", "fold 1 test1 female (3)", "fold 1 test2 male (3)", "no star"):
        assert words in few[0]


def test_speakers_of_each_group_of_each_test_set(tmp_path: Path) -> None:
    """Against a slow count."""
    for make in (shapes.nnime, shapes.leave_one_out, shapes.ravdess):
        table = read_corpus(reader_settings(resolve({"corpus": make(tmp_path / make.__name__)})))
        expected = {
            f"fold {fold} {group}": len(
                {
                    row["speaker"]
                    for row in table.frame.iter_rows(named=True)
                    if (row["fold"], row["split"], row["gender"]) == (fold, "test", group)
                }
            )
            for fold in table.folds[:3]
            for group in ("female", "male")
        }
        assert speakers_in_test(table, table.folds[:3], "gender") == expected


def test_groups_that_a_fold_lacks_are_said_once(tmp_path: Path) -> None:
    report = check(tmp_path, shapes.leave_one_out(tmp_path))
    none = [text for text in report.warnings if "fold 1 male" in text]
    assert len(none) == 1
    assert "gender: 10 of 20 groups of a test set have no speaker" in none[0]
    few = [text for text in report.warnings if "fewer than 5 speakers" in text]
    assert ["10 of 20" in text and "fold 1 female (1)" in text for text in few] == [True]


def test_folds_that_are_not_run(tmp_path: Path) -> None:
    report = check(tmp_path, shapes.improv(tmp_path), grid={"folds": [2, 5]})
    assert "'grid.folds' runs 2, 5" in said(report, "folds")
    assert said(report, "runs").startswith("4:")
    assert "'grid.folds'" not in said(check(tmp_path, shapes.improv(tmp_path)), "folds")


def test_many_folds_are_shortened(tmp_path: Path) -> None:
    report = check(tmp_path, shapes.leave_one_out(tmp_path, speakers=16, takes=1))
    assert said(report, "folds").endswith("4 more")


def without_gender(folder: Path) -> Corpus:
    corpus = shapes.one_fold(folder)
    frame = pl.read_csv(corpus["manifest"], infer_schema=False)
    frame.drop("gender").write_csv(corpus["manifest"])
    return corpus


def test_a_corpus_without_gender_needs_none(tmp_path: Path) -> None:
    report = check(tmp_path, without_gender(tmp_path))
    assert report.faults.messages == []
    assert [text for text in report.warnings if "no gender: the tables show performance" in text]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"bias": {"ratio": 4}}, ("'bias.attribute' is 'gender'", "'bias.ratio' to null")),
        ({"bias": {"attribute": "race"}}, ("'bias.attribute' is 'race'", "no demographics")),
        ({"grid": {"methods": ["erm", "rw"], "sources": ["none", "annotated"]}}, ("'gender'",)),
    ],
)
def test_what_needs_gender_asks_for_it(
    tmp_path: Path, more: dict[str, Any], told: tuple[str, ...]
) -> None:
    messages = check(tmp_path, without_gender(tmp_path), **more).faults.messages
    assert len(messages) == 1
    assert all(text in messages[0] for text in told)


@pytest.mark.parametrize("ratio", [None, 4])
def test_an_attribute_that_is_mistyped(tmp_path: Path, ratio: int | None) -> None:
    bias = {"attribute": "gendr", "ratio": ratio}
    messages = check(tmp_path, shapes.ravdess(tmp_path), bias=bias).faults.messages
    assert len(messages) == 1
    assert "'bias.attribute' is 'gendr'" in messages[0]
    assert "Did you mean 'gender'?" in messages[0]


def test_sex_is_gender(tmp_path: Path) -> None:
    corpus = shapes.one_fold(tmp_path)
    path = Path(corpus["manifest"])
    path.write_text(path.read_text().replace("gender", "Sex", 1))
    for attributes in (None, ["Sex"], ["gender"]):
        report = check(tmp_path, corpus | {"attributes": attributes}, bias={"ratio": 2})
        assert report.faults.messages == []
        assert said(report, "gender").startswith("female 120 clips of 10 speakers")


def test_a_grid_without_its_baseline(tmp_path: Path) -> None:
    report = check(tmp_path, shapes.ravdess(tmp_path), grid={"methods": ["random"]})
    assert [text for text in report.warnings if "lacks erm, to which the tables compare" in text]
