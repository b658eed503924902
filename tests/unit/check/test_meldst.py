"""The check of the second study's corpus."""

from pathlib import Path

import pytest

from fairser.check.corpus import check_corpus
from fairser.check.report import Report
from fairser.config.configuration import resolve
from unit.llm.builders import Row, both_pairs, write_meldst

LINES: list[Row] = [
    ("anger", "Stop!", "Ross"),
    ("joy", "Nice, well.", "Rachel"),
    ("fear", "Help!", "A Stranger"),
]


def check(paths: dict[str, Path]) -> Report:
    corpus = {name: str(path) for name, path in paths.items()}
    return check_corpus(resolve({"study": "minmaxgap", "llm": {"corpus": corpus}}), ["mine.yaml"])


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return write_meldst(tmp_path, both_pairs(LINES))


def test_languages_genders_and_audio(paths: dict[str, Path]) -> None:
    report = check(paths)
    assert report.faults.messages == []
    for line in (
        ("clips", "27 of 3 speakers"),
        ("deu", "train 3: female 1, male 1, unknown 1"),
        ("runs", "12"),
        ("format", "27 x wav pcm_16, 16 kHz, mono"),
        ("", "every clip is used whole ('llm.seconds' is 30)"),
    ):
        assert line in report.found
    unknown = [text for text in report.warnings if "A Stranger (9)" in text]
    assert len(unknown) == 1
    assert unknown[0].startswith("1 speaker without a gender, with 9 clips")


def test_audio_that_is_missing(paths: dict[str, Path]) -> None:
    next(paths["audio"].rglob("test_1.wav")).unlink()
    (fault,) = check(paths).faults.messages
    assert "test_1.wav: " in fault and "1 of 27 clips" in fault


def test_a_folder_that_is_missing(tmp_path: Path, paths: dict[str, Path]) -> None:
    (fault,) = check(paths | {"genders": tmp_path / "none.tsv"}).faults.messages
    assert "'llm.corpus.genders'" in fault


def test_the_demo_is_still_to_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = resolve({"study": "minmaxgap", "llm": {"corpus": {"kind": "demo"}}})
    report = check_corpus(config, ["mine.yaml"])
    assert not report.there
    assert report.next[0] == "snakemake --configfile mine.yaml resources/demo_llm/audio.tsv"
