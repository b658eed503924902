"""MELD-ST in its published format, with faults and without."""

from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora.demo_meldst import make_demo_meldst
from fairser.corpora.genders import unknown_speakers
from fairser.corpora.llm_clips import COLUMNS, statistics
from fairser.corpora.meldst import read_meldst
from unit.llm.builders import Row, both_pairs, write_meldst

ALL = ["eng", "deu", "jpn"]
LINES: list[Row] = [
    ("anger", "Stop!", "Ross"),
    ("joy", "Nice, well.", "Rachel"),
    ("fear", "Help!", "A Stranger"),
]


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return write_meldst(tmp_path, both_pairs(LINES))


def test_languages_splits_transcripts_and_genders(paths: dict[str, Path]) -> None:
    table = read_meldst(**paths, languages=ALL)
    assert table.columns == [*COLUMNS, "listed"]
    counts = table.group_by("language", "split").len()["len"].to_list()
    assert counts == [3] * 9  # the same English lines of both pairs once
    row = table.row(by_predicate=pl.col("clip") == "ENG_JPN/jpn/development/1", named=True)
    assert row["file"] == "ENG_JPN/JPN/dev/dev_1.wav"
    assert (row["transcript"], row["gender"]) == ("Nice, well. valid (Japanese)", "female")
    assert (row["emotion"], row["speaker"]) == ("joy", "Rachel")


@pytest.mark.parametrize(("english", "pairs"), [("ENG_DEU", ["ENG_DEU"]), ("both", ["ENG_DEU"])])
def test_which_pair_serves_english(paths: dict[str, Path], english: str, pairs: list[str]) -> None:
    table = read_meldst(**paths, languages=["eng"], english=english)
    assert table["clip"].str.head(7).unique().to_list() == pairs
    assert table.height == 9


def test_a_pair_that_no_language_needs_is_not_read(paths: dict[str, Path]) -> None:
    for path in (paths["metadata"] / "ENG_JPN").iterdir():
        path.unlink()
    assert read_meldst(**paths, languages=["deu"]).height == 9
    assert read_meldst(**paths, languages=["eng", "deu"], english="ENG_DEU").height == 18


def test_an_utterance_of_both_pairs_is_tested_rather_than_trained_on(tmp_path: Path) -> None:
    rows = both_pairs(LINES)
    shared: Row = ("joy", "Said in both.", "Ross")
    rows["ENG_DEU", "train"].append(shared)
    rows["ENG_JPN", "test"].append(shared)
    table = read_meldst(**write_meldst(tmp_path, rows), languages=ALL)
    english = table.filter(pl.col("language") == "eng", pl.col("transcript") == "Said in both.")
    assert english["split"].to_list() == ["test"]


def test_words_said_twice_in_a_pair_stay_two_clips(tmp_path: Path) -> None:
    rows = both_pairs([*LINES, LINES[0]])
    table = read_meldst(**write_meldst(tmp_path, rows), languages=["eng"])
    assert table.height == 12


def test_unknown_speakers_are_reported(paths: dict[str, Path]) -> None:
    paths["genders"].write_text("speaker,gender\nROSS ,M\nrachel,woman\nA stranger,?\n")
    table = read_meldst(**paths, languages=ALL)
    assert unknown_speakers(table).rows() == [("A Stranger", True, 9)]
    paths["genders"].write_text("speaker\tgender\nRoss\tmale\nRachel\tf\n")
    table = read_meldst(**paths, languages=ALL)
    assert unknown_speakers(table).rows() == [("A Stranger", False, 9)]
    assert table["gender"].value_counts().sort("gender").rows() == [
        (None, 9),
        ("female", 9),
        ("male", 9),
    ]


def test_statistics_by_hand(paths: dict[str, Path]) -> None:
    table = statistics(read_meldst(**paths, languages=ALL))
    rows = {row[:3]: row[3:] for row in table.rows()}
    assert rows["deu", "train", "all"] == (1, 1, 1, 3)
    assert rows["eng", "test", "anger"] == (0, 1, 0, 1)
    assert rows["jpn", "development", "fear"] == (0, 0, 1, 1)
    assert table["language"].unique(maintain_order=True).to_list() == ALL


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("ENG_DEU/deu_test.csv", "anger", "angre", r"row 2: emotion 'angre'.*mean 'anger'"),
        ("ENG_JPN/jpn_train.csv", "Japanese,", "Japan,", r"no column 'japanese'"),
        ("ENG_JPN/jpn_train.csv", "Japanese,", " english,", r"row 1: .* 2 columns 'english'"),
        ("ENG_JPN/jpn_valid.csv", "\n1,", "\n0,", r"row 2: id '0'"),
        ("speakers.tsv", "female", "feamle", r"row 3: gender 'feamle'.*'Rachel'"),
        ("speakers.tsv", "gender", "sex", r"no column 'gender'"),
        ("speakers.tsv", "Rachel", "Ross", r"speaker 'ross'"),
        ("speakers.tsv", "R", "X", r"A Stranger, Rachel, Ross"),
        ("speakers.tsv", "female", "male", r"both genders"),
    ],
)
def test_faults_name_file_row_and_value(
    paths: dict[str, Path], file: str, old: str, new: str, message: str
) -> None:
    path = paths["metadata"] / file
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"(?s){message}"):
        read_meldst(**paths, languages=ALL)


def test_all_faults_are_told_together(paths: dict[str, Path]) -> None:
    """Of rows, of a file that is missing, of a column and of the list of genders."""
    deu, jpn = (paths["metadata"] / pair for pair in ("ENG_DEU", "ENG_JPN"))
    for path, old, new in (
        (deu / "deu_train.csv", "anger", "angre"),
        (deu / "deu_test.csv", "\n1,", "\n0,"),
        (jpn / "jpn_train.csv", "Japanese,", "Japan,"),
        (paths["genders"], "female", "feamle"),
    ):
        path.write_text(path.read_text().replace(old, new))
    (jpn / "jpn_test.csv").unlink()
    with pytest.raises(InputError) as error:
        read_meldst(**paths, languages=ALL)
    found = "\n".join(error.value.faults)
    assert len(error.value.faults) == 5
    for text in (
        "'angre'",
        "deu_test.csv, row 2: id '0'",
        "'japanese'",
        "jpn_test.csv",
        "'feamle'",
    ):
        assert text in found


def test_missing_files(paths: dict[str, Path]) -> None:
    wav = paths["audio"] / "ENG_DEU/DEU/dev/dev_2.wav"
    wav.write_bytes(b"")
    with pytest.raises(InputError, match=r"dev_2\.wav: .*1 of 27 clips"):
        read_meldst(**paths, languages=ALL)
    (paths["metadata"] / "ENG_DEU/deu_valid.csv").unlink()
    with pytest.raises(InputError, match=r"deu_valid\.csv: "):
        read_meldst(**paths, languages=ALL)


def test_the_demo_corpus_is_read(tmp_path: Path) -> None:
    make_demo_meldst(tmp_path, {"train": 1, "valid": 1, "test": 0})
    table = read_meldst(tmp_path, tmp_path / "audio", tmp_path / "speakers.tsv", ALL)
    assert table["language"].n_unique() == 3
    assert unknown_speakers(table)["speaker"].to_list() == ["Somebody"]


def test_the_demo_corpus_repeats(tmp_path: Path) -> None:
    listings = set()
    for name in ("one", "two"):
        make_demo_meldst(tmp_path / name, dict.fromkeys(("train", "valid", "test"), 0))
        listings.add((tmp_path / name / "audio.tsv").read_text())
    assert len(listings) == 1
