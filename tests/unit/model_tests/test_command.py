"""The command, with a model in a process of its own."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from fairser.commands.base import BAD_INPUT, FOUND
from fairser.commands.test_model import FAMILIES, main
from fairser.model_tests import base
from fairser.model_tests.outcomes import FAILED
from fairser.model_tests.writing import read_results

# Its answer is the level of the clip, which also says what it does wrong.
MODEL = """
import numpy as np

print("a model may print")

def predict(waves, rate):
    levels = np.array([np.abs(wave).max() for wave in waves])
    if (levels > 0.9).any(): raise RuntimeError("too loud")
    rows = np.stack([levels, 1 - levels], axis=1)
    rows[levels < 0.15] = np.nan
    return rows
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus whose clips have levels of 0.1, 0.5 and 1, and a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audio").mkdir()
    rows = ["file,speaker,emotion,gender"]
    for number, level in enumerate((0.1, 0.5, 1.0)):
        wave = np.zeros(4000)
        wave[100::50] = level - 1e-4
        soundfile.write(tmp_path / f"audio/c{number}.wav", wave, 16_000)
        rows.append(f"c{number}.wav,s{number},{'joy' if number else 'fear'},m")
    (tmp_path / "clips.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "mine.py").write_text(MODEL)
    return tmp_path


COMMON = ["--corpus", "clips.csv", "--audio", "audio", "--classes", "joy,fear"]


def test_a_model_and_another_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("ready").mkdir()
    for name in ("clean", "gain"):
        Path(f"ready/{name}.csv").write_text("file,prediction\nc0.wav,fear\nc1,fear\nc2,fear\n")
    options = ["--conditions", "gain", "--output", "out", "--compare", "ready"]
    options += ["--attributes", "Sex,sex*pitch", "--fail-on", "fairness,correctness"]
    status = main(["mine:predict", *COMMON, *options])
    printed = capsys.readouterr()
    assert status == FOUND
    model, results = read_results("out/tests.json")
    assert model == "mine:predict"
    by_id = {result.id: result for result in results}
    assert by_id["correctness/answered"].verdict == FAILED
    assert by_id["correctness/answered"].value == pytest.approx(1 / 3)
    assert {result.attribute for result in results} >= {"gender"}
    suites = re.findall('<testsuite name="([^"]*)"', Path("out/junit.xml").read_text())
    assert suites == [*FAMILIES] == [*base.FAMILIES]
    assert "1 condition" in printed.out
    assert Path("out/model_tests.html").stat().st_size > 10_000
    assert read_results("out/compared/tests.json")[0] == "ready"
    compared = pl.read_csv("out/comparison.csv")
    row = compared.filter(id="correctness/answered").row(0, named=True)
    assert (row["value_b"], row["changed"]) == (1, True)
    clean = pl.read_parquet("out/predictions/clean.parquet")
    assert clean.columns == ["clip", "fear", "joy"]
    assert clean["clip"].to_list() == ["c1"]
    assert clean["joy"][0] == pytest.approx(0.5, abs=1e-3)
    failures = pl.read_csv("out/predictions/failures.csv")
    assert failures.select("condition", "clip").rows() == [
        ("clean", "c0"),
        ("clean", "c2"),
        ("gain", "c0"),
        *([("gain", "c2")] if failures.height == 4 else []),  # a softer c2 may be accepted
    ]
    assert failures["message"][:2].to_list() == [
        "the model gives nan for 'joy'",
        "RuntimeError: too loud",
    ]
    assert "clean, c2: RuntimeError: too loud" in printed.err
    assert "a model may print" not in printed.out
    other = pl.read_parquet("out/compared/predictions/gain.parquet")
    assert other.select("fear", "joy").rows() == [(1.0, 0.0)] * 3
    assert not Path("out/.lock").exists()


@pytest.mark.parametrize(
    ("more", "part"),
    [
        (["nothing.py"], "is no model"),
        (["mine:predict", "--conditions", "gian"], "Did you mean 'gain'"),
        (["mine:predict", "--noise", "gone"], "--noise"),
        (["mine:predict", "--command", "x {list} {output}"], "not both"),
        (["mine:predict", "--attributes", "accent"], "accent"),
        (["mine:predict", "--only", "fairness", "--fail-on", "robustness"], "--only"),
    ],
)
def test_bad_input(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], part: str
) -> None:
    assert main([*more, *COMMON]) == BAD_INPUT
    assert part in capsys.readouterr().err


def test_arguments_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["--only", "speed"], ["--timeout", "0"], ["--jobs", "0"], ["--classes", "a,,b"]):
        with pytest.raises(SystemExit):
            main(["mine:predict", "--corpus", "clips.csv", *wrong])
        assert wrong[0] in capsys.readouterr().err
