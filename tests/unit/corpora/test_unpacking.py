"""Data sets of the Hugging Face hub, in the form in which the package datasets writes them."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import yaml

from fairser.commands.unpack_dataset import main
from fairser.config.configuration import reader_settings, resolve
from fairser.core.files import LFS_POINTER
from fairser.corpora.readers import read_corpus
from fairser.corpora.unpacking import unpack
from unit.corpora.builders import assert_refused

LABELS = ["anger", "joy", "neutral"]
AUDIO = pl.Struct({"bytes": pl.Binary, "path": pl.String})
FRONT = """---
license: cc-by-4.0
dataset_info:
  features:
  - name: audio
    dtype: audio
  - name: label
    dtype:
      class_label:
        names:
          '2': neutral
          '0': anger
          '1': joy
---
# A data set
"""


def sound(number: int, form: str = "WAV") -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(number).normal(0, 0.1, 800)
    soundfile.write(content, noise, 16000, format=form)
    return content.getvalue()


def rows(speakers: range, form: str = "WAV") -> list[dict[str, Any]]:
    return [
        {"audio": {"bytes": sound(10 * n + take, form), "path": f"{n:02}_{take}.{form.lower()}"}}
        | {"label": (n + take) % 3, "speaker_id": n, "sex": "FM"[n % 2], "words": ["a", "b"]}
        for n in speakers
        for take in range(3)
    ]


def write(path: Path, rows: list[dict[str, Any]], named: bool = True) -> Path:
    """A parquet file; ``named`` says whether its metadata have the names of the classes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    features = {"audio": {"_type": "Audio"}, "label": {"names": LABELS, "_type": "ClassLabel"}}
    stored = {"huggingface": json.dumps({"info": {"features": features}})} if named else {}
    frame = pl.DataFrame(rows, schema_overrides={"audio": AUDIO, "label": pl.Int64})
    frame.write_parquet(path, row_group_size=4, metadata=stored)
    return path


def dataset(folder: Path, named: bool = True) -> Path:
    for split, people in {
        "train": range(6),
        "validation": range(6, 8),
        "test": range(8, 12),
    }.items():
        write(folder / "data" / f"{split}-00000-of-00001.parquet", rows(people), named)
    (folder / "README.md").write_text(FRONT)
    return folder


@pytest.mark.parametrize("named", [True, False])
def test_a_data_set_becomes_a_corpus(
    tmp_path: Path, named: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The printed configuration, with names for two columns, reads what was in the data set."""
    source = dataset(tmp_path / "set", named)
    assert main([str(source), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "words" in printed.err
    corpus = yaml.safe_load(printed.out)["corpus"]
    assert corpus["licence"] == "cc-by-4.0"
    corpus["columns"] = {"emotion": "label", "speaker": "speaker_id"}
    table = read_corpus(reader_settings(resolve({"corpus": corpus})))
    assert (table.classes, table.attributes, table.folds) == (tuple(LABELS), ("gender",), [1])
    clips = table.frame
    assert clips.height == 36
    splits = dict(clips.select("speaker", "split").unique().rows())
    assert splits["0"] == "train" and splits["7"] == "development" and splits["11"] == "test"
    for file, speaker, majority, gender in clips.select(
        "file", "speaker", "majority", "gender"
    ).iter_rows():
        path = Path(corpus["audio"], file)
        n, take = map(int, path.stem.split("_"))
        assert path.read_bytes() == sound(10 * n + take)
        assert (speaker, majority) == (str(n), LABELS[(n + take) % 3])
        assert gender == ("female", "male")[n % 2]


def test_checksums(tmp_path: Path) -> None:
    made = unpack(dataset(tmp_path / "set"), tmp_path / "out")
    listed = pl.read_csv(made.clips, infer_schema=False)
    for file, size, digest in listed.select("file", "bytes", "sha256").iter_rows():
        content = (made.audio / file).read_bytes()
        assert (str(len(content)), hashlib.sha256(content).hexdigest()) == (size, digest)


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source, out = dataset(tmp_path / "set"), tmp_path / "out"
    broken = source / "data" / "train-00000-of-00001.parquet"  # the last one by name but validation
    good = broken.read_bytes()
    broken.write_bytes(good[:200])
    assert_refused(("train-00000-of-00001.parquet", "not readable as parquet"), unpack, source, out)
    assert not (out / "clips.csv").exists()
    first = out / "audio/data/test-00000-of-00001/08_0.wav"
    before = first.stat().st_mtime_ns
    broken.write_bytes(good)
    made = unpack(source, out)
    assert first.stat().st_mtime_ns == before
    assert pl.read_csv(made.clips).height == 36
    first.write_bytes(b"cut")  # a lost clip is written again
    unpack(source, out)
    assert first.read_bytes() == sound(80)
    again = pl.read_csv(made.clips)
    write(source / "data" / "test-00000-of-00001.parquet", rows(range(8, 13)))
    assert pl.read_csv(unpack(source, out).clips).height == again.height + 3


def test_other_names_of_classes_are_not_those_that_were_kept(tmp_path: Path) -> None:
    source, out = dataset(tmp_path / "set", named=False), tmp_path / "out"
    assert set(pl.read_csv(unpack(source, out).clips)["label"]) == set(LABELS)
    (source / "README.md").write_text(FRONT.replace("joy", "happiness"))
    assert "happiness" in set(pl.read_csv(unpack(source, out).clips)["label"])


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.wav", "a.wav", None], ["a.wav", "row000002.wav", "row000003.wav"]),
        (["../../x.wav", "/etc/passwd", "C:\\d\\y.wav"], ["x.wav", "passwd.wav", "y.wav"]),
        (["..", ".hidden.wav", "b\n.wav"], ["row000001.wav", "row000002.wav", "row000003.wav"]),
        (["x" * 300 + ".wav", "row000001.wav", ""],
         ["row000001.wav", "row000002.wav", "row000003.wav"]),
        (["row000002.wav", "row000002.wav", "c.v2"],
         ["row000002.wav", "_row000002.wav", "c.v2.wav"]),
    ],
)  # fmt: skip
def test_names_stay_in_the_folder(
    tmp_path: Path, paths: list[str | None], names: list[str]
) -> None:
    values = [{"audio": {"bytes": sound(n), "path": p}, "label": n} for n, p in enumerate(paths)]
    write(tmp_path / "set" / "train.parquet", values)
    made = unpack(tmp_path / "set", tmp_path / "out")
    files = [f"train/{name}" for name in names]
    assert pl.read_csv(made.clips)["file"].to_list() == files
    assert [(made.audio / file).read_bytes() for file in files] == [sound(n) for n in range(3)]
    written = {p.relative_to(tmp_path).parts[0] for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {"set", "out"}


def test_endings_follow_the_content(tmp_path: Path) -> None:
    values = [
        {"audio": {"bytes": sound(n, form), "path": None}, "label": 0}
        for n, form in enumerate(("WAV", "FLAC", "OGG", "MP3"))
    ]
    write(tmp_path / "set" / "train.parquet", values)
    made = unpack(tmp_path / "set", tmp_path / "out")
    endings = [Path(file).suffix for file in pl.read_csv(made.clips)["file"]]
    assert endings == [".wav", ".flac", ".ogg", ".mp3"]


def test_hidden_labels_and_own_columns(tmp_path: Path) -> None:
    values = rows(range(2))
    values[0]["label"], values[1]["label"] = -1, None
    values = [value | {"file": "own", "loud": True, "age": 30.5} for value in values]
    write(tmp_path / "set" / "train.parquet", values)
    made = unpack(tmp_path / "set", tmp_path / "out")
    listed = pl.read_csv(made.clips, infer_schema=False)
    assert listed["label"].to_list()[:3] == ["", "", "neutral"]
    assert listed["file of the data set"].to_list() == ["own"] * 6
    assert (listed["loud"][0], listed["age"][0]) == ("true", "30.5")
    assert (made.splits, "split" in listed.columns) == (("train",), False)


def test_several_columns_of_audio(tmp_path: Path) -> None:
    values = [row | {"noisy": row["audio"]} for row in rows(range(1))]
    write(tmp_path / "set" / "train.parquet", values)
    assert_refused(("has audio and noisy", "--audio"), unpack, tmp_path / "set", tmp_path / "out")
    assert unpack(tmp_path / "set", tmp_path / "out", "noisy").left_out == ("audio", "words")


def test_faults(tmp_path: Path) -> None:
    source, out = tmp_path / "set", tmp_path / "out"
    source.mkdir()
    assert_refused(("no parquet file", "to_parquet"), unpack, source, out)
    assert_refused(("in the data set itself",), unpack, source, source / "audio")
    (source / "train.parquet").write_bytes(LFS_POINTER + b"v1\noid sha256:0\n")
    assert_refused(("train.parquet", "git lfs pull"), unpack, source, out)
    path = source / "train.parquet"
    pl.DataFrame({"label": [1], "x": ["a"]}).write_parquet(path)
    assert_refused(("train.parquet", "has none", "label and x"), unpack, source, out)
    pl.DataFrame({"label": []}).write_parquet(path)
    assert_refused(("no rows",), unpack, source, out)
    values = rows(range(2))
    values[4]["audio"] = {"bytes": None, "path": "elsewhere/1_1.wav"}
    write(path, values)
    assert_refused(("train.parquet, row 5", "path alone"), unpack, source, out)
    values = rows(range(1))
    values[2]["label"] = 7
    write(path, values)
    assert_refused(("'label' holds 7", "3 classes"), unpack, source, out)
    write(path, rows(range(1)))
    write(source / "other" / "test.parquet", [row | {"more": 1} for row in rows(range(1))])
    assert_refused(("train.parquet", "several data sets", "more"), unpack, source, out)
