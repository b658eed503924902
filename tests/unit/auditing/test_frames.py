"""An audit of tables in memory gives the numbers of the command, whatever kind of table it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure

import fairser
from fairser.auditing import report
from fairser.auditing.frames import AuditResult
from fairser.commands.audit import main
from fairser.core.errors import InputError
from unit.auditing.builders import made_up, one, written
from workflow.runner import ROOT

FOREIGN = {"clip": "path", "label": "emotion", "prediction": "predicted_emotion"}
TABLES = ("performance", "rates", "gaps", "differences")
SMALL: dict[str, Any] = {"resamples": 100}


def foreign(worse: float = 0.6) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Predictions under the names of another tool, and speakers."""
    predictions, people = made_up(worse=worse)
    return predictions.select("clip", "speaker", "label", "prediction").rename(FOREIGN), people


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command records of the same tables as csv files."""
    folder = tmp_path_factory.mktemp("command")
    predictions, people = foreign()
    files = written(folder, predictions=predictions, people=people)
    arguments = [str(files["predictions"]), "--groups", str(files["people"])]
    arguments += [word for role, name in FOREIGN.items() for word in (f"--{role}", name)]
    arguments += ["--cross", "gender", "race", "--attributes", "gender", "--resamples", "100"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "save", lambda _, *paths: [path.touch() for path in paths])
        assert main([*arguments, "--seed", "3", "--out", str(folder / "out")]) == 0
    return json.loads((folder / "out/audit.json").read_text())


def same(frame: pl.DataFrame) -> Any:
    return frame


def lazy(frame: pl.DataFrame) -> Any:
    return frame.lazy()


def pandas(frame: pl.DataFrame) -> Any:
    return pd.DataFrame(frame.to_dict(as_series=False))


def categories(frame: pl.DataFrame) -> Any:
    return pandas(frame).astype("category")


def indexed(frame: pl.DataFrame) -> Any:
    return pandas(frame).set_index(frame.columns[0])


@pytest.mark.parametrize("kind", [same, lazy, pandas, categories, indexed])
def test_the_numbers_are_those_of_the_command(
    kind: Callable[[pl.DataFrame], Any], command: dict[str, Any]
) -> None:
    predictions, people = foreign()
    found = fairser.audit(
        kind(predictions),
        groups=kind(people),
        **FOREIGN,
        attributes=["gender"],
        cross=[("gender", "race")],
        resamples=100,
        seed=3,
    )
    assert tuple(found.tables) == TABLES
    for name, table in found.tables.items():
        assert table.to_dicts() == command[name]
    assert command["verdict"]["summary"] in found.text


def test_a_file_and_a_frame_together(tmp_path: Path) -> None:
    predictions, people = foreign(0)
    files = written(tmp_path, people=people)
    found = fairser.audit(predictions, groups=files["people"], **FOREIGN, **SMALL)
    other = fairser.audit(predictions, groups=people, **FOREIGN, **SMALL)
    assert found.audit.gaps.equals(other.audit.gaps)
    assert set(found.figures()) == {"recall", "false_alarms", "differences"}
    assert all(isinstance(figure, Figure) for figure in found.figures().values())


def counted(values: Any) -> AuditResult:
    """The audit of eight clips, four women's and four men's, with right predictions."""
    frame = pd.DataFrame({"clip": [f"c{n}" for n in range(8)], "gender": list("mfmfmfmf")})
    frame["label"] = list("aabbaabb")
    frame["prediction"] = list("aabbaabb")
    frame["extra"] = values
    return fairser.audit(frame, attributes=["gender", "extra"], **SMALL)


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        (pd.array([1, 2, 1, 2, 1, 2, None, 1], dtype="Int64"), {"1": 4, "2": 3}),
        (["x", np.nan, "x", "y", "x", None, "y", pd.NA], {"x": 3, "y": 2}),
        ([1, "b", 1, "b", np.nan, "b", 1, 1], {"1": 4, "b": 3}),
        ([True, False] * 4, {"false": 4, "true": 4}),
        (pd.array(["x", "y", pd.NA, "y"] * 2, dtype="string"), {"x": 2, "y": 4}),
        (pd.to_datetime(["2020-01-01", "2021-01-01"] * 4), None),
    ],
)
def test_values_of_pandas(values: Any, groups: dict[str, int] | None) -> None:
    rows = counted(values).tables["performance"].filter(attribute="extra")
    found = dict(zip(rows["group"], rows["clips"], strict=True))
    assert found == groups or (groups is None and sorted(found.values()) == [4, 4])


def test_missing_numbers_of_a_frame_are_no_values() -> None:
    """As in a csv: a clip without any probability is left out, and NaN is no label."""
    predictions, people = made_up()
    predictions = predictions.select(pl.exclude("prediction")).with_columns(
        pl.when(pl.col("clip") == "c0003").then(float("nan")).otherwise(name).alias(name)
        for name in predictions.columns
        if name.startswith("prediction_")
    )
    found = fairser.audit(predictions, groups=people, **SMALL)
    everyone = one(found.tables["performance"], attribute=None)
    assert everyone["clips"] == predictions.height - 1
    numbered = pl.DataFrame(
        {
            "clip": list("abcd"),
            "label": [0.0, 1.0, float("nan"), 1.0],
            "prediction": [0.0, 1.0, 1.0, 0.0],
            "gender": list("mfmf"),
        }
    )
    found = fairser.audit(numbered, attributes=["gender"], **SMALL)
    assert found.audit.decisions.classes == ("0.0", "1.0")
    assert one(found.tables["performance"], attribute=None)["clips"] == 3


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


def test_a_notebook_shows_tables_and_figures_and_runs_no_name() -> None:
    predictions, people = made_up(worse=0.6)
    people = people.with_columns(pl.col("gender").replace("male", "<script>x</script>"))
    html = fairser.audit(predictions, groups=people, attributes=["gender"], **SMALL)._repr_html_()
    elements = Elements()
    elements.feed(html)
    assert elements.found.count("svg") == 3
    assert elements.found.count("table") == 4
    assert "script" not in elements.found
    assert "&lt;script&gt;" in html


def test_messages_name_arguments_not_options() -> None:
    predictions, people = foreign()
    with pytest.raises(InputError, match=r"predictions, row 1: no column 'clip'.* `clip` names"):
        fairser.audit(predictions, groups=people)
    found = fairser.audit(
        predictions.drop("speaker").with_columns(gender=pl.Series(["m", "f"] * 240)),
        **FOREIGN,
        attributes=["gender"],
        **SMALL,
    )
    assert "`speaker`" in found.text and "--" not in found.text
    assert "--" not in found._repr_html_().replace("<!--", "").replace("-->", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictions": [1, 2]}, "predictions: a list is no table"),
        ({"predictions": pl.DataFrame({"clip": []})}, "predictions: the table has no rows"),
        ({"predictions": pd.DataFrame([[1, 2]], columns=["a", "a"])}, "several columns 'a'"),
        ({"groups": "speakers.xlsx"}, "speakers.xlsx: no such file"),
        ({"resamples": 10}, "resamples is 10"),
        ({"smallest": 0}, "smallest is 0"),
        ({"cross": ["gender"]}, "cross has 'gender'"),
        ({"attributes": ["gendr"]}, "Did you mean 'gender'"),
    ],
)
def test_bad_arguments(changes: dict[str, Any], message: str) -> None:
    predictions, people = made_up(8, 4)
    with pytest.raises(InputError, match=message):
        fairser.audit(**{"predictions": predictions, "groups": people} | changes)


def test_the_package_is_light_until_it_audits() -> None:
    program = (
        "import sys, fairser; light = set(sys.modules); fairser.audit; "
        "assert 'polars' not in light; assert 'torch' not in sys.modules; "
        "assert 'pandas' not in sys.modules"
    )
    environment = {"PYTHONPATH": str(ROOT / "workflow")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    with pytest.raises(AttributeError, match="no attribute 'audits'"):
        _ = fairser.audits  # type: ignore[attr-defined]
