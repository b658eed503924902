"""The same predictions give the same audit, whichever files they come in."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fairser.auditing.decisions import Decisions, read_decisions
from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import Audit, make_audit
from fairser.auditing.verdict import judge
from fairser.core.errors import InputError
from fairser.corpora.clips import MULTI, SINGLE, ClipTable, build

CLASSES = ("happy", "angry", "calm")  # not in the order of their names
SPEAKERS, CLIPS = 24, 15
FOLDER = "/home/me/corpus/audio"
TABLES = ("performance", "rates", "gaps", "differences")


def corpus(task: str) -> ClipTable:
    """Labels of a class per clip, or of shares, by speaker and gender; a third is not test."""
    random = np.random.default_rng(5)
    count = SPEAKERS * CLIPS
    values = random.dirichlet([0.5] * 3, count)
    if task == SINGLE:
        values = np.eye(3)[values.argmax(axis=1)]
    speaker = np.repeat(np.arange(SPEAKERS), CLIPS)
    files = [f"s{s:02d}/{n:03d}.wav" for n, s in enumerate(speaker)]
    frame = pl.DataFrame(
        {
            "clip": [name.removesuffix(".wav") for name in files],
            "file": files,
            "speaker": [f"s{s:02d}" for s in speaker],
            "fold": [1] * count,
            "split": [
                ("test", "train", "test", "development", "test", "test")[s % 6] for s in speaker
            ],
            **{name: values[:, c] for c, name in enumerate(CLASSES)},
            "gender": [("female", "male")[s // 2 % 2] for s in speaker],
        }
    )
    table = build(frame, list(CLASSES), ["gender"], "corpus")
    assert table.task == task
    return table


def shares(table: ClipTable) -> np.ndarray:
    """Probabilities [N, C] in float32, worse for men; some are 1/3, which is the threshold."""
    random = np.random.default_rng(6)
    male = table.frame["gender"].to_numpy() == "male"
    skill = np.where(male, 0.5, 1.3)[:, None]
    logits = skill * table.frame.select(CLASSES).to_numpy() + random.gumbel(0, 0.5, (len(male), 3))
    found = np.exp(logits).astype(np.float32)
    found /= found.sum(axis=1, keepdims=True)
    found[::9] = np.float32([1 / 3, 0.4, 4 / 15])
    return found


def decided(values: np.ndarray, task: str) -> np.ndarray:
    """Decisions, 0 or 1."""
    if task == SINGLE:
        return np.eye(3, dtype=int)[values.argmax(axis=1)]
    return (values > values.dtype.type(1 / 3)).astype(int)


def by_class(role: str, values: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{role}_{name}": values[:, c] for c, name in enumerate(CLASSES)}


def doors(folder: Path, task: str) -> dict[str, AuditInput]:
    """The same labels and predictions in many files."""
    table = corpus(task)
    values = shares(table)
    test = (table.frame["split"] == "test").to_numpy()
    frame = table.frame.filter(test).select("clip", "speaker", "gender")
    labels = table.frame.select(CLASSES).to_numpy()
    truth, calls = decided(labels, task), decided(values, task)
    names = np.array(CLASSES)
    found: dict[str, AuditInput] = {}

    def add(name: str, table: pl.DataFrame, **given: object) -> None:
        table.write_csv(folder / f"{name}.csv")
        found[name] = AuditInput([folder / f"{name}.csv"], **given)  # type: ignore[arg-type]

    # A clip table and the predictions of a run.
    table.write(folder / "clips.parquet")
    run = table.frame.filter(pl.col("split") != "train").select("clip", "split")
    part = (table.frame["split"] != "train").to_numpy()
    run = run.hstack([pl.Series(name, values[part, c]) for c, name in enumerate(CLASSES)])
    run.write_parquet(folder / "predictions.parquet")
    found["run"] = AuditInput([folder / "predictions.parquet"], [folder / "clips.parquet"])
    # What predict.py prints, of all clips, with the clip table or a manifest as labels.
    with (folder / "out.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip", *CLASSES, "prediction"])
        for name, row, call in zip(table.frame["file"], values, calls == 1, strict=True):
            writer.writerow([f"{FOLDER}/{name}", *map(str, row), ";".join(names[call])])
    manifest = table.frame.select("file", "speaker", "split", "gender")
    if task == SINGLE:
        manifest = manifest.with_columns(emotion=pl.Series(names[labels.argmax(axis=1)]))
    else:
        manifest = manifest.hstack(table.frame.select(CLASSES))
    manifest = manifest.with_columns(pl.format("audio/{}", "file").alias("file"))
    manifest.sample(fraction=1, shuffle=True, seed=1).write_csv(folder / "manifest.csv")
    for name in ("clips.parquet", "manifest.csv"):
        found[f"predict.py, {name}"] = AuditInput([folder / "out.csv"], [folder / name])
    # Files of others.
    several = frame.with_columns(**by_class("label", labels[test]))
    add("probabilities", several.with_columns(**by_class("prediction", values[test])))
    add("decisions", several.with_columns(**by_class("prediction", calls[test])))
    exact = values[test].astype(np.float64)
    add("float64", several.with_columns(**by_class("prediction", exact)))
    if task == SINGLE:
        one = frame.with_columns(label=pl.Series(names[truth[test].argmax(axis=1)]))
        called = pl.Series(names[calls[test].argmax(axis=1)])
        add("one class each", one.with_columns(prediction=called))
        add("label and probabilities", one.with_columns(**by_class("prediction", values[test])))
        foreign = one.select(pl.format("/data/{}.wav", "clip").alias("path"), "speaker", "gender")
        foreign = foreign.with_columns(emotion=one["label"], predicted_emotion=called)
        columns = {"clip": "path", "label": "emotion", "prediction": "predicted_emotion"}
        add("foreign", foreign, columns=columns)
    return found


def tables(audit: Audit) -> list[pl.DataFrame]:
    """Its tables without the order of the classes, which is by name in some files."""
    keys = {"attribute", "group", "class", "rate", "variant", "other"}
    found = [getattr(audit, name) for name in TABLES]
    return [one.sort([n for n in one.columns if n in keys]) for one in found]


@pytest.mark.parametrize("task", [SINGLE, MULTI])
def test_the_same_predictions_give_the_same_verdict(task: str, tmp_path: Path) -> None:
    given = doors(tmp_path, task)
    audits = {name: make_audit(one, 100) for name, one in given.items()}
    first = audits.pop("run")
    assert first.performance["speakers"][0] == 16 and first.performance["clips"][0] == 240
    assert first.decisions.task == task
    said = judge(first)
    assert said.attributes["gender"].stands_out
    for name, audit in audits.items():
        for ours, theirs in zip(tables(audit), tables(first), strict=True):
            assert_frame_equal(ours, theirs, rel_tol=1e-9)
        assert judge(audit) == said, name
    assert len(audits) == (8 if task == SINGLE else 5)


# Which of several columns counts.


def decide(folder: Path, text: str, labels: str = "", **given: object) -> Decisions:
    (folder / "p.csv").write_text(text)
    if labels:
        (folder / "l.csv").write_text(labels)
        given["labels"] = [folder / "l.csv"]
    return read_decisions(AuditInput([folder / "p.csv"], **given))  # type: ignore[arg-type]


def names(found: Decisions) -> list[str]:
    """The predicted classes of each clip, as predict.py writes them."""
    return [";".join(np.array(found.classes)[row]) for row in found.predicted]


LABELS = "file,speaker,emotion\na.wav,1,x\nb.wav,2,y\nc.wav,3,x\n"
SOFT = "clip,x,y,z\na,0.6,0.4,0\nb,0.4,0.6,0\nc,0.6,0,0.4\n"


def test_a_prediction_that_several_probabilities_tie_for(tmp_path: Path) -> None:
    """Rounding made the probabilities equal; the column still has the class."""
    text = "clip,x,y,prediction\na,0.5,0.5,y\nb,0.5,0.5,y\nc,1,0,x\n"
    found = decide(tmp_path, text, LABELS)
    assert (names(found), found.notes) == (["y", "y", "x"], [])
    without = decide(tmp_path, text.replace("prediction", "seen"), LABELS)
    assert names(without) == ["x", "x", "x"]
    assert "2 clips with several most probable classes" in without.notes[0]


def test_predictions_of_several_classes_with_one_label_each(tmp_path: Path) -> None:
    """Of a model for several labels per clip: the most probable class counts, and that is said."""
    text = "clip,x,y,z,prediction\na,0.4,0.5,0.1,x;y\nb,.34,.33,.33,\nc,.1,.1,.8,z\n"
    found = decide(tmp_path, text, LABELS)
    assert (found.task, names(found)) == (SINGLE, ["y", "x", "z"])
    assert found.classes == ("x", "y", "z")
    assert "for 2 clips; the probabilities count" in found.notes[-1]
    with pytest.raises(InputError, match=r"row 2: prediction 'x;y' is no class"):
        decide(tmp_path, text, LABELS, columns={"prediction": "prediction"})


def test_predictions_of_one_class_with_several_labels(tmp_path: Path) -> None:
    text = "clip,x,y,z,prediction\na,0.4,0.5,0.1,y\nb,.2,.3,.5,z\nc,.1,.1,.8,z\n"
    found = decide(tmp_path, text, SOFT)
    assert (found.task, names(found)) == (MULTI, ["x;y", "z", "z"])
    assert "for 1 clip; the probabilities count" in found.notes[-1]
    asked = decide(tmp_path, text, SOFT, columns={"prediction": "prediction"})
    assert (names(asked), asked.notes) == (["y", "z", "z"], [])


def test_numbers_that_are_no_probabilities_do_not_count(tmp_path: Path) -> None:
    """Scores by class beside a prediction."""
    text = "clip,x,y,prediction\na,-3.5,2,x\nb,7,1,x\nc,0,0,y\n"
    assert names(decide(tmp_path, text, LABELS)) == ["x", "x", "y"]


def test_a_class_of_the_model_without_clips(tmp_path: Path) -> None:
    """It is a class, as the probabilities of the others do not sum to 1 without it."""
    found = decide(tmp_path, "clip,x,y,z\na,.5,.3,.2\nb,.1,.1,.8\nc,.5,.3,.2\n", LABELS)
    assert found.classes == ("x", "y", "z")
    with pytest.raises(InputError, match="column 'z' holds numbers"):
        decide(tmp_path, "clip,x,y,z\na,.5,.5,2.5\nb,.9,.1,.8\nc,.5,.5,1.5\n", LABELS)
    with pytest.raises(InputError, match="label 'y' is no class"):
        decide(tmp_path, "clip,x,z\na,.5,.5\nb,.9,.1\nc,.5,.5\n", LABELS)


def test_decisions_of_several_classes_need_a_threshold(tmp_path: Path) -> None:
    text = "clip,label_x,label_y,prediction_x,prediction_y\na,1,0,1,1\nb,0,1,0,1\n"
    with pytest.raises(InputError, match=r"p\.csv, row 2: clip 'a' .*--threshold 0.5"):
        decide(tmp_path, text)
    found = decide(tmp_path, text, threshold=0.5)
    assert (found.task, names(found)) == (MULTI, ["x;y", "y"])


def test_few_decimals_are_noted(tmp_path: Path) -> None:
    """0.33 may have been 0.334, which is above 1/3; 0.34 and 0.32 can only be what they are."""
    text = "clip,x,y,z,prediction\na,0.33,0.34,0.33,y\nb,.2,.3,.5,z\nc,.1,.1,.8,z\n"
    found = decide(tmp_path, text, SOFT)
    assert names(found) == ["y", "z", "z"]
    assert "could change 2 decisions at the threshold 0.333" in found.notes[0]
    assert decide(tmp_path, text.replace(".33", ".32"), SOFT).notes == []
    assert decide(tmp_path, text.replace("0.33", "0.33000000"), SOFT).notes == []


# The task of a clip table.


def clip_table(folder: Path, labels: np.ndarray, task: str) -> Path:
    frame = pl.DataFrame({"clip": ["a", "b", "c"], "x": labels, "y": 1 - labels})
    frame.write_parquet(folder / "clips.parquet", metadata={"task": task})
    return folder / "clips.parquet"


@pytest.mark.parametrize("task", [SINGLE, MULTI])
def test_the_task_of_a_clip_table_counts(task: str, tmp_path: Path) -> None:
    """Also where the labels of these clips look like the other task's."""
    text = "clip,x,y\na,0.5,0.5\nb,0.6,0.4\nc,0.1,0.9\n"
    labels = np.array([0.6, 0.8, 0.2]) if task == SINGLE else np.array([1.0, 1.0, 0.0])
    path = clip_table(tmp_path, labels, task)
    (tmp_path / "p.csv").write_text(text)
    found = read_decisions(AuditInput([tmp_path / "p.csv"], [path]))
    assert found.task == task
    assert names(found) == (["x", "x", "y"] if task == SINGLE else ["", "x", "y"])
    assert found.truth.tolist() == [[True, False], [True, False], [False, True]]
    given = AuditInput([tmp_path / "p.csv"], [path], threshold=0.45)
    if task == SINGLE:
        with pytest.raises(InputError, match="leave the threshold out"):
            read_decisions(given)
    else:
        assert names(read_decisions(given)) == ["x;y", "x", "y"]


def test_clip_tables_of_two_tasks(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("clip,x,y\na,0.5,0.5\n")
    one = clip_table(tmp_path, np.array([1.0, 1.0, 0.0]), SINGLE).rename(tmp_path / "1.parquet")
    two = clip_table(tmp_path, np.array([1.0, 1.0, 0.0]), MULTI)
    with pytest.raises(InputError, match=r"clips\.parquet has the task multi_label, .*1\.parquet"):
        read_decisions(AuditInput([tmp_path / "p.csv"], [one, two]))


def test_labels_by_class_that_are_one_label(tmp_path: Path) -> None:
    """It is said, and a threshold decides otherwise."""
    text = "clip,label_x,label_y,x,y\na,1,0,0.4,0.6\nb,0,1.0,0.4,0.6\n"
    found = decide(tmp_path, text)
    assert found.task == SINGLE and "one label" in found.notes[0]
    assert decide(tmp_path, text, label_threshold=0.5).task == MULTI
    assert decide(tmp_path, text.replace("1.0", "0.9")).task == MULTI
    assert decide(tmp_path, text.replace("b,0,1.0", "b,1,1")).task == MULTI


# The split, by the labels.


SPLITS = "file,speaker,emotion,split\na.wav,1,x,test\nb.wav,2,y,test\nc.wav,3,x,train\n"
OUT = "clip,x,y,prediction\nwav/a.wav,.9,.1,x\nwav/b.wav,.9,.1,x\nwav/c.wav,.9,.1,x\n"


def test_a_split_of_the_labels(tmp_path: Path) -> None:
    found = decide(tmp_path, OUT, SPLITS)
    assert found.clips["clip"].to_list() == ["wav/a", "wav/b"]
    assert "Only the split test is audited; 1 other rows are not." in found.notes
    assert not [note for note in found.notes if note.startswith("Left out")]
    found = decide(tmp_path, OUT, SPLITS, split="train", classes=["x", "y"])
    assert found.clips["clip"].to_list() == ["wav/c"]
    with pytest.raises(InputError, match=r"l\.csv, row 1: no column 'split'"):
        decide(tmp_path, OUT, LABELS, split="test")


def test_splits_of_several_folds(tmp_path: Path) -> None:
    """A clip has several, so all clips are audited, which is said."""
    rows = [line.split(",") for line in SPLITS.splitlines()[1:]]
    folds = ["file,speaker,emotion,split,fold"]
    for fold in (1, 2):
        folds += [",".join([*row[:3], "test" if fold == 1 else row[3], str(fold)]) for row in rows]
    labels = "\n".join(folds) + "\n"
    found = decide(tmp_path, OUT, labels)
    assert found.clips.height == 3
    assert [note for note in found.notes if "trained on" in note and "fold1.parquet" in note]
    with pytest.raises(InputError, match="split for each fold"):
        decide(tmp_path, OUT, labels, split="test")
