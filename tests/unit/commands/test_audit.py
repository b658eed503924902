"""The command audit: the folder it leaves, what it refuses, and what it imports."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from fairser.auditing import report
from fairser.commands.audit import main
from fairser.commands.base import BAD_INPUT
from fairser.core.files import sha256
from fairser.corpora.clips import ClipTable
from fairser.evaluation.metrics import fairness
from fairser.results import style
from unit.auditing.builders import made_up, one, written
from unit.builders import clip_table
from workflow.runner import ROOT

FILES = {
    *("audit.json", "audit.md", "performance.csv", "rates.csv", "gaps.csv", "differences.csv"),
    *(f"{n}.{kind}" for n in ("recall", "false_alarms", "differences") for kind in ("svg", "png")),
}
INPUTS = {"predictions.csv", "speakers.csv"}


@pytest.fixture(autouse=True, scope="module")
def small_pictures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(style.SETTINGS, "savefig.dpi", 20)
        yield


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving figures takes most of the time of an audit."""

    def touch(_: Figure, *paths: Path) -> None:
        for path in paths:
            path.touch()

    monkeypatch.setattr(report, "save", touch)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with predictions.csv, speakers.csv and their audit."""
    folder = tmp_path_factory.mktemp("finished")
    predictions, people = made_up(worse=0.4)
    written(folder, predictions=predictions, speakers=people)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("--seed", "5", "--attributes", "Gender", "gender*race") == 0
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished folder, to work in."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["predictions.csv", "--groups", "speakers.csv", "--resamples", "100", *arguments])


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_from_a_foreign_folder_without_heavy_imports(folder: Path) -> None:
    code = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'sklearn', 'transformers', 'pandas', 'snakemake'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, str(ROOT / "scripts/audit.py"), "predictions.csv"]
    command += ["--groups", "speakers.csv", "--cross", "gender", "race", "--resamples", "100"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (folder / "audit").iterdir()} == FILES
    assert "Written to audit: " in done.stdout
    assert {path.name for path in folder.iterdir()} == {"audit", *INPUTS}


def test_the_record_holds_everything(folder: Path) -> None:
    record = json.loads((folder / "audit/audit.json").read_text())
    assert record["inputs"] == {name: sha256(name) for name in sorted(INPUTS)}
    assert record["settings"]["resamples"] == 100 and record["settings"]["seed"] == 5
    assert record["settings"]["classes"] == ["anger", "fear", "joy"]
    assert set(record["attributes"]) == {"gender", "gender x race"}
    assert record["units"] == {"kind": "speakers", "count": 24}
    assert {"fairser", "python", "numpy", "polars"} <= set(record["versions"])
    for name in ("performance", "rates", "gaps", "differences"):
        table = pl.read_csv(folder / f"audit/{name}.csv", infer_schema_length=None)
        assert len(record[name]) == table.height
        for row, other in zip(record[name], table.to_dicts(), strict=True):
            for key, value in row.items():
                assert other[key] == (pytest.approx(value) if isinstance(value, float) else value)
    text = (folder / "audit/audit.md").read_text()
    assert record["verdict"]["summary"] in text
    for finding in record["verdict"]["attributes"].values():
        assert " ".join(finding["sentences"]) in text
    row = one(pl.DataFrame(record["rates"]), attribute="gender", group="male", **{"class": "fear"})
    assert f"{row['tpr']:.3f} [{row['tpr_low']:.3f}, {row['tpr_high']:.3f}]" in text


def test_again_into_the_same_folder(folder: Path) -> None:
    first = tree(folder / "audit")
    assert run("--seed", "5", "--attributes", "gender", "--cross", "gender", "race") == 0
    assert tree(folder / "audit") == first
    assert run("--seed", "1") == 0
    assert tree(folder / "audit").keys() == first.keys()
    assert tree(folder / "audit")["gaps.csv"] != first["gaps.csv"]


@pytest.mark.parametrize(
    ("out", "foreign"),
    [("mine", "notes.txt"), ("mine", "audit.json"), ("mine", "audit.md"), ("audit", "paper.pdf")],
)
def test_foreign_files_stay(
    folder: Path, out: str, foreign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside an earlier audit, too."""
    (folder / out).mkdir(exist_ok=True)
    (folder / out / foreign).write_text("{}")
    before = tree(folder)
    assert run("--out", out) == BAD_INPUT
    assert f"'{foreign}'" in capsys.readouterr().err
    assert run("--out", "speakers.csv") == BAD_INPUT
    assert "speakers.csv is a file" in capsys.readouterr().err
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--attributes", "gendr"], "Did you mean 'gender'"),
        (["--cross", "gender"], "--cross gender is only one"),
        (["--labels", "labels.csv"], "labels.csv: no such file"),
        (["--threshold", "0.5"], "most probable class"),
        (["--classes", "anger", "fear"], "label 'joy' is no class"),
    ],
)
def test_bad_input_leaves_nothing(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(folder)
    assert run("--out", "new", *arguments) == BAD_INPUT
    printed = capsys.readouterr()
    assert message in printed.err and printed.out == ""
    assert tree(folder) == before


@pytest.mark.parametrize(
    "option", ["--threshold=1", "--smallest=0", "--resamples=x", "--resamples=99"]
)
def test_numbers_that_make_no_sense(folder: Path, option: str) -> None:
    with pytest.raises(SystemExit) as end:
        run(option, "--out", "new")
    assert end.value.code == BAD_INPUT
    assert not (folder / "new").exists()


@pytest.mark.usefixtures("no_pictures")
def test_a_failure_while_writing_leaves_the_earlier_audit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = tree(folder)

    def broken(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(report, "write_json", broken)
    with pytest.raises(OSError, match="No space left"):
        run("--seed", "1")
    assert tree(folder) == before
    assert {path.name for path in folder.iterdir()} == {"audit", *INPUTS}


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize(
    ("line", "clips"),
    [
        ("predictions.csv --groups speakers.csv", 480),
        ("predictions.csv --groups speakers.csv --cross gender race --out results/audit", 480),
        (
            "theirs.csv --clip path --label emotion --prediction predicted_emotion "
            "--groups speakers.csv",
            480,
        ),
        ("out.csv --labels manifest.csv", 60),
        ("out.csv --labels results/demo/splits/fold1.parquet", 30),
        (
            "results/runs/erm/none/k1/fold*/seed0/predictions.parquet "
            "--labels results/clips.parquet --cross gender race --out results/audit",
            60,
        ),
        (
            "results/runs/erm/none/k1/fold*/seed0/predictions.parquet "
            "--labels results/clips.parquet --attributes gender",
            60,
        ),
    ],
)
def test_commands_of_the_documentation(folder: Path, line: str, clips: int) -> None:
    write_files_of_the_documentation()
    words = [(word, sorted(map(str, Path().glob(word)))) for word in shlex.split(line)]
    arguments = [argument for word, files in words for argument in files or [word]]
    assert main([*arguments, "--resamples", "100"]) == 0
    out = folder / (line.partition("--out ")[2] or "audit")
    record = json.loads((out / "audit.json").read_text())
    assert record["clips"] == clips
    assert "gender" in record["attributes"]


def write_files_of_the_documentation() -> None:
    """Two folds with all clips in each, the output of predict.py, a manifest, foreign columns."""
    theirs = pl.read_csv("predictions.csv").select("speaker", "clip", "label", "prediction")
    theirs.columns = ["speaker", "path", "emotion", "predicted_emotion"]
    theirs.write_csv("theirs.csv")
    random = np.random.default_rng(0)
    splits = ["test"] * 30 + ["development"] * 10 + ["train"] * 20
    groups = {"gender": ["female", "male"] * 30, "race": ["asian", "white", "white"] * 20}
    labels = random.dirichlet([1, 1, 1], 60)
    folds = []
    for fold, order in ((1, splits), (2, splits[::-1])):
        table = clip_table(labels, order, fold=fold, **groups)
        shares = random.dirichlet([1, 1, 1], 60).astype(np.float32)
        found = table.frame.select("clip", "split", "file").hstack(
            [pl.Series(name, shares[:, c]) for c, name in enumerate(table.classes)]
        )
        run = Path(f"results/runs/erm/none/k1/fold{fold}/seed0")
        run.mkdir(parents=True)
        kept = found.filter(pl.col("split") != "train").drop("file")
        kept.write_parquet(run / "predictions.parquet")
        table.write(f"results/demo/splits/fold{fold}.parquet")
        folds.append(table.frame)
    table.replace(pl.concat(folds)).write("results/clips.parquet")
    paths = pl.format("audio/{}", "file").alias("clip")
    found.select(paths, *table.classes, prediction=pl.lit("sad")).write_csv("out.csv")
    table.frame.select("file", "speaker", *table.classes, "gender").write_csv("manifest.csv")


@pytest.mark.usefixtures("no_pictures")
def test_cremad(cremad_table: ClipTable, cremad: Path, tmp_path: Path) -> None:
    """Real labels and speakers; the classifier takes every second fear of men for sadness."""
    clips = cremad_table.clips().drop_nulls("majority")
    gender = clips["gender"].to_numpy()
    label = clips["majority"].to_numpy()
    missed = (gender == "male") & (label == "fear") & (np.arange(clips.height) % 2 == 0)
    given = np.where(missed, "sad", label)
    table = clips.select("clip", "speaker", pl.col("majority").alias("label"))
    table = table.with_columns(pl.Series("prediction", given.tolist()))
    table.write_csv(tmp_path / "predictions.csv")
    out = tmp_path / "audit"
    arguments = [str(tmp_path / "predictions.csv"), "--out", str(out), "--resamples", "100"]
    arguments += ["--groups", str(cremad / "VideoDemographics.csv")]
    assert main([*arguments, "--attributes", "gender", "race", "age"]) == 0
    record = json.loads((out / "audit.json").read_text())
    assert record["units"] == {"kind": "speakers", "count": 91}
    assert record["verdict"]["attributes"]["gender"]["stands_out"]
    said = " ".join(record["verdict"]["attributes"]["gender"]["sentences"])
    assert "labelled fear, 100 % are recognised for women" in said
    assert "not labelled sad, " in said
    truth = np.array([label == name for name in cremad_table.classes]).T
    predicted = np.array([given == name for name in cremad_table.classes]).T
    for name in ("gender", "race", "age"):
        groups = clips[name].to_list()
        expected = fairness(truth, predicted, groups, list(cremad_table.classes))
        for row in record["gaps"]:
            if row["attribute"] == name:
                gap = expected["gaps"][row["rate"]][row["variant"]]
                wanted = gap["by_class"][row["class"]] if row["class"] else gap["rms"]
                assert row["gap"] == pytest.approx(wanted)
        assert record["attributes"][name]["unknown_clips"] == expected["unknown"]
