"""Bad input at the door of the workflow: the message, and what stays."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairser.corpora.clips import ClipTable
from unit.builders import write_store
from workflow.conftest import make_tones, overlay
from workflow.runner import Workflow

ERM = "runs/erm/none/k1/fold1/seed0/metrics.json"


@pytest.fixture
def own(tmp_path: Path) -> Workflow:
    """The workflow on tones that the test may spoil."""
    return Workflow(tmp_path, overlay(make_tones(tmp_path / "corpus")))


def precomputed(workflow: Workflow) -> dict[str, str]:
    """Random features for the workflow's clips, and the overlay that names them."""
    workflow.run("results/clips.parquet")
    names = ClipTable.read(workflow.results / "clips.parquet").clips()["clip"].to_list()
    array = np.random.default_rng(0).standard_normal((len(names), 2, 5)).astype(np.float32)
    features, clips = workflow.folder / "own.safetensors", workflow.folder / "own.csv"
    write_store(features, clips, array, names)
    return {"kind": "precomputed", "features": str(features), "clips": str(clips)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": {"method": ["erm"]}}, "'grid.method' is no key.*Did you mean 'methods'?"),
        ({"train": {"epochs": "many"}}, "'train.epochs' is 'many'; it must be a whole number"),
        (
            {"grid": {"methods": ["erm"], "folds": [1, 7]}},
            "Fold 7 does not exist: the corpus has the folds 1, 2, 3",
        ),
        ({"bias": {"attribute": "gendr"}}, "'bias.attribute' is 'gendr'.*mean 'gender'?"),
        ({"results": "file/below"}, "'results' is 'file/below', but .*file' is a file"),
        ({"results": "/proc/fairser"}, "'results' is '/proc/fairser'.*Name another folder"),
        ({"corpus": {"kind": "manifest", "manifest": "no.csv"}}, "'no.csv', which does not exist"),
        (
            {"corpus": {"kind": "emosuperb", "labels": ".", "audio": "."}},
            "'corpus.labels' names a folder without labels_consensus_1.csv",
        ),
    ],
)
def test_configuration(workflow: Workflow, change: dict, message: str) -> None:
    (workflow.folder / "file").touch()
    workflow.overlay |= change
    output = workflow.fail()
    first, _, rest = message.partition(".*")
    assert first in output
    assert not rest or rest.split(".*")[0] in output[output.index(first) :]
    assert "Traceback (most" not in output


def test_audio_that_cannot_be_used(own: Workflow) -> None:
    audio = own.folder / "corpus/audio"
    truncated, empty = audio / "03_calm_1.wav", audio / "04_calm_1.wav"
    truncated.write_bytes(truncated.read_bytes()[:-1000])
    empty.write_bytes(b"")
    pointer = audio / "05_calm_1.wav"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    (audio / "06_calm_1.wav").unlink()
    output = own.fail()
    assert "4 of 144 clips can't be used" in output
    for path, words in [
        (truncated, "truncated, the last 1000 bytes"),
        (empty, "the file is empty"),
        (pointer, "a Git LFS pointer"),
        (audio / "06_calm_1.wav", "no such audio file"),
    ]:
        assert f"{path}: {words}" in output
    assert "Traceback (most" not in output
    last = output[output.index("1 job failed.") :]
    assert "fbank of clips, shard 1 of 1: 4 of 144 clips can't be used:" in last
    assert f"{truncated}: truncated" in last
    assert "(0 of 4 runs)" in last


def test_features_with_nan(own: Workflow) -> None:
    from safetensors.numpy import load_file, save_file

    encoder = precomputed(own)
    own.overlay["encoder"] = encoder
    array = load_file(encoder["features"])["features"]
    array[17, 1, 3] = np.nan
    save_file({"features": array}, encoder["features"])
    clip = pl.read_csv(encoder["clips"])["clip"][17]
    output = own.fail()
    assert f"{encoder['features']}: row 17 (from 0), clip '{clip}', holds nan" in output


def test_precomputed_features_need_no_audio(own: Workflow) -> None:
    own.overlay["encoder"] = precomputed(own)
    for path in (own.folder / "corpus/audio").iterdir():
        path.unlink()
    own.run()
    assert (own.results / ERM).exists()


def test_an_embedding_of_audio_that_is_not_named(tmp_path: Path) -> None:
    row = "1_a.wav,0.6,0.4,1,Female,"
    header = "FileName,sad,happy,SpkrID,Gender,Split_Set\n"
    (tmp_path / "labels_consensus_1.csv").write_text(f"{header}{row}Train\n")
    for name in ("f.safetensors", "c.csv"):
        (tmp_path / name).touch()
    encoder = {"kind": "precomputed", "features": "f.safetensors", "clips": "c.csv"}
    grid = {"methods": ["erm", "rw"], "sources": ["none", "kmeans"], "k": [2], "folds": [1]}
    overlay = {"corpus": {"kind": "emosuperb", "labels": "."}, "encoder": encoder, "grid": grid}
    workflow = Workflow(tmp_path, overlay | {"embedding": {"kind": "mfcc"}})
    output = workflow.fail()
    assert "'corpus.audio' is null, but every kind except precomputed reads audio" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("speaker", "", "row 6: column 'speaker' is empty"),
        ("file", "../../etc/passwd", "row 6: file '../../etc/passwd' lies outside"),
    ],
)
def test_manifest(own: Workflow, column: str, value: str, message: str) -> None:
    manifest = Path(own.overlay["corpus"]["manifest"])
    frame = pl.read_csv(manifest, infer_schema=False).with_row_index("n")
    spoilt = pl.when(pl.col("n") == 4).then(pl.lit(value)).otherwise(column).alias(column)
    frame.with_columns(spoilt).drop("n").write_csv(manifest)
    assert f"{manifest}, {message}" in own.fail()


def test_finished_results_stay(own: Workflow) -> None:
    own.run()
    table = (own.results / "table1.csv").read_bytes()
    features = sorted(own.results.glob("features/*/features.safetensors"))
    stamp = features[0].stat().st_mtime_ns
    own.overlay["grid"]["folds"] = [1, 2, 9]
    assert "Fold 9 does not exist" in own.fail()
    assert (own.results / ERM).exists()
    assert (own.results / "table1.csv").read_bytes() == table
    assert features[0].stat().st_mtime_ns == stamp


def test_a_loss_that_is_not_finite(own: Workflow) -> None:
    own.overlay["train"]["learning_rate"] = 1e30
    output = own.fail()
    assert "is not finite" in output
    assert "method erm, fold 1, seed 0" in output
    last = output[output.index("2 jobs failed.") :]
    assert "train erm: groups none, K 1, fold 1, seed 0: " in last
    assert "is not finite" in last
    assert "(2 of 4 runs)" in last


def test_download_from_nowhere(tmp_path: Path) -> None:
    nowhere = f"file://{tmp_path}/nowhere"
    workflow = Workflow(tmp_path, {"download": {"labels": nowhere, "cremad": nowhere}})
    output = workflow.fail("download_cremad")
    assert f"{nowhere}: commit 9ff7fa2f0330a2bb950dd0d4e09d250d4e7a1cfd cannot be fetched" in output
