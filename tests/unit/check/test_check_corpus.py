"""The check of a corpus: what is found, wrong and doubtful."""

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
from fairser.check.corpus import check_corpus
from fairser.check.report import Report
from fairser.commands.check_corpus import main
from fairser.config.configuration import resolve
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


Check = Callable[..., Report]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The check of the corpus in ``tmp_path``, with changed sections of the configuration."""

    def run(decode: bool = False, **changed: Any) -> Report:
        settings = overlay(tmp_path)
        for key, value in changed.items():
            settings[key] = settings.get(key, {}) | value
        return check_corpus(resolve(settings), ["mine.yaml"], decode)

    return run


def found(report: Report) -> dict[str, list[str]]:
    """The texts that were found, by label."""
    texts: dict[str, list[str]] = {}
    last = ""
    for label, text in report.found:
        last = label or last
        texts.setdefault(last, []).append(text)
    return texts


def only(texts: list[str], *words: str) -> None:
    """One of the texts must have all of the words."""
    assert sum(all(word in text for word in words) for text in texts) == 1, texts


def test_a_good_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what is found and the next commands, and writes nothing."""
    write_corpus(tmp_path, corpus_rows())
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(overlay(tmp_path)))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert main([str(mine)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "72 of 12 speakers",
        "positive clips: anger 24, joy 24, neutral 24",
        "female 36 clips of 6 speakers, male 36 clips of 6 speakers",
        "fold 1: train 24 (4), development 24 (4), test 24 (4)",
        "3: erm; 3 folds, 1 seed",
        "'annotated' could use gender",
        "36 s in 72 files",
        "median 0.5 s",
        "('encoder.seconds' is 10)",
        "72 x wav pcm_16, 16 kHz, mono",
        "Nothing is wrong.",
        f"snakemake --configfile {mine} -n",
    ):
        assert words in text
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_all_faults_are_reported_together(tmp_path: Path, check: Check) -> None:
    rows = corpus_rows()
    rows[0]["emotion"] = ""
    rows[8]["gender"] = "male"
    rows[14]["file"] = rows[13]["file"]
    write_corpus(tmp_path, rows)
    audio = tmp_path / "audio"
    (audio / "s03_0.wav").unlink()
    (audio / "s03_1.wav").write_bytes(b"")
    (audio / "s03_2.wav").rename(audio / "S03_2.WAV")
    report = check()
    empty, gender, twice, files = report.faults.messages
    only([empty], "row 2", "'emotion'")
    only([gender], "row 10", "'s01'", "'male'", "'female'")
    only([twice], "row 15", "'s02_1'")
    only([files], "3 of 71", "'s03_2.wav'", "'S03_2.WAV'", "s03_0.wav: ", "s03_1.wav: ")
    assert not any("snakemake" in line for line in report.next)


def test_faults_have_an_exit_status(tmp_path: Path) -> None:
    write_corpus(tmp_path, [{"file": "a.wav"}])
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(overlay(tmp_path)))
    assert main([str(mine)]) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("file;speaker;emotion\na.wav;1;joy\n", ("row 1", "semicolons")),
        ("file\tspeaker\temotion\na.wav\t1\tjoy\n", ("row 1", "tabs")),
        ("file,speaker,emotion\na.wav,1,Überraschung\n", ("row 2", "UTF-8")),
        ("file,speaker,emotion\na.wav,1,joy,x,y\n", ("double quotes",)),
        ("file,speaker,emotion\n", ("no rows",)),
        ("", ("empty",)),
    ],
)
def test_a_file_that_is_not_a_manifest(
    tmp_path: Path, check: Check, content: str, told: tuple[str, ...]
) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "clips.csv").write_bytes(content.encode("latin-1"))
    only(check().faults.messages, "clips.csv", *told)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"corpus": {"manifest": "clps.csv"}}, ("'corpus.manifest'", "'clps.csv'")),
        ({"corpus": {"audio": "nowhere"}}, ("'corpus.audio'", "'nowhere'")),
        ({"grid": {"folds": [1, 7]}}, ("'grid.folds' names fold 7", "folds 1, 2, 3")),
        ({"corpus": {"folds": 13}}, ("'corpus.folds' is 13", "speakers, 12")),
        ({"bias": {"attribute": "gendr", "ratio": 4}}, ("'gendr'", "'gender'?")),
        ({"corpus": {"attributes": ["dialect"]}}, ("'dialect'",)),
        (
            {
                "grid": {"methods": ["rw"], "sources": ["annotated"], "folds": [1]},
                "sources": {"annotated": {"attributes": ["age"]}},
            },
            ("'sources.annotated.attributes'", "'age'"),
        ),
        ({"grid": {"methods": ["erm", "rw"], "k": [2, 30], "folds": [1]}}, ("K = 30", "24 train")),
    ],
)
def test_settings_that_do_not_fit_the_corpus(
    tmp_path: Path, check: Check, changed: dict[str, Any], told: tuple[str, ...]
) -> None:
    write_corpus(tmp_path, corpus_rows())
    messages = check(**changed).faults.messages
    assert len(messages) == 1
    only(messages, *told)


def change(which: slice, **values: Any) -> Callable[[Rows], Rows]:
    def spoil(rows: Rows) -> Rows:
        for row in rows[which]:
            row |= values
        return rows

    return spoil


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (change(slice(0, 1), emotion="Anger"), ("emotion: 'Anger' and 'anger' ",)),
        (change(slice(0, 1), emotion="neu"), ("emotion: 'neu' and 'neutral' ",)),
        (change(slice(0, 1), speaker="s_00"), ("speaker: 's00' and 's_00' ",)),
        (change(slice(0, 72), gender="male"), ("gender has one group, male",)),
        (change(slice(0, 6), gender="other"), ("fewer than 5 speakers", "other (1)")),
        (change(slice(0, 36), gender=""), ("gender is unknown", "36 of 72 clips")),
        (
            lambda rows: [row | {"speaker": row["file"]} for row in rows],
            ("a speaker of its own",),
        ),
        (
            lambda rows: [row | {"fold": 1 + (int(row["speaker"][1:]) + 9) // 10} for row in rows],
            ("uneven", "6 to 60"),
        ),
        (lambda rows: [row | {"age": 17} for row in rows], ("72 of them", "younger than 20")),
    ],
)
def test_warnings_about_clips(
    tmp_path: Path, check: Check, spoil: Callable[[Rows], Rows], told: tuple[str, ...]
) -> None:
    rows = spoil(corpus_rows())
    write_corpus(tmp_path, rows)
    report = check(corpus={"folds": None if "fold" in rows[0] else 3})
    assert report.faults.messages == []
    only(report.warnings, *told)


def test_a_class_that_a_group_lacks_in_test(tmp_path: Path, check: Check) -> None:
    rows = [row for row in corpus_rows() if (row["gender"], row["emotion"]) != ("female", "joy")]
    write_corpus(tmp_path, rows)
    warnings = check().warnings
    cells = "fold 1 joy female, fold 2 joy female and fold 3 joy female"
    only(warnings, "gender: 3 of 18 cells", "no positive clip", f"({cells})")
    only(warnings, "gender: 15 of 18 cells", "fewer than 5")
    only(warnings, "train has no clip of 3 cells", "(fold 1 joy female")


def test_a_draw_that_leaves_nothing_of_a_group(tmp_path: Path, check: Check) -> None:
    write_corpus(tmp_path, corpus_rows())
    report = check(bias={"ratio": 20})
    bias, first, *_ = found(report)["bias"]
    assert bias.startswith("20 clips of one gender")
    # Of eight clips of a class in train four are of each gender, and 4 / 20 is less than one.
    assert first == "fold 1: train 12 of 24, development 12 of 24, test 24 of 24"
    only(report.warnings, "train has no clip of 9 cells", "fold 1 anger male", "'bias.ratio'")


def test_cells_are_those_of_the_metrics(cremad_table: ClipTable) -> None:
    """Positive test clips by class and group, counted one by one."""
    cells = positive_cells(cremad_table, [1], "race")
    frame = cremad_table.fold(1).frame.filter(split="test").to_dicts()
    share = 1 / len(cremad_table.classes)
    for (_, name, group), number in cells.items():
        assert number == sum(clip["race"] == group and clip[name] > share for clip in frame)
    assert [number for cell, number in cells.items() if cell[2] == "asian"] == [0] * 6
    assert len(cells) == 3 * 6


def test_warnings_about_audio(tmp_path: Path, check: Check) -> None:
    write_corpus(tmp_path, corpus_rows())
    audio = tmp_path / "audio"
    soundfile.write(audio / "s00_0.wav", np.zeros(RATE), RATE)
    soundfile.write(audio / "s00_1.wav", np.clip(4 * sine(RATE), -1, 1), RATE)
    (audio / "s00_2.wav").write_bytes((audio / "s00_3.wav").read_bytes())
    soundfile.write(audio / "s00_4.wav", sine(8000, 0.2), 8000)
    for number in range(4):
        soundfile.write(audio / f"s01_{number}.wav", sine(RATE, 2.0, 100 + number), RATE)
    encoder = {"kind": "fbank", "seconds": 1.5}
    report = check(decode=True, encoder=encoder)
    assert report.faults.messages == []
    assert found(report)["length"][1].startswith("4 clips longer than the 1.5 s")
    assert found(report)["format"] == [
        "71 x wav pcm_16, 16 kHz, mono; 1 x wav pcm_16, 8 kHz, mono",
    ]
    long = "4 of 72 clips (s01_0.wav, s01_1.wav, s01_2.wav and 1 more)"
    only(report.warnings, long, "longer than 1.5 s")
    only(report.warnings, "1 of 72 clips (s00_4.wav)", "shorter than 0.3 s")
    only(report.warnings, "1 of 72 clips (s00_4.wav)", "16 kHz")
    decoded = [
        ("1 of 72 clips (s00_0.wav)", "silent"),
        ("1 of 72 clips (s00_1.wav)", "clipped"),
        ("1 recording", "s00_2.wav = s00_3.wav"),
    ]
    for words in decoded:
        only(report.warnings, *words)
    warnings = check(encoder=encoder).warnings
    only(warnings, "longer than 1.5 s")
    assert not any(words[1] in text for words in decoded for text in warnings)


def test_a_cut_flac_is_found_by_decoding(tmp_path: Path, check: Check) -> None:
    rows = [row | {"file": row["file"].replace("wav", "flac")} for row in corpus_rows()]
    write_corpus(tmp_path, rows)
    for number, row in enumerate(rows):
        soundfile.write(tmp_path / "audio" / row["file"], sine(RATE, 0.5, 200 + number), RATE)
    cut = tmp_path / "audio" / rows[7]["file"]
    cut.write_bytes(cut.read_bytes()[:-2000])
    assert check().faults.messages == []
    only(check(decode=True).faults.messages, "1 of 72", f"{cut}: ")


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
    settings = {"task": None, "speaker": None, "stratify": "gender", "distinct_speakers": False}
    settings |= {"columns": {}}
    return read_corpus({**corpus, **settings})


def test_own_features_need_no_audio(tmp_path: Path, check: Check, table: ClipTable) -> None:
    report = check(encoder=features(tmp_path, table), corpus={"audio": None})
    assert report.faults.messages == []
    assert found(report)["encoder"][0].endswith("72 x 1 x 4")
    assert found(report)["audio"][0].startswith("not needed")


@pytest.mark.parametrize(
    ("spoilt", "decode", "told"),
    [
        ({"lacking": 2}, False, ("2 of 72 clips",)),
        ({"bad": True}, True, ("row 3 (from 0)", "'s00_3'", "nan")),
    ],
)
def test_features_that_do_not_fit(
    tmp_path: Path,
    check: Check,
    table: ClipTable,
    spoilt: dict[str, Any],
    decode: bool,
    told: tuple[str, ...],
) -> None:
    report = check(decode, encoder=features(tmp_path, table, **spoilt))
    only(report.faults.messages, *told)


def test_probabilities_that_lack_a_clip(tmp_path: Path, check: Check, table: ClipTable) -> None:
    rows = [{"clip": c, "p_female": 0.2, "p_male": 0.8} for c in table.clips()["clip"][1:]]
    path = write_csv(tmp_path / "pseudo.csv", rows)
    grid = {"methods": ["erm", "rw"], "sources": ["none", "pseudo"], "folds": [1]}
    pseudo = {"kind": "precomputed", "probabilities": str(path)}
    only(check(grid=grid, pseudo=pseudo).faults.messages, "1 of 72", "'s00_0'")


def test_groups_and_models_of_a_grid(tmp_path: Path, check: Check) -> None:
    write_corpus(tmp_path, corpus_rows())
    report = check(grid={"methods": ["erm", "rw"], "k": [2, 4], "folds": [1]})
    assert report.faults.messages == []
    texts = found(report)
    for source in ("annotated (gender)", "pseudo (gender by audeering)", "kmeans (K 2, 4)"):
        assert source in texts["groups from"][0]
    assert "speechbrain/spkrec-ecapa-voxceleb" in texts["embedding"][0]
    assert texts["runs"] == ["5: erm, rw; 1 fold, 1 seed"]


@pytest.mark.parametrize(
    ("kind", "target"), [("cremad", "download_cremad"), ("demo", "resources/demo/AudioWAV.tsv")]
)
def test_a_corpus_that_is_still_to_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    report = check_corpus(resolve({"corpus": {"kind": kind}}), ["config.yaml"])
    assert not report.there
    assert report.next[0] == f"snakemake {target}"
    assert "Nothing is wrong" not in str(report)
    assert list(tmp_path.iterdir()) == []


def test_emodb(emodb: Path) -> None:
    corpus = {
        "kind": "manifest",
        "manifest": str(emodb / "clips.csv"),
        "audio": str(emodb / "flac"),
    }
    report = check_corpus(resolve({"corpus": corpus, "bias": {"ratio": None}}), ["mine.yaml"])
    texts = found(report)
    assert texts["clips"] == ["535 of 10 speakers"]
    positive = "anger 127, boredom 81, disgust 46, fear 69, happiness 71, neutral 79, sadness 62"
    assert texts["classes"][0] == f"7; positive clips: {positive}"
    assert texts["gender"] == ["female 302 clips of 5 speakers, male 233 clips of 5 speakers"]
    assert texts["format"] == ["535 x flac pcm_16, 22.05 kHz, mono"]
    only(report.warnings, "age has one group, young")


def test_labels_of_the_emosuperb_family(cremad: Path, tmp_path: Path, check: Check) -> None:
    rows = pl.read_csv(cremad / "labels_consensus_1.csv", infer_schema=False).to_dicts()
    rows[4]["Split_Set"] = "Tests"
    (tmp_path / "labels").mkdir()
    write_csv(tmp_path / "labels" / "labels_consensus_1.csv", rows)
    corpus = {"kind": "emosuperb", "labels": str(tmp_path / "labels"), "audio": str(tmp_path)}
    report = check(corpus=corpus, grid={"methods": ["erm"], "folds": [1]})
    only(report.faults.messages, "row 6", "'Tests'")
