"""Features are made once for all results folders, and never mixed up."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file

from workflow.runner import Workflow

SECOND = ("clip_table", "biased_split", "train", "evaluate")
EXTRACTION = ("clip_list", "signal_features", "gather_shards")


def values(store: Path) -> np.ndarray:
    return load_file(store / "features.safetensors")["features"]


def test_results_folders_share_what_one_of_them_extracted(copied: Workflow) -> None:
    """With other folds, classes and bias; the first one stays finished."""
    corpus = copied.overlay["corpus"] | {"folds": 4, "classes": ["happy", "calm", "angry"]}
    change: dict[str, Any] = {"results": "second", "corpus": corpus, "bias": {"ratio": 2}}
    second = copied.changed(change | {"grid": {"methods": ["erm"], "folds": [4]}})
    found = second.jobs("runs")
    assert found == {**dict.fromkeys(SECOND, 1), "runs": 1, "total": len(SECOND) + 1}
    before = {file: file.stat().st_mtime_ns for file in copied.features.rglob("*")}
    second.run("second/clips.parquet")
    assert {file: file.stat().st_mtime_ns for file in copied.features.rglob("*")} == before
    assert copied.jobs() == {}


def test_corpora_do_not_meet_in_the_folder_of_features(tones: Path, copied: Workflow) -> None:
    """Two manifests give the same names to other files; then one of them gets a new row."""
    (first,) = copied.features.glob("fbank-*")
    before = values(first)
    rows = pl.read_csv(tones, infer_schema=False)
    swapped = rows.with_columns(clip=rows["file"], file=rows["file"].reverse())
    manifest = copied.folder / "swapped.csv"
    swapped.write_csv(manifest)
    corpus = copied.overlay["corpus"] | {"manifest": str(manifest), "audio": str(tones.parent)}
    second = copied.changed({"results": "second", "corpus": corpus})
    second.run("features")
    (store,) = set(copied.features.glob("fbank-*")) - {first}
    clips = [pl.read_csv(folder / "clips.csv")["clip"].to_list() for folder in (first, store)]
    place = {name: row for row, name in enumerate(clips[0])}
    file_of = dict(zip(rows["file"], rows["file"].reverse(), strict=True))
    expected = [place[file_of[f"{clip}.wav"].removesuffix(".wav")] for clip in clips[1]]
    np.testing.assert_allclose(values(store), before[expected], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(values(first), before)
    pl.concat([swapped, swapped[:1].with_columns(clip=pl.lit("new"))]).write_csv(manifest)
    jobs = second.jobs("features")
    assert {name: jobs[name] for name in EXTRACTION} == dict.fromkeys(EXTRACTION, 1)
    assert copied.jobs() == {}
