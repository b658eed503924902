"""The command that predicts: rows as they come, faults at the end, an exit status that tells."""

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import make_audit
from fairser.commands import predict
from fairser.commands.base import BAD_INPUT, FOUND
from fairser.commands.predict import main
from fairser.core.files import read_json
from fairser.corpora.names import MULTI, SINGLE
from fairser.evaluation.metrics import COUNTS
from unit.builders import CLASSES
from unit.encoders.tiny import write_wavlm
from unit.run_builder import make_run
from workflow.runner import ROOT

HEAD = ["clip", *CLASSES, "prediction"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def audio(run: Path) -> Path:
    return run.parents[6] / "audio"


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_files_and_folders_in_order(
    run: Path, audio: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(audio / "c005.wav")
    assert main(["--run", str(run), clip, str(audio)]) == 0
    head, first, *rows = table(capsys.readouterr().out)
    assert head == HEAD
    assert [row[0] for row in rows] == [str(audio / f"c{n:03d}.wav") for n in range(24)]
    assert first == rows[5]
    frame = pl.read_parquet(run / "predictions.parquet").filter(pl.col("clip") == "c003")
    assert [float(x) for x in rows[3][1:4]] == pytest.approx(frame.row(0)[2:], abs=1e-5)


def test_a_file_of_rows_and_unusable_clips(
    run: Path, audio: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others are done; the reasons come last."""
    for name in ("bad.wav", "worse.wav"):
        (tmp_path / name).write_bytes(b"no audio")
    out = tmp_path / "new" / "out.csv"
    given = [str(tmp_path), str(audio / "c000.wav")]
    assert main(["--run", str(run), "--out", str(out), *given]) == FOUND
    told = capsys.readouterr()
    assert told.out == ""
    last = told.err.split("2 of 3 clips can't be used:\n")[1].splitlines()
    assert [line.split(":")[0].strip() for line in last] == [
        str(tmp_path / "bad.wav"),
        str(tmp_path / "worse.wav"),
    ]
    assert all("not readable as audio" in line for line in last)
    assert [row[0] for row in table(out.read_text())] == ["clip", str(audio / "c000.wav")]
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("task", [MULTI, SINGLE])
def test_an_audit_reads_the_rows_as_they_are(task: str, tmp_path: Path) -> None:
    """With the split of the fold as labels it counts what the run's record counts."""
    run = make_run(tmp_path, corpus={"kind": "demo", "task": task})
    out, labels = tmp_path / "out.csv", tmp_path / "results/splits/fold1.parquet"
    assert main(["--run", str(run), "--out", str(out), str(tmp_path / "audio")]) == 0
    audit = make_audit(AuditInput([out], [labels]), 10)
    metrics = read_json(run / "metrics.json")
    assert audit.decisions.task == metrics["task"] == task
    (whole,) = audit.performance.filter(pl.col("attribute").is_null()).to_dicts()
    assert whole["clips"] == metrics["clips"] == 6
    for name in ("uar", "f1", "accuracy") if task == SINGLE else ("f1", "acc"):
        assert whole[name] == pytest.approx(metrics[name])
    expected = metrics["attributes"]["gender"]["rates"]
    assert audit.rates.height == len(CLASSES) * 2
    for row in audit.rates.to_dicts():
        found = expected[row["class"]][row["group"]]
        assert row == row | {name: found[name] for name in COUNTS}


@pytest.mark.parametrize("out", ["-", "out.csv"])
def test_nothing_but_unusable_clips(
    out: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing was predicted: the status of bad input, and no file."""
    monkeypatch.chdir(tmp_path)
    for name in ("bad.wav", "worse.wav"):
        Path(name).write_bytes(b"no audio")
    assert main(["--run", str(run), "--out", out, "."]) == BAD_INPUT
    told = capsys.readouterr()
    assert told.out == (f"{','.join(HEAD)}\n" if out == "-" else "")
    assert "Error: 2 of 2 clips can't be used:\n  bad.wav: " in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.wav", "worse.wav"]


def test_progress_is_shown(run: Path, audio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run", str(run), str(audio)]) == 0
    assert "24 of 24 clips, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--run", "nowhere", "AUDIO"], "nowhere is no run"),
        (["--run", "RUN", "nowhere.wav"], "nowhere.wav is no file"),
        (["--run", "RUN", "AUDIO", "empty"], "no folder with an audio file"),
        (["--run", "RUN"], "or --features"),
        (["--run", "RUN", "AUDIO", "--features", "f"], "Name either audio files or"),
        (["--run", "RUN", "AUDIO", "--device", "mps"], "Device 'mps' is not available"),
    ],
)
def test_bad_input(
    run: Path,
    audio: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: list[str],
    message: str,
) -> None:
    """Told before any work, and no file is written."""
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    if "--device" in given:  # an encoder that computes on one
        run = make_run(tmp_path / "wavlm", model=write_wavlm(tmp_path / "model"))
    names = {"RUN": str(run), "AUDIO": str(audio)}
    assert main([*(names.get(word, word) for word in given), "--out", "out.csv"]) == BAD_INPUT
    assert message in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_an_unknown_device(run: Path, audio: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--run", str(run), str(audio), "--device", "banana"])
    assert ended.value.code == BAD_INPUT
    told = capsys.readouterr().err
    assert all(name in told for name in ("banana", "auto", "cuda", "mps", "cpu"))


def test_an_error_on_the_way_leaves_no_file(
    run: Path, audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("fairser.inference.predicting.predictions", broken)
    with pytest.raises(RuntimeError):
        main(["--run", str(run), "--out", str(tmp_path / "out.csv"), str(audio)])
    assert list(tmp_path.iterdir()) == []


def test_given_features(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the run's own store: its clips beside it, and the same predictions."""
    store = run.parents[6] / "store"
    assert main(["--run", str(run), "--features", str(store / "features.safetensors")]) == 0
    head, *rows = table(capsys.readouterr().out)
    found = {row[0]: [float(x) for x in row[1:4]] for row in rows}
    assert (head, len(found)) == (HEAD, 24)
    for clip, _, *expected in pl.read_parquet(run / "predictions.parquet").rows():
        assert found[clip] == pytest.approx(expected, abs=1e-6)


def test_given_features_with_faults(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from unit.builders import write_store

    monkeypatch.setattr(predict, "CHUNK", 2)
    array = np.zeros((5, 1, 320), np.float32)
    array[3] = np.nan
    paths = tmp_path / "f.safetensors", tmp_path / "clips.csv"
    write_store(*paths, array, list("abcde"))
    assert main(["--run", str(run), "--features", str(paths[0])]) == FOUND
    told = capsys.readouterr()
    assert [row[0] for row in table(told.out)] == ["clip", "a", "b", "c", "e"]
    assert "1 of 5 clips can't be used:\n  d: its features are not finite" in told.err


def test_given_features_of_another_shape(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from unit.builders import write_store

    paths = tmp_path / "f.safetensors", tmp_path / "clips.csv"
    write_store(*paths, np.zeros((1, 2, 8), np.float32), ["a"])
    assert main(["--run", str(run), "--features", str(paths[0])]) == BAD_INPUT
    assert "not the weights of this model on these features" in capsys.readouterr().err


def test_given_features_of_a_trained_encoder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_run(tmp_path, model=write_wavlm(tmp_path / "model"), encoder={"finetune": "lora"})
    assert main(["--run", str(made), "--features", "f.safetensors"]) == BAD_INPUT
    assert "trained its encoder" in capsys.readouterr().err


def test_a_reader_that_has_enough(run: Path, audio: Path) -> None:
    """As `head` does: no traceback."""
    command = [sys.executable, str(ROOT / "scripts/predict.py"), "--run", str(run)]
    with subprocess.Popen(
        [*command, *[str(audio)] * 10], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        printed = process.stderr.read().decode()
    assert process.returncode == FOUND
    assert "Traceback" not in printed
    assert "Error" not in printed


@pytest.mark.parametrize("out", ["-", "out.csv"])
def test_names_in_any_bytes(
    out: str,
    run: Path,
    audio: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(audio / "c000.wav", os.fsdecode(b"caf\xe9.wav"))
    Path(os.fsdecode(b"b\xe9.wav")).touch()
    assert main(["--run", str(run), str(tmp_path), "--out", out]) == FOUND
    printed = capfdbinary.readouterr()
    rows = printed.out if out == "-" else Path(out).read_bytes()
    assert b"/caf\xe9.wav," in rows
    assert b"b\\udce9.wav: the file is empty" in printed.err
