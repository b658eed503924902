"""Features are made once for all results folders, and never mixed up."""

import shlex
import shutil
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


def test_replaced_audio_is_said_and_made_anew(tones: Path, workflow: Workflow) -> None:
    """The last clip gets the sound of the first one; no other is computed again."""
    audio = workflow.folder / "own"
    shutil.copytree(tones.parent, audio)
    own = workflow.changed({"corpus": workflow.overlay["corpus"] | {"manifest": "own/clips.csv"}})
    own.run("features")
    (store,) = own.features.glob("fbank-*")
    before, clips = values(store), pl.read_csv(store / "clips.csv", infer_schema=False)
    assert "--forcerun" not in own.run("features", "-n")
    first, *_, last = clips["file"]
    shutil.copyfile(audio / first, audio / last)
    for arguments in (["features", "-n"], ["features"]):
        said = own.run(*arguments)
        assert f"1 audio file ({last}) changed" in said
    np.testing.assert_array_equal(values(store), before)  # still of the old audio, as was said
    (command,) = [line.strip() for line in said.splitlines() if "--forcerun" in line]
    assert shlex.split(command)[:3] == ["snakemake", "--forcerun", "clip_list"]
    own.run("features", "--forcerun", "clip_list")
    np.testing.assert_array_equal(values(store)[:-1], before[:-1])
    np.testing.assert_array_equal(values(store)[-1], before[0])
    log = next(store.glob("logs/*-of-*.log")).read_text()
    assert f"{len(before) - 1} of {len(before)} clips have not changed" in log
    assert "--forcerun" not in own.run("features", "-n")
