"""The look at the corpus of the second study."""

from pathlib import Path

import pytest
import yaml

from fairser.commands.check_corpus import main
from unit.llm.builders import Row, both_pairs, write_meldst

LINES: list[Row] = [
    ("anger", "Stop!", "Ross"),
    ("joy", "Nice, well.", "Rachel"),
    ("fear", "Help!", "A Stranger"),
]


def look(
    folder: Path, paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    corpus = {name: str(path) for name, path in paths.items()}
    mine = folder / "mine.yaml"
    mine.write_text(yaml.safe_dump({"study": "minmaxgap", "llm": {"corpus": corpus}}))
    status = main([str(mine)])
    return status, " ".join(capsys.readouterr().out.split())


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return write_meldst(tmp_path, both_pairs(LINES))


def test_languages_genders_and_audio(
    tmp_path: Path, paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = look(tmp_path, paths, capsys)
    assert status == 0
    for words in (
        "27 of 3 speakers",
        "deu train 3: female 1, male 1, unknown 1",
        "1 speaker without a gender, with 9 clips that count for no gap: A Stranger (9).",
        "runs 12",
        "27 x wav pcm_16, 16 kHz, mono",
        "every clip is used whole ('llm.seconds' is 30)",
        "Nothing is wrong.",
    ):
        assert words in text


def test_audio_that_is_missing(
    tmp_path: Path, paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    next(paths["audio"].rglob("test_1.wav")).unlink()
    status, text = look(tmp_path, paths, capsys)
    assert status == 1
    assert "no audio there; 1 of 27 clips have none" in text


def test_a_folder_that_is_missing(
    tmp_path: Path, paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = look(tmp_path, paths | {"genders": tmp_path / "none.tsv"}, capsys)
    assert status == 1
    assert "'llm.corpus.genders' is" in text


def test_the_demo_is_still_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = {"study": "minmaxgap", "llm": {"corpus": {"kind": "demo"}}}
    Path("mine.yaml").write_text(yaml.safe_dump(corpus))
    assert main(["mine.yaml"]) == 0
    assert (
        "snakemake --configfile mine.yaml resources/demo_llm/audio.tsv" in capsys.readouterr().out
    )
