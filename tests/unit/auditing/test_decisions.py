"""Every form of labels and predictions gives the same decisions; bad input is refused."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairser.auditing.decisions import Decisions, read_decisions
from fairser.auditing.inputs import AuditInput
from fairser.core.errors import InputError
from fairser.corpora.clips import MULTI, SINGLE
from fairser.evaluation.evaluate import evaluate
from fairser.evaluation.metrics import class_counts, performance
from unit.auditing.builders import CLASSES, made_up, sources_of
from unit.builders import clip_table

HEAD = "clip,speaker,label,prediction\n"
ROWS = "a,1,anger,anger\nb,2,joy,anger\nc,3,joy,joy\n"


def read(folder: Path, table: pl.DataFrame, ending: str = "csv", **given: Any) -> Decisions:
    path = folder / f"table.{ending}"
    if ending == "parquet":
        table.write_parquet(path)
    else:
        table.write_csv(path, separator="\t" if ending == "tsv" else ",")
    return read_decisions(AuditInput([path], **given))


def by_class(names: pl.Series, role: str) -> pl.DataFrame:
    return pl.DataFrame({f"{role}_{c}": (names == c).cast(int) for c in CLASSES})


def shares_of(names: pl.Series) -> pl.DataFrame:
    """Label values of clips that most raters gave a class, so that they may have several."""
    return 0.1 + 0.7 * by_class(names, "label")


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
def test_one_label_and_one_prediction(tmp_path: Path, ending: str) -> None:
    table = made_up()[0].select("clip", "speaker", "label", "prediction")
    found = read(tmp_path, table, ending)
    assert (found.classes, found.task, found.thresholds) == (CLASSES, SINGLE, {})
    assert [CLASSES[c] for c in found.truth.argmax(1)] == table["label"].to_list()
    assert [CLASSES[c] for c in found.predicted.argmax(1)] == table["prediction"].to_list()
    assert (found.truth.sum(1) == 1).all() and (found.predicted.sum(1) == 1).all()
    assert found.notes == []


def forms() -> dict[str, pl.DataFrame]:
    table = made_up()[0]
    shares = [f"prediction_{name}" for name in CLASSES]
    plain = table.drop("prediction")
    return {
        "probabilities": plain,
        "bare probabilities": plain.rename(dict(zip(shares, CLASSES, strict=True))),
        "percent of float32": plain.with_columns(pl.col(shares).cast(pl.Float32)),
        "prediction before probabilities": table,
        "other numbers beside a prediction": table.drop(shares).with_columns(seconds=pl.lit(2.5)),
        "blanks around names": table.with_columns(pl.format(" {} ", "label").alias("label")),
    }


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_forms_of_one_label_per_clip_are_the_same(tmp_path: Path, form: str, ending: str) -> None:
    found = read(tmp_path, forms()[form], ending)
    plain = read(tmp_path, made_up()[0].select("clip", "speaker", "label", "prediction"))
    assert found.classes == plain.classes
    assert found.task == SINGLE
    np.testing.assert_array_equal(found.truth, plain.truth)
    np.testing.assert_array_equal(found.predicted, plain.predicted)


def test_labels_by_class(tmp_path: Path) -> None:
    table = made_up()[0]
    shares = table.select("^prediction_.*$").to_numpy()
    several = table.select("clip", "speaker").hstack(shares_of(table["label"]))
    several = several.hstack(table.select("^prediction_.*$"))
    found = read(tmp_path, several)
    assert found.task == MULTI
    assert found.thresholds == {"labels": 1 / 3, "predictions": 1 / 3}
    np.testing.assert_array_equal(found.predicted, shares > 1 / 3)
    assert (found.truth.sum(1) == 1).all()
    strict = read(tmp_path, several, threshold=0.7, label_threshold=0.05)
    np.testing.assert_array_equal(strict.predicted, shares > 0.7)
    assert strict.truth.all()
    assert strict.thresholds == {"labels": 0.05, "predictions": 0.7}


def test_several_labels_and_one_prediction(tmp_path: Path) -> None:
    table = made_up()[0]
    several = table.select("clip", "prediction").hstack(shares_of(table["label"]))
    found = read(tmp_path, several)
    assert found.task == MULTI
    assert [CLASSES[c] for c in found.predicted.argmax(1)] == table["prediction"].to_list()


def test_values_that_are_no_shares_are_noted(tmp_path: Path) -> None:
    table = made_up()[0]
    labels = table.select("clip").hstack(shares_of(table["label"]))
    high = labels.hstack(pl.DataFrame({f"prediction_{c}": [0.4] * table.height for c in CLASSES}))
    assert "--threshold 0.5" in " ".join(read(tmp_path, high).notes)
    assert read(tmp_path, high).predicted.all()
    assert read(tmp_path, high, threshold=0.5).notes == []
    decided = labels.hstack(by_class(table["label"], "prediction") * 0 + 1)
    assert read(tmp_path, decided).notes == []


def test_ties_are_noted(tmp_path: Path) -> None:
    rows = "a,anger,0.5,0.5\nb,joy,0.1,0.9\n"
    found = read_decisions(sources_of(tmp_path, "clip,label,anger,joy\n" + rows))
    assert len(found.notes) == 1 and "1 clip " in found.notes[0]
    assert found.predicted.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("table", ["fold.parquet", "clips.parquet"])
def test_a_run_of_the_workflow_has_its_own_metrics(tmp_path: Path, table: str) -> None:
    """Shares of exactly 1/3 in float32, three splits, and labels of every clip and fold."""
    random = np.random.default_rng(0)
    splits = ["train"] * 10 + ["development"] * 10 + ["test"] * 40
    clips = clip_table(random.dirichlet([1, 1, 1], 60), splits, gender=["f", "m"] * 30)
    shares = random.dirichlet([1, 1, 1], 50).astype(np.float32)
    shares[::7] = np.float32(1 / 3)
    predictions = clips.frame.filter(pl.col("split") != "train").select("clip", "split")
    predictions = predictions.hstack(
        [pl.Series(c, shares[:, n]) for n, c in enumerate(clips.classes)]
    )
    predictions.write_parquet(tmp_path / "predictions.parquet")
    frame = clips.frame
    if table == "clips.parquet":
        frame = pl.concat([frame, frame.with_columns(fold=pl.lit(2, pl.Int64), split=pl.lit("x"))])
    clips.replace(frame).write(tmp_path / table)
    found = read_decisions(AuditInput([tmp_path / "predictions.parquet"], [tmp_path / table]))
    expected = evaluate(predictions, clips)
    measured = performance(class_counts(found.truth, found.predicted), found.task)
    assert measured == {n: expected[n] for n in ("f1", "acc")}
    assert found.clips["gender"].to_list() == ["f", "m"] * 20
    assert "split test" in found.notes[0] and "10 other rows" in found.notes[0]
    assert found.notes[1].startswith("Left out: 20 clips without a prediction (c000, ")


def test_folds_are_taken_together_and_a_clip_counts_once(tmp_path: Path) -> None:
    table = made_up()[0].select("clip", "speaker", "label", "prediction")
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path, part in zip(paths, (table[:200], table[200:]), strict=True):
        part.write_csv(path)
    whole = read(tmp_path, table)
    both = read_decisions(AuditInput(paths))
    np.testing.assert_array_equal(both.predicted, whole.predicted)
    table[199:].write_csv(paths[1])
    with pytest.raises(InputError, match=r"1\.csv, row 201: clip 'c0199' .*2\.csv, row 2 "):
        read_decisions(AuditInput(paths))
    table[200:].rename({"speaker": "voice"}).write_csv(paths[1])
    with pytest.raises(InputError, match="different columns"):
        read_decisions(AuditInput(paths))


def test_labels_of_their_own_file(tmp_path: Path) -> None:
    table = made_up()[0]
    names = table["clip"] + ".wav"  # with and without the ending
    labels = table.select("clip", "speaker", "label").with_columns(names)[5:]
    labels = pl.concat([labels, labels[:3], labels[:1].with_columns(clip=pl.lit("elsewhere"))])
    labels.write_csv(tmp_path / "labels.csv")
    found = read(tmp_path, table.select("clip", "prediction"), labels=[tmp_path / "labels.csv"])
    assert [CLASSES[c] for c in found.truth.argmax(1)] == table["label"][5:].to_list()
    assert found.clips["speaker"].to_list() == table["speaker"][5:].to_list()
    assert found.notes == [
        "Left out: 5 clips without a label (c0000, c0001, c0002 and 2 more).",
        "Left out: 1 clip without a prediction (elsewhere).",
    ]


def test_empty_cells_are_clips_without(tmp_path: Path) -> None:
    rows = ROWS + "d,4,,joy\ne,5,joy,\n"
    found = read_decisions(sources_of(tmp_path, HEAD + rows))
    assert found.clips["clip"].to_list() == ["a", "b", "c"]
    assert [note[-4:] for note in found.notes] == ["(d).", "(e)."]


def test_classes_by_name(tmp_path: Path) -> None:
    sources = sources_of(tmp_path, HEAD + ROWS + "d,4,joy,fear\n", classes=["joy", "fear", "anger"])
    found = read_decisions(sources)
    assert found.classes == ("joy", "fear", "anger")
    assert found.predicted.argmax(1).tolist() == [2, 2, 0, 1]
    text = "clip,label,anger,joy,seconds\na,anger,0.5,0.1,0.9\nb,joy,0.1,0.2,0.9\n"
    found = read_decisions(sources_of(tmp_path, text, classes=["anger", "joy"]))
    assert found.predicted.argmax(1).tolist() == [0, 1]


names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_odd_names_come_through(tmp_path: Path, data: st.DataObject) -> None:
    """Commas, quotes and letters of any script, in any order."""
    classes = data.draw(st.lists(names, min_size=2, max_size=4, unique=True))
    label = st.sampled_from(classes)
    pairs = data.draw(st.lists(st.tuples(label, label), min_size=2, max_size=20))
    pairs += [(name, name) for name in classes]
    table = pl.DataFrame(
        {
            "clip": [f"clip {n}, '{n}'" for n in range(len(pairs))],
            "label": [pair[0] for pair in pairs],
            "prediction": [pair[1] for pair in pairs],
        }
    )
    found = read(tmp_path, table)
    assert found.classes == tuple(sorted(classes))
    counts = Counter(
        (found.classes[t], found.classes[p])
        for t, p in zip(found.truth.argmax(1), found.predicted.argmax(1), strict=True)
    )
    assert counts == Counter(pairs)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "predictions.csv: .*empty"),
        (HEAD, {}, "no rows below"),
        ("clp,label,prediction\na,x,x\n", {}, "row 1: no column 'clip'.*Did you mean 'clp'"),
        ("clip;label;prediction\na;x;x\n", {}, "separated by semicolons"),
        ("clip,label,label\na,x,x\n", {}, "row 1: there are 2 columns 'label'"),
        ("clip,label,predicton\na,x,x\n", {}, "no column 'prediction'.*Did you mean 'predicton'"),
        ("clip,prediction\na,x\n", {}, "no column 'label'.*--labels"),
        (HEAD + ROWS + "a,4,joy,joy\n", {}, "row 2: clip 'a' has several rows.*row 5"),
        (HEAD + ROWS + ",4,joy,joy\n", {}, "row 5: column 'clip' is empty"),
        (HEAD + ROWS + "d,4,joy,angr\n", {}, "row 5: prediction 'angr' is no class.*'anger'"),
        (HEAD + ROWS, {"classes": ["anger", "fear"]}, "row 3: label 'joy' is no class"),
        (HEAD + "a,1,x,x\nb,2,x,x\n", {}, r"only one class \(x\)"),
        (HEAD + "a,1,x,\nb,2,,x\n", {}, "No clip has both .*'b'.*'a'"),
        (HEAD + ROWS, {"threshold": 0.5}, "most probable class"),
        (HEAD + ROWS, {"split": "test"}, "no column 'split', which --split asks for"),
        (
            "clip,label,anger,joy\na,anger,0.5,nan\nb,joy,0,1\n",
            {},
            "row 2: column 'joy' holds 'nan'",
        ),
        ("clip,label,anger,joy\na,anger,inf,0\nb,joy,0,1\n", {}, "row 2: column 'anger' .*'inf'"),
        ("clip,label,anger,joy\na,anger,55,45\nb,joy,0,1\n", {}, "percentages by 100"),
        ("clip,label,anger,joy\na,anger,,0\nb,joy,0,1\n", {}, "row 2: column 'anger' holds ''"),
        ("clip,label,anger\na,anger,1\nb,joy,0\n", {}, "row 3: label 'joy' is no class"),
        ("clip,label,anger,joy,sec\na,anger,0,1,2\nb,joy,0,1,2\n", {}, "'sec' holds numbers.*--cl"),
        ("clip,label_a,label_b,prediction_a\na,1,0,1\nb,0,1,0\n", {}, "'label_b' holds numbers"),
        ("clip,label_a,label_b,a,c\na,1,0,1,0\nb,0,1,0,0\n", {}, "column 'c' holds numbers"),
        ("clip,split,label,prediction\na,x,a,a\nb,y,b,b\n", {}, "has the values x and y"),
        ("clip,split,label,prediction\na,test,a,a\n", {"split": "tst"}, "Did you mean 'test'"),
    ],
)
def test_bad_input(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_decisions(sources_of(tmp_path, text, **options))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", None, "no such file. Did you mean 'predictions.csv'"),
        ("p.xlsx", b"x", "must end in .csv, .tsv or .parquet"),
        ("p.csv", "clip,label\na,\xe9\n".encode("latin-1"), "row 2: the byte 0xe9 is not UTF-8"),
        ("p.csv", "clip,\xe9\na,b\n".encode("latin-1"), "row 1: the byte 0xe9 is not UTF-8"),
        ("p.csv", "clip,label\na,b\n".encode("utf-16"), "text in UTF-16"),
        ("p.csv", b"clip,label\na,b,c\n", "row 2: 3 values"),
        ("p.parquet", b"no parquet at all", "not readable as parquet"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    (tmp_path / "predictions.csv").write_text(HEAD)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_decisions(AuditInput([tmp_path / name]))


def test_a_parquet_without_rows_or_with_a_bad_value(tmp_path: Path) -> None:
    table = made_up()[0].drop("prediction")
    with pytest.raises(InputError, match="no rows"):
        read(tmp_path, table[:0], "parquet")
    for value in (float("nan"), float("inf"), None):
        bad = pl.Series([0.1, value, *[0.1] * (table.height - 2)])
        with pytest.raises(InputError, match=r"table\.parquet, row 2: column 'prediction_fear'"):
            read(tmp_path, table.with_columns(prediction_fear=bad), "parquet")


def test_labels_that_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("clip,label\na,joy\nb,fear\na,joy\nb,joy\n")
    sources = sources_of(tmp_path, "clip,prediction\na,joy\n", labels=[tmp_path / "labels.csv"])
    with pytest.raises(InputError, match=r"labels\.csv, row 3: clip 'b' .*contradict.*row 5"):
        read_decisions(sources)
