"""Predictions as a database that the package audformat reads."""

from pathlib import Path

import audformat
import polars as pl
import pytest

from fairser.commands.base import BAD_INPUT
from fairser.commands.predict import main
from fairser.config.configuration import reader_settings, resolve
from fairser.corpora.names import MULTI, SINGLE
from fairser.corpora.readers import read_corpus
from unit.builders import CLASSES
from unit.run_builder import make_run

# The package calls pandas in a way that a later version will not know.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.mark.parametrize("task", [MULTI, SINGLE])
def test_a_database(task: str, tmp_path: Path) -> None:
    """It has the values of the csv; files in its folder are relative, others absolute."""
    run = make_run(tmp_path, corpus={"kind": "demo", "task": task})
    folder, out = tmp_path / "audio", tmp_path / "out.csv"
    given = ["--run", str(run), str(folder)]
    assert main([*given, "--out", str(out)]) == main([*given, "--audformat", str(folder)]) == 0
    expected = pl.read_csv(out)
    db = audformat.Database.load(str(folder))
    table = db["predictions"].df
    names = [Path(clip).name for clip in expected["clip"]]
    assert table.index.to_list() == names
    assert list(table.columns) == [*CLASSES, "prediction"]
    for name in CLASSES:
        assert table[name].to_list() == pytest.approx(expected[name].to_list())
        assert db["predictions"][name].rater.type == "machine"
    predicted = [None if value != value else value for value in table["prediction"].to_list()]
    assert predicted == expected["prediction"].to_list()
    assert db["predictions"]["prediction"].scheme_id == (
        "emotion" if task == SINGLE else "emotions"
    )
    assert db.is_portable
    assert main([*given, "--audformat", str(tmp_path / "db")]) == 0
    other = audformat.Database.load(str(tmp_path / "db"))
    assert other["predictions"].files.to_list() == [str(folder / name) for name in names]


def test_predictions_are_labels_of_a_corpus(tmp_path: Path) -> None:
    """The reader of audformat takes the predicted emotions for labels, such as pseudo-labels."""
    run = make_run(tmp_path, corpus={"kind": "demo", "task": SINGLE})
    folder = tmp_path / "audio"
    assert main(["--run", str(run), str(folder), "--audformat", str(folder)]) == 0
    corpus = {"kind": "audformat", "labels": str(folder), "audio": str(folder), "folds": 3}
    table = read_corpus(reader_settings(resolve({"corpus": corpus})))
    predicted = pl.read_csv(folder / "db.predictions.csv")
    found = dict(table.clips().select("file", "majority").iter_rows())
    assert found == dict(predicted.select("file", "prediction").iter_rows())


def test_one_kind_of_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--run", "x", "a.wav", "--out", "a.csv", "--audformat", str(tmp_path)]
    assert main(given) == BAD_INPUT
    assert "either --out or --audformat" in capsys.readouterr().err
