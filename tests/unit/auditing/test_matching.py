"""Files of others: their columns, and their paths of the same clips."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairser.auditing.decisions import Decisions, read_decisions
from fairser.auditing.grouping import read_groups
from fairser.auditing.inputs import AuditInput
from fairser.auditing.matching import with_names_of
from fairser.core.errors import InputError

# Predictions of the kind that people share: full paths of one machine, columns of their own.
CREMAD = (
    "path,actor,emotion,predicted_emotion,confidence\n"
    "/data/AudioWAV/1001_DFA_ANG_XX.wav,1001,ANG,ANG,0.9\n"
    "/data/AudioWAV/1002_DFA_HAP_XX.wav,1002,HAP,ANG,0.5\n"
    "/data/AudioWAV/1003_IEO_SAD_LO.wav,1003,SAD,SAD,0.7\n"
)
MELD = (
    "file,Speaker,prediction\n"
    "MELD.Raw/train_splits/dia0_utt0.wav,Chandler,neutral\n"
    "MELD.Raw/train_splits/dia0_utt1.wav,Joey,joy\n"
    "MELD.Raw/dev_splits/dia0_utt0.wav,Phoebe,sadness\n"
)
UTTERANCES = (
    "clip,Emotion\n"
    "train_splits/dia0_utt0,neutral\ntrain_splits/dia0_utt1,neutral\ndev_splits/dia0_utt0,sadness\n"
)
COLUMNS = {"clip": "path", "label": "emotion", "prediction": "predicted_emotion"}


def read(folder: Path, text: str, labels: str = "", **given: Any) -> Decisions:
    return read_decisions(source(folder, text, labels, **given))


def source(folder: Path, text: str, labels: str = "", **given: Any) -> AuditInput:
    (folder / "p.csv").write_text(text)
    if labels:
        (folder / "l.csv").write_text(labels)
        given["labels"] = [folder / "l.csv"]
    return AuditInput([folder / "p.csv"], **given)


def pairs(found: Decisions) -> list[tuple[str, str]]:
    """Label and prediction of each clip."""
    truth, predicted = (
        [found.classes[c] for c in values.argmax(axis=1)]
        for values in (found.truth, found.predicted)
    )
    return list(zip(truth, predicted, strict=True))


def test_foreign_columns(tmp_path: Path) -> None:
    found = read(tmp_path, CREMAD, columns=COLUMNS | {"speaker": "actor"})
    assert pairs(found) == [("ANG", "ANG"), ("HAP", "ANG"), ("SAD", "SAD")]
    assert found.clips["speaker"].to_list() == ["1001", "1002", "1003"]
    assert found.clips["clip"][0] == "/data/AudioWAV/1001_DFA_ANG_XX"
    assert found.notes == []


def test_a_column_may_have_the_name_of_another_role(tmp_path: Path) -> None:
    """The label is called prediction, the prediction label, and the clip is not clip."""
    text = "clip,id,label,prediction\nthis,a,x,y\nthis,b,y,x\n"
    given = {"clip": "id", "label": "prediction", "prediction": "label"}
    found = read(tmp_path, text, columns=given)
    assert pairs(found) == [("y", "x"), ("x", "y")]
    assert found.clips["clip"].to_list() == ["a", "b"]


def test_columns_that_only_some_files_have(tmp_path: Path) -> None:
    """Speakers are in the file of groups, labels in that of labels, under names of their own."""
    (tmp_path / "g.csv").write_text("file,who,gender\nb.wav,2,f\na.wav,1,m\n")
    text, labels = "utt,prediction\na,x\nb,y\n", "utt,gold\nb,x\na,y\n"
    columns = {"clip": "utt", "speaker": "who", "label": "gold"}
    given = source(tmp_path, text, labels, columns=columns, groups=tmp_path / "g.csv")
    decisions = read_decisions(given)
    assert pairs(decisions) == [("y", "x"), ("x", "y")]
    (gender,), units, _ = read_groups(decisions, given)
    assert [gender.groups[n] for n in gender.index] == ["male", "female"]
    assert (units.speakers, units.index.tolist()) == (True, [0, 1])


@pytest.mark.parametrize(
    ("role", "name", "message"),
    [
        (
            "clip",
            "pth",
            r"p\.csv, row 1: no column 'pth', which --clip names\. Did you mean 'path'",
        ),
        ("speaker", "actress", "which --speaker names. Did you mean 'actor'"),
        ("label", "emotions", "which --label names. Did you mean 'emotion'"),
        ("prediction", "predicted", "which --prediction names. Did you mean 'predicted_emotion'"),
    ],
)
def test_columns_that_no_file_has(tmp_path: Path, role: str, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, CREMAD, columns=COLUMNS | {role: name})


def test_a_label_is_looked_for_where_the_labels_are(tmp_path: Path) -> None:
    labels = "clip,truth\n1001_DFA_ANG_XX,ANG\n"
    with pytest.raises(InputError, match=r"l\.csv, row 1: no column 'emotion', which --label"):
        read(tmp_path, CREMAD, labels, columns=COLUMNS)


def test_file_names_where_paths_differ(tmp_path: Path) -> None:
    """And a note says so; what has no partner is named."""
    labels = (
        "file,speaker,emotion,sex\nC:\\crema\\1002_DFA_HAP_XX.wav,1002,HAP,f\n"
        "C:\\crema\\1001_DFA_ANG_XX.wav,1001,ANG,f\nC:\\crema\\1099_X.wav,1099,ANG,m\n"
    )
    columns = {"clip": "path", "prediction": "predicted_emotion"}
    found = read(tmp_path, CREMAD, labels, columns=columns, classes=["ANG", "HAP", "SAD"])
    assert pairs(found) == [("ANG", "ANG"), ("HAP", "ANG")]
    assert found.clips["speaker"].to_list() == ["1001", "1002"]
    assert found.notes[0].endswith(
        "such as 'C:\\crema\\1001_DFA_ANG_XX' as '/data/AudioWAV/1001_DFA_ANG_XX'."
    )
    assert found.notes[1:] == [
        "Left out: 1 clip without a label (/data/AudioWAV/1003_IEO_SAD_LO).",
        "Left out: 1 clip without a prediction (C:\\crema\\1099_X).",
    ]


def test_folders_tell_files_of_the_same_name_apart(tmp_path: Path) -> None:
    columns = {"label": "Emotion", "speaker": "Speaker"}
    found = read(tmp_path, MELD, UTTERANCES, columns=columns, classes=["joy", "neutral", "sadness"])
    assert pairs(found) == [("neutral", "neutral"), ("neutral", "joy"), ("sadness", "sadness")]
    assert found.clips["speaker"].to_list() == ["Chandler", "Joey", "Phoebe"]


@pytest.mark.parametrize("swapped", [False, True], ids=["predictions", "labels"])
def test_files_of_the_same_name_are_refused(tmp_path: Path, swapped: bool) -> None:
    """Where the other file has no folder to tell which one is meant."""
    text = "clip,prediction\na/1.wav,x\nb/1.wav,y\nb/2.wav,y\n"
    labels = "clip,label\n1,x\n2,y\n"
    if swapped:
        text, labels = (
            t.replace("prediction", "?").replace("label", "prediction").replace("?", "label")
            for t in (labels, text)
        )
    with pytest.raises(InputError) as error:
        read(tmp_path, text, labels)
    assert "'a/1' and 'b/1' have the same file name" in str(error.value)
    assert str(tmp_path / "l.csv") in str(error.value)


def test_same_names_without_a_partner_do_no_harm(tmp_path: Path) -> None:
    text = "clip,prediction\na/1.wav,x\nb/1.wav,y\nb/2.wav,y\nb/3.wav,y\n"
    found = read(tmp_path, text, "clip,label\n2,x\n3,y\n")
    assert pairs(found) == [("x", "y"), ("y", "y")]


def test_whole_names_come_first(tmp_path: Path) -> None:
    """As one clip has the same path, other folders are other clips."""
    text = "clip,prediction\ns1/001,x\ns2/002,y\ns1/003,y\n"
    found = read(tmp_path, text, "clip,label\ns1/001,x\ns3/002,x\ns1/003,y\n")
    assert found.clips["clip"].to_list() == ["s1/001", "s1/003"]
    assert "(s2/002)" in found.notes[0] and "(s3/002)" in found.notes[1]


def test_clips_may_be_called_otherwise_than_their_files(tmp_path: Path) -> None:
    """A manifest and a clip table have both."""
    labels = "clip,file,speaker,emotion\nu1,wav/a.wav,1,x\nu2,wav/b.wav,2,y\n"
    text = "clip,prediction\nhere/wav/a.wav,y\nhere/wav/b.wav,y\n"
    assert pairs(read(tmp_path, text, labels)) == [("x", "y"), ("y", "y")]
    assert pairs(read(tmp_path, "clip,prediction\nu2,y\nu1,y\n", labels)) == [
        ("y", "y"),
        ("x", "y"),
    ]


def test_label_files_of_emo_superb(tmp_path: Path) -> None:
    """As they are: FileName, shares by class, SpkrID and Gender."""
    labels = "FileName,sad,fear,SpkrID,Gender\na.wav,.6,.4,1,Male\nb.wav,.9,.1,2,Female\n"
    given = source(tmp_path, "file,sad,fear\nx/a.wav,.7,.3\nx/b.wav,.2,.8\n", labels)
    decisions = read_decisions(given)
    assert decisions.classes == ("sad", "fear")
    assert decisions.truth.tolist() == [[True, False], [True, False]]
    (gender,), units, _ = read_groups(decisions, given)
    assert [gender.groups[n] for n in gender.index] == ["male", "female"]
    assert units.speakers


def test_attributes_by_clip_under_other_paths(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text("file,speaker,gender\nx/b.wav,2,f\nx/a.wav,1,m\n")
    given = source(tmp_path, "clip,label,prediction\na,x,x\nb,y,y\n", groups=tmp_path / "g.csv")
    (gender,), units, notes = read_groups(read_decisions(given), given)
    assert [gender.groups[n] for n in gender.index] == ["male", "female"]
    assert units.count == 2
    assert "such as 'x/a' as 'a'" in notes[0]


def test_many_clips_take_no_time() -> None:
    """A comparison of each with each would take minutes."""
    names = pl.Series([f"{n // 1000}/{n % 1000}" for n in range(50_000)])
    ours, notes = "/data/audio/" + names, []
    frame = pl.DataFrame({"clip": names.reverse()})
    assert with_names_of(ours, frame, Path("l.csv"), notes)["clip"].equals(ours.reverse())
    assert len(notes) == 1
