"""Lists of speakers' genders, joined to MELD's real speakers."""

import csv
from pathlib import Path

import polars as pl
import pytest

from fairser.core.errors import InputError
from fairser.corpora.genders import join_genders, read_genders, unknown_speakers


def test_a_list_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"nowhere\.tsv: "):
        read_genders("nowhere.tsv")


@pytest.mark.parametrize(
    ("split", "rows", "lost"),
    [
        ("train", 9989, {"Ross and Joey", "Phoebe Sr", "Both"}),
        ("dev", 1109, set()),
        ("test", 2610, {"A Waiter", "Phoebe Sr"}),
    ],
)
def test_the_real_speakers_of_meld(
    shared_data: Path, split: str, rows: int, lost: set[str]
) -> None:
    """How many rows of MELD get a gender from the published list, and which speakers do not."""
    folder = shared_data / "meld"
    with (folder / f"{split}_sent_emo.csv").open(encoding="utf-8") as file:
        speakers = [row["Speaker"] for row in csv.DictReader(file)]
    with (folder / "speaker_gender.tsv").open(encoding="utf-8") as file:
        genders = {r["speaker"]: r["gender"] for r in csv.DictReader(file, delimiter="\t")}
    expected = sum(genders.get(name) in ("male", "female") for name in speakers)
    path = folder / "speaker_gender.tsv"
    table = join_genders(pl.DataFrame({"speaker": speakers}), read_genders(path), path)
    assert table.height == rows
    assert table["gender"].count() == expected
    assert expected / rows > 0.95
    unlisted = unknown_speakers(table).filter(~pl.col("listed"))
    assert lost <= set(unlisted["speaker"])
    assert set(unlisted["speaker"]) == set(speakers) - set(genders)
