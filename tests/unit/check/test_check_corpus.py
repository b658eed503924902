"""The look at a corpus before anything runs: what is found, wrong, doubtful."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import yaml
from safetensors.numpy import save_file

from fairser.check.clips import positive_cells
from fairser.commands.check_corpus import main
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from unit.corpora.builders import EMOTIONS, Rows, sine, write_csv

RATE = 16_000
SPEAKERS = 12
TAKES = 6


def corpus_rows() -> Rows:
    """Twelve speakers, six clips each, two of every emotion; every second speaker is female."""
    return [
        {"file": f"s{speaker:02}_{take}.wav", "speaker": f"s{speaker:02}"}
        | {"gender": ("male", "female")[speaker % 2], "emotion": EMOTIONS[take % 3]}
        for speaker in range(SPEAKERS)
        for take in range(TAKES)
    ]


def write_corpus(folder: Path, rows: Rows) -> Path:
    """The manifest of some rows, and a tone of its own for each of its files."""
    (folder / "audio").mkdir(parents=True)
    for number, row in enumerate(corpus_rows()):
        soundfile.write(folder / "audio" / row["file"], sine(RATE, 0.5, 200 + number), RATE)
    return write_csv(folder / "clips.csv", rows)


def overlay(folder: Path) -> dict[str, Any]:
    return {
        "corpus": {
            "kind": "manifest",
            "manifest": str(folder / "clips.csv"),
            "audio": str(folder / "audio"),
            "folds": 3,
        },
        "bias": {"ratio": None},
        "encoder": {"kind": "fbank"},
        "grid": {"methods": ["erm"], "folds": [1, 2, 3]},
    }


Look = Callable[..., tuple[int, str]]


@pytest.fixture
def look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Look:
    """The check on the corpus in ``tmp_path``, with its exit status and what it says, unwrapped."""

    def run(*arguments: str, **changed: Any) -> tuple[int, str]:
        settings = overlay(tmp_path)
        for key, value in changed.items():
            settings[key] = settings.get(key, {}) | value if isinstance(value, dict) else value
        mine = tmp_path / "mine.yaml"
        mine.write_text(yaml.safe_dump(settings))
        status = main([str(mine), *arguments])
        return status, " ".join(capsys.readouterr().out.split())

    return run


def test_a_good_corpus(tmp_path: Path, look: Look) -> None:
    write_corpus(tmp_path, corpus_rows())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status, text = look()
    assert status == 0
    for words in (
        "72 of 12 speakers",
        "positive clips: anger 24, joy 24, neutral 24",
        "every clip has a majority class",
        "female 36 clips of 6 speakers, male 36 clips of 6 speakers",
        "fold 1: train 24 (4), development 24 (4), test 24 (4)",
        "3: erm; 3 folds, 1 seed",
        "none (no groups needed)",
        "'annotated' could use gender",
        "fbank, from audio alone",
        "36 s in 72 files",
        "0.5 to 0.5 s, in the middle 0.5 s",
        "every clip is used whole ('encoder.seconds' is 10)",
        "72 x wav pcm_16, 16 kHz, mono",
        "Nothing is wrong.",
        f"snakemake --configfile {tmp_path}/mine.yaml -n",
    ):
        assert words in text
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert after == {*before, tmp_path / "mine.yaml"}
    assert all(path.read_bytes() == content for path, content in before.items())


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path, look: Look) -> None:
    rows = corpus_rows()
    rows[0]["emotion"] = ""
    rows[8]["gender"] = "male"
    rows[14]["file"] = rows[13]["file"]
    write_corpus(tmp_path, rows)
    audio = tmp_path / "audio"
    (audio / "s03_0.wav").unlink()
    (audio / "s03_1.wav").write_bytes(b"")
    (audio / "s03_2.wav").rename(audio / "S03_2.WAV")
    status, text = look()
    assert status == 1
    for words in (
        "Wrong (4): mend before a run",
        "row 2: column 'emotion' is empty",
        "row 10: gender of speaker 's01' is 'male' here and 'female' in an earlier row",
        "clip 's02_1' stands twice in fold",
        "3 of 71 audio files can't be used. Should 's03_2.wav' be 'S03_2.WAV'?",
        f"{audio}/s03_0.wav: no such audio file",
        f"{audio}/s03_1.wav: the file is empty",
        "Mend what is wrong, then run this check again.",
    ):
        assert words in text
    assert "snakemake --configfile" not in text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("file;speaker;emotion\na.wav;1;joy\n", "row 1: the columns are separated by semicolons"),
        ("file\tspeaker\temotion\na.wav\t1\tjoy\n", "row 1: the columns are separated by tabs"),
        ("file,speaker,emotion\na.wav,1,Überraschung\n", "Row 2 has a character of another enc"),
        ("file,speaker,emotion\na.wav,1,joy,x,y\n", "a value with a comma stands in double quotes"),
        ("file,speaker,emotion\n", "the file has no rows below its header"),
        ("", "The file is empty."),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path: Path, look: Look, content: str, told: str) -> None:
    write_corpus(tmp_path, corpus_rows())
    (tmp_path / "clips.csv").write_bytes(content.encode("latin-1"))
    status, text = look()
    assert status == 1
    assert told in text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"corpus": {"manifest": "clps.csv"}}, "'corpus.manifest' is 'clps.csv', which does not"),
        ({"corpus": {"audio": "nowhere"}}, "'corpus.audio' is 'nowhere', which does not exist"),
        ({"grid": {"folds": [1, 7]}}, "Fold 7 does not exist: the corpus has the folds 1, 2, 3"),
        ({"corpus": {"folds": 13}}, "at most the number of speakers, 12"),
        ({"bias": {"attribute": "gendr", "ratio": 4}}, "Did you mean 'gender'?"),
        ({"corpus": {"attributes": ["dialect"]}}, "no column 'dialect'"),
        (
            {
                "grid": {"methods": ["rw"], "sources": ["annotated"], "folds": [1]},
                "sources": {"annotated": {"attributes": ["age"]}},
            },
            "'sources.annotated.attributes' names 'age', which the corpus does not have",
        ),
        (
            {"grid": {"methods": ["erm", "rw"], "k": [2, 30], "folds": [1]}},
            "K = 30 clusters from 24 train clips are too many; lower 'grid.k'.",
        ),
    ],
)
def test_settings_that_do_not_fit_the_corpus(
    tmp_path: Path, look: Look, changed: dict[str, Any], told: str
) -> None:
    write_corpus(tmp_path, corpus_rows())
    status, text = look(**changed)
    assert status == 1
    assert "Wrong (1)" in text
    assert told in text


def change(which: slice, **values: Any) -> Callable[[Rows], Rows]:
    def spoil(rows: Rows) -> Rows:
        for row in rows[which]:
            row |= values
        return rows

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change(slice(0, 1), emotion="Anger"), "emotion: 'Anger' and 'anger' look like one value"),
        (change(slice(0, 1), emotion="neu"), "emotion: 'neu' and 'neutral' look like one value"),
        (change(slice(0, 1), speaker="s00 "), "speaker: 's00' and 's00 ' look like one value"),
        (change(slice(0, 72), gender="male"), "gender has one group, male"),
        (change(slice(0, 6), gender="other"), "groups of fewer than 5 speakers: other (1)"),
        (change(slice(0, 36), gender=""), "gender is unknown for 36 of 72 clips"),
        (
            lambda rows: [row | {"speaker": row["file"]} for row in rows],
            "Every clip has a speaker of its own",
        ),
        (
            lambda rows: [row | {"fold": 1 + (int(row["speaker"][1:]) + 9) // 10} for row in rows],
            "The folds are uneven: 6 to 60 test clips",
        ),
        (
            lambda rows: [row | {"age": 17} for row in rows],
            "(72 of them are younger than 20, for which there is no group)",
        ),
    ],
)
def test_what_is_worth_a_look(
    tmp_path: Path, look: Look, spoil: Callable[[Rows], Rows], told: str
) -> None:
    write_corpus(tmp_path, spoil(corpus_rows()))
    status, text = look()
    assert status == 0
    assert "Look at" in text
    assert told in text


def test_a_class_that_a_group_lacks_in_test(tmp_path: Path, look: Look) -> None:
    rows = [row for row in corpus_rows() if (row["gender"], row["emotion"]) != ("female", "joy")]
    write_corpus(tmp_path, rows)
    _, text = look()
    assert "gender: 3 of 18 cells of fold, class and group have no positive clip in test" in text
    assert "(fold 1 joy female, fold 2 joy female, fold 3 joy female)" in text
    assert "gender: 15 of 18 cells of fold, class and group have fewer than 5" in text
    assert "train has no clip of 3 cells of class and group (fold 1 joy female" in text


def test_a_draw_that_leaves_nothing_of_a_group(tmp_path: Path, look: Look) -> None:
    write_corpus(tmp_path, corpus_rows())
    status, text = look(bias={"ratio": 20})
    assert status == 0
    assert "20 clips of one gender for each of another" in text
    # Of eight clips of a class in train four are of each gender, and 4 / 20 is less than one.
    assert "fold 1: train 12 of 24, development 12 of 24, test 24 of 24" in text
    assert "gender: train has no clip of 9 cells of class and group (fold 1 anger male" in text
    assert "A lower 'bias.ratio' leaves more of them." in text


def test_cells_are_those_of_the_metrics(cremad_table: ClipTable) -> None:
    """Positive test clips by class and group, counted one by one."""
    cells = positive_cells(cremad_table, [1], "race")
    frame = cremad_table.fold(1).frame.filter(split="test").to_dicts()
    share = 1 / len(cremad_table.classes)
    for row in cells.to_dicts():
        counted = sum(clip["race"] == row["group"] and clip[row["class"]] > share for clip in frame)
        assert row["clips"] == counted
    assert cells.filter(group="asian")["clips"].to_list() == [0] * 6
    assert cells.height == 3 * 6


def test_audio_that_is_worth_a_look(tmp_path: Path, look: Look) -> None:
    write_corpus(tmp_path, corpus_rows())
    audio = tmp_path / "audio"
    soundfile.write(audio / "s00_0.wav", np.zeros(RATE), RATE)
    soundfile.write(audio / "s00_1.wav", np.clip(4 * sine(RATE), -1, 1), RATE)
    (audio / "s00_2.wav").write_bytes((audio / "s00_3.wav").read_bytes())
    soundfile.write(audio / "s00_4.wav", sine(8000, 0.2), 8000)
    for number in range(4):
        soundfile.write(audio / f"s01_{number}.wav", sine(RATE, 2.0, 100 + number), RATE)
    encoder = {"kind": "fbank", "seconds": 1.5}
    status, text = look("--decode", encoder=encoder)
    assert status == 0
    for words in (
        "4 clips longer than the 1.5 s that are used ('encoder.seconds')",
        "4 of 72 clips (s01_0.wav, s01_1.wav, s01_2.wav and 1 more) are longer than 1.5 s",
        "1 of 72 clips (s00_4.wav) are shorter than 0.3 s",
        "1 of 72 clips (s00_4.wav) have a sampling rate below the 16 kHz",
        "1 of 72 clips (s00_0.wav) are silent.",
        "1 of 72 clips (s00_1.wav) are clipped",
        "1 recording under several names: s00_2.wav = s00_3.wav",
        "71 x wav pcm_16, 16 kHz, mono; 1 x wav pcm_16, 8 kHz, mono",
    ):
        assert words in text
    _, text = look(encoder=encoder)
    assert "are longer than 1.5 s" in text
    assert not any(word in text for word in ("silent", "clipped", "several names"))


def test_a_cut_flac_is_found_by_decoding(tmp_path: Path, look: Look) -> None:
    rows = [row | {"file": row["file"].replace("wav", "flac")} for row in corpus_rows()]
    write_corpus(tmp_path, rows)
    for number, row in enumerate(rows):
        soundfile.write(tmp_path / "audio" / row["file"], sine(RATE, 0.5, 200 + number), RATE)
    cut = tmp_path / "audio" / rows[7]["file"]
    cut.write_bytes(cut.read_bytes()[:-2000])
    assert look()[0] == 0
    status, text = look("--decode")
    assert status == 1
    assert f"1 of 72 audio files can't be used. {cut}: " in text


def features(folder: Path, table: ClipTable, lacking: int = 0, bad: bool = False) -> dict[str, str]:
    """Random features of the table's clips, and the section that names them."""
    names = table.clips()["clip"].to_list()[lacking:]
    array = np.random.default_rng(0).standard_normal((len(names), 1, 4)).astype(np.float32)
    array[3, 0, 1] = np.nan if bad else 0
    save_file({"features": array}, folder / "f.safetensors")
    write_csv(folder / "f.csv", [{"clip": name} for name in names])
    return {
        "kind": "precomputed",
        "features": str(folder / "f.safetensors"),
        "clips": str(folder / "f.csv"),
    }


@pytest.fixture
def table(tmp_path: Path) -> ClipTable:
    write_corpus(tmp_path, corpus_rows())
    corpus = overlay(tmp_path)["corpus"] | dict.fromkeys(("demographics", "classes", "attributes"))
    return read_corpus({**corpus, "stratify": "gender"})


def test_features_of_ones_own_need_no_audio(tmp_path: Path, look: Look, table: ClipTable) -> None:
    status, text = look(encoder=features(tmp_path, table), corpus={"audio": None})
    assert status == 0
    assert "clip x layer x dim 72 x 1 x 4" in text
    assert "not needed: all features are yours" in text


@pytest.mark.parametrize(
    ("spoilt", "arguments", "told"),
    [
        ({"lacking": 2}, (), "The features lack 2 of 72 clips of the corpus"),
        ({"bad": True}, ("--decode",), "row 3 (from 0), clip 's00_3', holds nan"),
    ],
)
def test_features_that_do_not_fit(
    tmp_path: Path,
    look: Look,
    table: ClipTable,
    spoilt: dict[str, Any],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    status, text = look(*arguments, encoder=features(tmp_path, table, **spoilt))
    assert status == 1
    assert told in text


def test_probabilities_that_lack_a_clip(tmp_path: Path, look: Look, table: ClipTable) -> None:
    rows = [{"clip": c, "p_female": 0.2, "p_male": 0.8} for c in table.clips()["clip"][1:]]
    path = write_csv(tmp_path / "pseudo.csv", rows)
    grid = {"methods": ["erm", "rw"], "sources": ["none", "pseudo"], "folds": [1]}
    pseudo = {"kind": "precomputed", "probabilities": str(path)}
    status, text = look(grid=grid, pseudo=pseudo)
    assert status == 1
    assert "1 of 72 clips have no row, such as 's00_0'" in text


def test_groups_and_models_of_a_grid(tmp_path: Path, look: Look) -> None:
    write_corpus(tmp_path, corpus_rows())
    status, text = look(grid={"methods": ["erm", "rw"], "k": [2, 4], "folds": [1]})
    assert status == 0
    assert "annotated (gender), pseudo (gender by audeering), kmeans (K 2, 4)" in text
    assert "ecapa, needs the model speechbrain/spkrec-ecapa-voxceleb" in text
    assert "5: erm, rw; 1 fold, 1 seed" in text


@pytest.mark.parametrize(
    ("kind", "target"), [("cremad", "download_cremad"), ("demo", "resources/demo/AudioWAV.tsv")]
)
def test_a_corpus_that_is_still_to_be_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    target: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump({"corpus": {"kind": kind}}))
    assert main([]) == 0
    text = capsys.readouterr().out
    assert "not there yet" in text
    assert f"snakemake {target}" in text
    assert "Nothing is wrong" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_emodb(emodb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = {
        "kind": "manifest",
        "manifest": str(emodb / "clips.csv"),
        "audio": str(emodb / "flac"),
    }
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"corpus": corpus, "bias": {"ratio": None}}))
    assert main([str(mine)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "535 of 10 speakers" in text
    assert "anger 127, boredom 81, disgust 46, fear 69, happiness 71, neutral 79" in text
    assert "female 302 clips of 5 speakers, male 233 clips of 5 speakers" in text
    assert "age has one group, young" in text
    assert "535 x flac pcm_16" in text


def test_labels_of_the_emosuperb_family(cremad: Path, tmp_path: Path, look: Look) -> None:
    rows = pl.read_csv(cremad / "labels_consensus_1.csv", infer_schema=False).to_dicts()
    rows[4]["Split_Set"] = "Tests"
    (tmp_path / "labels").mkdir()
    write_csv(tmp_path / "labels" / "labels_consensus_1.csv", rows)
    corpus = {"kind": "emosuperb", "labels": str(tmp_path / "labels"), "audio": str(tmp_path)}
    status, text = look(corpus=corpus, grid={"methods": ["erm"], "folds": [1]})
    assert status == 1
    assert "row 6: split 'Tests' of clip" in text
