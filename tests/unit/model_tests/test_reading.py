"""The corpus of a test, with labels of every kind and without."""

from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.model_tests.base import DIMENSIONS, MULTI, SINGLE, Corpus
from fairser.model_tests.reading import read_corpus, with_outputs


def corpus_of(folder: Path, text: str, classes: list[str] | None = None) -> Corpus:
    (folder / "clips.csv").write_text(text)
    return read_corpus(folder / "clips.csv", classes)


def test_one_emotion_for_each_clip(tmp_path: Path) -> None:
    text = "file,speaker,Sex,emotion\nb/2.wav,s1,F,joy\na/1.wav,?,,anger\n"
    corpus = corpus_of(tmp_path, text)
    assert (corpus.task, corpus.outputs, corpus.attributes) == (
        SINGLE,
        ("anger", "joy"),
        ("gender",),
    )
    assert corpus.clips.rows(named=True) == [
        {"clip": "a/1", "file": "a/1.wav", "speaker": None, "anger": 1, "joy": 0, "gender": None},
        {
            "clip": "b/2",
            "file": "b/2.wav",
            "speaker": "s1",
            "anger": 0,
            "joy": 1,
            "gender": "female",
        },
    ]


def test_some_clips_have_no_label(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "file,speaker,emotion\n1.wav,s1,joy\n2.wav,s1,\n3.wav,s2,fear\n")
    assert corpus.clips.select("clip", "fear", "joy").rows() == [
        ("1", 0, 1),
        ("2", None, None),
        ("3", 1, 0),
    ]
    assert corpus.task == SINGLE


def test_audio_without_labels_has_the_outputs_of_the_model(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, "file,accent\n1.wav,a\n2.wav,b\n")
    assert corpus.outputs == ()
    made = with_outputs(corpus, ("joy", "anger"), MULTI)
    assert (made.outputs, made.task) == (("joy", "anger"), MULTI)
    assert made.clips.select("speaker", "joy", "anger").rows() == [(None, None, None)] * 2
    assert read_corpus(tmp_path / "clips.csv", None, ["accent"]).attributes == ("accent",)


def test_shares_of_classes(tmp_path: Path) -> None:
    text = "file,speaker,joy,fear\n1.wav,s1,0.25,0.75\n2.wav,s1,1,0\n"
    corpus = corpus_of(tmp_path, text, ["fear", "joy"])
    assert (corpus.task, corpus.outputs) == (MULTI, ("fear", "joy"))
    assert corpus.clips["fear"].to_list() == [0.75, 0.0]
    hot = corpus_of(tmp_path, text.replace("0.25,0.75", "0,1"), ["fear", "joy"])
    assert hot.task == SINGLE


def test_dimensions(tmp_path: Path) -> None:
    text = "file,speaker,arousal,valence,emotion\n1.wav,s1,4.5,-1,joy\n2.wav,s2,2,3,fear\n"
    corpus = corpus_of(tmp_path, text, ["arousal", "valence"])
    assert (corpus.task, corpus.outputs) == (DIMENSIONS, ("arousal", "valence"))
    assert corpus.clips.select("arousal", "valence").rows() == [(4.5, -1), (2, 3)]
    assert corpus_of(tmp_path, text).task == SINGLE
    alone = corpus_of(tmp_path, text.replace("emotion", "text"))
    assert alone.task == DIMENSIONS
    assert with_outputs(alone, ("valence", "dominance", "arousal")).outputs == alone.outputs


def test_only_test_clips_of_one_fold_are_tested(tmp_path: Path) -> None:
    text = "file,speaker,emotion,split,fold\n1.wav,s1,joy,train,1\n2.wav,s2,joy,Test,1\n"
    assert corpus_of(tmp_path, text).clips["clip"].to_list() == ["2"]
    with pytest.raises(InputError, match="several folds"):
        corpus_of(tmp_path, f"{text}1.wav,s1,joy,test,2\n")
    with pytest.raises(InputError, match="no row with the split 'test'"):
        corpus_of(tmp_path, text.replace("Test", "dev"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("file,speaker,emotion\n../1.wav,s1,joy\n", "outside"),
        ("file,speaker,emotion\n1.wav,s1,joy\n1.wav,s1,fear\n", "several rows"),
        ("file,speaker,emotion,sex\n1.wav,s1,joy,m\n2.wav,s1,joy,f\n", "gender of speaker"),
        ("file,speaker,joy,fear\n1.wav,s1,0.5,0.2\n", "sum to 0.7"),
        ("file,speaker,joy\n1.wav,s1,0.5\n", "no column 'fear'"),
        ("name,speaker,emotion\n1.wav,s1,joy\n", "no column 'file'"),
        ("file,speaker,arousal\n1.wav,s1,high\n", "'high'"),
    ],
)
def test_faults_are_told_with_their_row(tmp_path: Path, text: str, part: str) -> None:
    with pytest.raises(InputError) as error:
        corpus_of(tmp_path, text, ["joy", "fear"] if "r,joy" in text else None)
    assert part in str(error.value)


def test_the_model_s_other_classes_are_outputs_that_no_clip_has(tmp_path: Path) -> None:
    text = "file,speaker,emotion\n1.wav,s1,joy\n2.wav,s1,\n3.wav,s2,fear\n"
    made = with_outputs(corpus_of(tmp_path, text), ("calm", "joy", "fear"))
    assert made.outputs == ("fear", "joy", "calm")
    assert made.clips["calm"].to_list() == [0, None, 0]
    with pytest.raises(InputError, match=r"no output for 'fear' \(1 clip\)"):
        with_outputs(corpus_of(tmp_path, text), ("joy", "anger"))
    with pytest.raises(InputError, match="another column"):
        with_outputs(corpus_of(tmp_path, text), ("joy", "fear", "speaker"))


def test_a_manifest_says_the_same(tmp_path: Path) -> None:
    """The one reader of manifests: labels and people as in a training."""
    from fairser.corpora import manifest

    text = "file,speaker,emotion,gender\n" + "".join(
        f"{n}.wav,s{n % 4},{'joy' if n % 3 else 'fear'},{'m' if n % 2 else 'f'}\n"
        for n in range(12)
    )
    corpus = corpus_of(tmp_path, text)
    names = ("classes", "attributes", "speaker", "demographics", "stratify")
    settings = {**dict.fromkeys(names), "folds": 3, "columns": {}}
    settings["manifest"] = str(tmp_path / "clips.csv")
    table = manifest.read(settings)
    columns = ["clip", "file", "speaker", "fear", "joy", "gender"]
    assert corpus.clips.equals(table.clips().select(columns))
    assert corpus.clips.schema["fear"] == pl.Float64
