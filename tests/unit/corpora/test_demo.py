"""The demo corpus: repeatable, in CREMA-D's format, with its proportions."""

import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile as sf

from fairser.audio.pitch import median_pitch
from fairser.core.errors import InputError
from fairser.core.files import sha256
from fairser.corpora import espeak
from fairser.corpora.demo import (
    CLASSES,
    make_clips,
    make_demo_corpus,
    make_speakers,
    write_tables,
)
from fairser.corpora.espeak import Prosody, Recording, record

pytest.importorskip("espeakng_loader")

DOMINANT = {
    "Male": ("angry", "disgust", "neutral"),
    "Female": ("fear", "happy", "sad"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten of the forty speakers: sound takes its time."""
    folder = tmp_path_factory.mktemp("demo")
    make_demo_corpus(folder, n_speakers=10)
    return folder


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels and demographics of the whole corpus."""
    folder = tmp_path_factory.mktemp("tables")
    speakers = make_speakers(40)
    write_tables(folder, speakers, [clip for one in speakers for clip in make_clips(one)])
    return folder


def read_labels(folder: Path, fold: int) -> pl.DataFrame:
    path = folder / f"labels/labels_consensus_{fold}.csv"
    return pl.read_csv(path, schema_overrides={"SpkrID": pl.String})


@pytest.fixture(scope="module")
def labels(tables: Path) -> pl.DataFrame:
    return read_labels(tables, 1)


def test_another_run_writes_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    make_demo_corpus(tmp_path, n_speakers=10)
    names = sorted(str(path.relative_to(corpus)) for path in corpus.rglob("*.*"))
    assert len(names) == 300 + 5 + 2
    for name in names:
        assert (corpus / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_listing_names_every_clip_and_the_corpus_is_small(corpus: Path) -> None:
    rows = [line.split("\t") for line in (corpus / "AudioWAV.tsv").read_text().splitlines()]
    paths = sorted((corpus / "AudioWAV").iterdir())
    assert [row[0] for row in rows] == [path.name for path in paths]
    assert [int(row[2]) for row in rows] == [path.stat().st_size for path in paths]
    assert all(row[1] == sha256(path) for row, path in list(zip(rows, paths, strict=True))[::100])
    assert sum(path.stat().st_size for path in corpus.rglob("*.*")) < 25e6
    labelled = read_labels(corpus, 1)["FileName"]
    assert set(labelled) == {path.name for path in paths}


def test_clips_are_16_khz_mono_16_bit_and_neither_clipped_nor_silent(corpus: Path) -> None:
    for path in (corpus / "AudioWAV").iterdir():
        info = sf.info(path)
        form = (info.samplerate, info.channels, info.format, info.subtype)
        assert form == (16000, 1, "WAV", "PCM_16")
        samples, _ = sf.read(path)
        assert 0.8 < info.duration < 5
        assert 0.02 < np.abs(samples).max() < 0.99
        # Speech starts after the quiet tenth of a second, and ends before it.
        assert max(np.abs(samples[:1500]).max(), np.abs(samples[-1500:]).max()) < 0.02


def test_labels_have_the_format_of_emosuperb(labels: pl.DataFrame) -> None:
    assert labels.columns == ["FileName", *CLASSES, "SpkrID", "Gender", "Split_Set"]
    assert labels["FileName"].str.contains(r"^\d{4}_[A-Z]{3}_[A-Z]{3}_XX\.wav$").all()
    assert (labels["FileName"].str.head(4) == labels["SpkrID"]).all()
    assert set(labels["Gender"]) == {"Male", "Female"}
    values = labels.select(CLASSES).to_numpy()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
    assert values.min() >= 0.01
    assert values.max() <= 0.95


def test_demographics_have_the_format_of_cremad(tables: Path, labels: pl.DataFrame) -> None:
    path = tables / "VideoDemographics.csv"
    header, first, *_ = path.read_text().splitlines()
    assert header == '"ActorID","Age","Sex","Race","Ethnicity"'
    assert first.startswith("2001,")
    people = pl.read_csv(path, schema_overrides={"ActorID": pl.String})
    assert people["Age"].is_between(20, 74).all()
    races = {"Caucasian": 26, "African American": 10, "Asian": 3, "Unknown": 1}
    assert Counter(people["Race"]) == races
    gender = dict(labels.select("SpkrID", "Gender").iter_rows())
    assert dict(people.select("ActorID", "Sex").iter_rows()) == gender


def test_folds_are_disjoint_in_speakers_and_balanced_in_gender(tables: Path) -> None:
    tested: list[str] = []
    for fold in range(1, 6):
        speakers = read_labels(tables, fold).select("SpkrID", "Gender", "Split_Set").unique()
        assert speakers["SpkrID"].is_unique().all()  # one split for each speaker
        sizes = Counter(speakers.select("Split_Set", "Gender").iter_rows())
        for gender in ("Male", "Female"):
            assert sizes["Test", gender] == sizes["Development", gender] == 4
            assert sizes["Train", gender] == 12
        tested += speakers.filter(pl.col("Split_Set") == "Test")["SpkrID"].to_list()
    assert len(tested) == len(set(tested)) == 40


def test_development_is_the_next_folds_test(tables: Path) -> None:
    for fold in range(1, 6):
        development = read_labels(tables, fold).filter(pl.col("Split_Set") == "Development")
        test = read_labels(tables, fold % 5 + 1).filter(pl.col("Split_Set") == "Test")
        assert set(development["FileName"]) == set(test["FileName"])


def test_labels_are_as_ambiguous_as_cremads(labels: pl.DataFrame) -> None:
    values = labels.select(CLASSES).to_numpy()
    assert 1.8 < (values > 1 / 6).sum(axis=1).mean() < 2.3
    assert 0.60 < (values > 0.5).any(axis=1).mean() < 0.75
    majorities = (values > 0.5).sum(axis=0)
    assert CLASSES[majorities.argmax()] == "neutral"
    assert majorities.min() > 80


def test_dominant_genders_are_cremads(labels: pl.DataFrame) -> None:
    for gender, names in DOMINANT.items():
        for name in names:
            counts = Counter(labels.filter(pl.col(name) > 0.5)["Gender"])
            assert 0.53 < counts[gender] / counts.total() < 0.65, (name, counts)


def test_women_speak_higher_than_men(corpus: Path) -> None:
    pitches: dict[str, list[float]] = {"Male": [], "Female": []}
    neutral = read_labels(corpus, 1).filter(pl.col("FileName").str.contains("_NEU_"))
    for name, gender in neutral.select("FileName", "Gender").iter_rows():
        samples, _ = sf.read(corpus / "AudioWAV" / name)
        pitches[gender].append(median_pitch(samples))
    assert 80 < np.median(pitches["Male"]) < 140
    assert 140 < np.median(pitches["Female"]) < 220


def test_an_old_listing_does_not_vouch_for_an_unfinished_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "AudioWAV.tsv").write_text("old\n")
    monkeypatch.setattr(espeak, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install espeakng-loader"):
        make_demo_corpus(tmp_path)
    assert not (tmp_path / "AudioWAV.tsv").exists()


def test_record_sets_the_level_and_never_clips() -> None:
    tone = (20000 * np.sin(np.arange(22050) * 0.05)).astype(np.int16)
    quiet = record(tone, -30, 0.0, np.random.default_rng(0))
    assert len(quiet) == 16000 + 2 * 1600
    assert 20 * np.log10(np.sqrt(np.mean(quiet[1600:-1600] ** 2))) == pytest.approx(-30, abs=0.1)
    assert np.abs(record(tone, 10, 0.0, np.random.default_rng(0))).max() < 1


@pytest.mark.parametrize("number", [8, 11])
def test_number_of_speakers_is_checked(number: int) -> None:
    with pytest.raises(ValueError, match=f"n_speakers is {number}"):
        make_speakers(number)


def test_an_unknown_voice_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        list(
            espeak.speak(
                [Recording("a.wav", "Hello.", "no-such-voice", Prosody(175, 50, 50, -30, 0))]
            )
        )
