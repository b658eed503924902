"""The clips of the second study from a manifest or another corpus of the first study."""

import csv
from pathlib import Path
from runpy import run_path
from typing import Any

import polars as pl
import pytest

from fairser.config.configuration import resolve
from fairser.config.folds import fill_folds
from fairser.config.llm_corpus import clip_settings
from fairser.core.errors import InputError
from fairser.corpora.genders import unknown_speakers
from fairser.corpora.llm_clips import COLUMNS, classes_of, statistics
from fairser.corpora.own_clips import read_llm_clips
from unit.corpora.builders import Rows, label_rows, manifest_rows, write_csv, write_labels
from workflow.pages import BLOCKS

WORDS = {"anger": "Stop!", "joy": "Nice, well.", "neutral": ""}
SPEECH = {"modalities": ["speech"]}


def rows(**more: Any) -> Rows:
    """Eight speakers of three clips; the last two speak French and have no gender."""
    found = []
    for row in manifest_rows():
        last = row["speaker"] in ("s6", "s7")
        texts = {"language": "fra" if last else "Deu ", "transcript": WORDS[row["emotion"]]}
        found.append(row | {"gender": "" if last else row["gender"]} | texts | more)
    return found


def settings(folder: Path, content: Rows, grid: dict[str, Any], **corpus: Any) -> dict[str, Any]:
    """Settings for a manifest of these rows, with its audio as empty placeholders of a byte."""
    for row in content:
        path = folder / row["file"]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"?")
    path = write_csv(folder / "clips.csv", content)
    own = {"kind": "manifest", "manifest": str(path), **corpus}
    return resolved({"corpus": own, "llm": {"corpus": {"kind": "manifest"}, "grid": grid}})


def resolved(config: dict[str, Any]) -> dict[str, Any]:
    found = resolve({"study": "minmaxgap", **config})
    fill_folds(found)
    return clip_settings(found)


def read(folder: Path, content: Rows, *languages: str, **corpus: Any) -> pl.DataFrame:
    return read_llm_clips(settings(folder, content, {"languages": [[*languages]]}, **corpus))


def test_columns_of_a_manifest(tmp_path: Path) -> None:
    table = read(tmp_path, rows(), "deu", "fra", folds=3)
    assert table.columns == [*COLUMNS, "listed"]
    assert classes_of(table) == ["anger", "joy", "neutral"]
    assert table["clip"].to_list() == [f"s{n}/{i}" for n in range(8) for i in range(3)]
    row = table.row(by_predicate=pl.col("clip") == "s0/1", named=True)
    assert (row["language"], row["transcript"], row["emotion"]) == ("deu", "Nice, well.", "joy")
    assert (row["speaker"], row["gender"], row["listed"]) == ("s0", "female", True)
    assert unknown_speakers(table).rows() == [("s6", False, 3), ("s7", False, 3)]
    splits = table.group_by("speaker").agg(pl.col("split").n_unique())
    assert splits["split"].to_list() == [1] * 8  # made speaker-disjoint
    assert set(table["split"]) == {"train", "development", "test"}
    path = tmp_path / "clips.parquet"
    table.write_parquet(path)
    assert classes_of(pl.read_parquet(path)) == ["anger", "joy", "neutral"]


def test_classes_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    order = ["neutral", "joy", "anger"]
    table = read(tmp_path, rows(), "deu", classes=order, folds=3)
    assert classes_of(table) == order
    assert table.height == 18  # others are in a language that the grid does not name
    counts = statistics(table)
    assert counts["emotion"].unique(maintain_order=True).to_list() == [*order, "all"]
    assert counts.filter(emotion="all")["clips"].sum() == 18


def test_splits_that_are_given(tmp_path: Path) -> None:
    splits = ("train", "train", "dev", "dev", "test", "test", "train", "train")
    content = [row | {"split": splits[int(row["speaker"][1])]} for row in rows()]
    table = read(tmp_path, content, "deu")
    by_split = dict(table.group_by("split").agg(pl.col("speaker").unique().sort()).iter_rows())
    assert by_split == {"train": ["s0", "s1"], "development": ["s2", "s3"], "test": ["s4", "s5"]}


def test_speakers_of_several_splits_are_told_apart_on_demand(tmp_path: Path) -> None:
    """As in MELD, whose published splits share characters."""
    content = [row | {"split": ("train", "dev", "test")[int(row["file"][3])]} for row in rows()]
    with pytest.raises(InputError, match="one split of a fold only"):
        read(tmp_path, content, "deu")
    table = read(tmp_path, content, "deu", speaker=["speaker", "split"])
    assert table.filter(split="test")["speaker"].unique().sort()[0] == "s0_test"
    assert table.height == 18


def test_the_first_of_the_folds_is_used(tmp_path: Path) -> None:
    content = [row | {"fold": int(row["speaker"][1]) // 2 + 1} for row in rows()]
    of = {}
    for folds in (None, [2, 4]):
        given = settings(tmp_path, content, {"languages": [["deu"]]})
        given["fold"] = min(folds or [given["fold"]])
        of[given["fold"]] = set(read_llm_clips(given).filter(split="test")["speaker"])
    assert of == {1: {"s0", "s1"}, 2: {"s2", "s3"}}
    found = resolve({"study": "minmaxgap", "grid": {"folds": [2, 4]}} | _own(tmp_path))
    assert clip_settings(found)["fold"] == 2


def _own(folder: Path) -> dict[str, Any]:
    corpus = {"kind": "manifest", "manifest": str(folder / "clips.csv")}
    return {"corpus": corpus, "llm": {"corpus": {"kind": "manifest"}}}


def test_without_a_language_all_clips_are_in_the_only_one(tmp_path: Path) -> None:
    table = read_llm_clips(settings(tmp_path, manifest_rows(), {"languages": [["eng"]], **SPEECH}))
    assert set(table["language"]) == {"eng"}
    assert set(table["transcript"]) == {""}
    assert table.height == 24


def test_other_kinds_of_corpora(tmp_path: Path) -> None:
    """Label files with shares; a clip without a majority class has no emotion."""
    classes = ("angry", "sad", "neutral", "happy")
    content = label_rows(classes)
    content[0] |= dict.fromkeys(classes, 0.25)
    write_labels(tmp_path, content)
    for row in content:
        (tmp_path / row["FileName"]).write_bytes(b"?")
    corpus = {"kind": "emosuperb", "labels": str(tmp_path), "audio": str(tmp_path)}
    grid = {"languages": [["eng"]], **SPEECH}
    llm = {"corpus": {"kind": "manifest"}, "grid": grid}
    table = read_llm_clips(resolved({"corpus": corpus, "llm": llm}))
    assert table.height == len(content) - 1
    assert classes_of(table) == list(classes)
    labels = {row["FileName"].removesuffix(".wav"): row for row in content}
    for row in table.to_dicts():
        assert labels[row["clip"]][row["emotion"]] == 0.7
        assert labels[row["clip"]]["Gender"].lower() == row["gender"]


@pytest.mark.parametrize(
    ("change", "languages", "message"),
    [
        ({"language": "eng"}, ("deu",), r"names deu, but no clip is in it.*has: eng"),
        ({"language": "deu"}, ("deu", "dei"), r"names dei.*mean 'deu'"),
        ({"gender": "feamle"}, ("deu",), r"gender 'feamle' of speaker 's0'.*mean 'female'"),
        ({"gender": "male"}, ("deu",), r"No language has clips of both genders"),
        ({"language": " "}, ("deu",), r"column 'language' is empty"),
    ],
)
def test_values_that_are_wrong(
    tmp_path: Path, change: dict[str, str], languages: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=rf"(?s){message}"):
        read(tmp_path, rows(**change), *languages)


def test_columns_that_are_missing(tmp_path: Path) -> None:
    plain = manifest_rows()
    for grid, content, message in (
        ({"languages": [["eng", "deu"]], **SPEECH}, plain, r"'llm\.grid\.languages' names eng and"),
        ({"languages": [["eng"]]}, plain, r"no column 'transcript'.*modalities: \[speech\]"),
        (
            {"languages": [["eng"]], **SPEECH},
            [{k: v for k, v in row.items() if k != "gender"} for row in plain],
            r"no genders.*'corpus\.demographics'",
        ),
        (
            {"languages": [["eng"]], **SPEECH},
            [row | {"emotion": row["emotion"].replace("joy", "loss")} for row in plain],
            r"no class can have the name 'loss'",
        ),
    ):
        with pytest.raises(InputError, match=message):
            read_llm_clips(settings(tmp_path, content, grid))


def test_audio_that_is_missing_is_told_with_the_genders(tmp_path: Path) -> None:
    given = settings(tmp_path, rows(gender="male"), {"languages": [["deu"]]})
    (tmp_path / "s3/1.wav").unlink()
    with pytest.raises(InputError) as error:
        read_llm_clips(given)
    audio, genders = error.value.faults
    assert "s3/1.wav: " in audio and "1 of 18 clips" in audio
    assert "both genders" in genders


def test_emodb(emodb: Path) -> None:
    own = {"kind": "manifest", "manifest": str(emodb / "clips.csv"), "audio": str(emodb / "flac")}
    grid = {"languages": [["deu"]], **SPEECH}
    llm = {"corpus": {"kind": "manifest"}, "grid": grid}
    table = read_llm_clips(resolved({"corpus": own, "llm": llm}))
    assert table.height == 535
    assert len(classes_of(table)) == 7
    assert table["speaker"].n_unique() == 10


def test_meld(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its published splits and genders, by the manifest that docs/minmaxgap.md makes of them."""
    (code,) = (block.text for block in BLOCKS if "_sent_emo.csv" in block.text)
    for path in (shared_data / "meld").iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    Path("make_manifest.py").write_text(code)
    run_path("make_manifest.py")
    with Path("speaker_gender.tsv").open(encoding="utf-8") as file:
        genders = {row["speaker"]: row["gender"] for row in csv.DictReader(file, delimiter="\t")}
    expected = {}
    for split in ("train", "dev", "test"):
        with Path(f"{split}_sent_emo.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                name = f"{split}/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
                expected[name] = row | {"gender": genders.get(row["Speaker"])}
    manifest = pl.read_csv("clips.csv", infer_schema=False)
    assert manifest.height == len(expected) == 13_708
    some = manifest.gather_every(20).fill_null("").to_dicts()
    for row in some:
        Path(row["file"]).parent.mkdir(exist_ok=True)
        Path(row["file"]).write_bytes(b"?")
    own = {"kind": "manifest", "manifest": str(write_csv(Path("some.csv"), some))}
    own |= {"speaker": ["speaker", "split"]}
    llm = {"corpus": {"kind": "manifest"}, "grid": {"languages": [["eng"]]}}
    table = read_llm_clips(resolved({"corpus": own, "llm": llm}))
    assert classes_of(table) == sorted({row["Emotion"] for row in expected.values()})
    assert table.height == len(some)
    for row in table.to_dicts():
        source = expected[row["clip"]]
        assert (row["emotion"], row["transcript"]) == (
            source["Emotion"],
            source["Utterance"].strip(),
        )
        known = source["gender"] in ("female", "male")
        assert row["gender"] == (source["gender"] if known else None)
