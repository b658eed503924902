"""The paper's models in the workflow: small random ones in the layout of the hub."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.numpy import load_file

from unit.encoders import tiny
from unit.hub_server import HubServer, Repository
from workflow.conftest import make_tones, overlay
from workflow.runner import ROOT, Workflow, copy_workflow

HUB = {
    "encoder": ("microsoft/wavlm-base-plus", tiny.write_wavlm),
    "embedding": ("speechbrain/spkrec-ecapa-voxceleb", tiny.write_ecapa),
    "pseudo": ("audeering/wav2vec2-large-robust-24-ft-age-gender", tiny.write_age_gender),
}
KINDS = {"encoder": "transformers", "embedding": "ecapa", "pseudo": "audeering"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A hub that has small models under the names of the real ones."""
    folder = tmp_path_factory.mktemp("models")
    with HubServer() as server:
        for section, (name, write) in HUB.items():
            files = {file.name: file.read_bytes() for file in write(folder / section).iterdir()}
            server.models[name] = Repository()
            server.models[name].commit(files)
        yield server


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the same small models."""
    folder = tmp_path_factory.mktemp("local")
    return {section: write(folder / section) for section, (_, write) in HUB.items()}


@pytest.fixture(autouse=True)
def network(
    hub: HubServer, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables that huggingface_hub reads; each test has a cache of its own."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf_home")))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def real_kinds(manifest: Path, **changes: Any) -> dict[str, Any]:
    """Every section of its real kind, on the tones."""
    found = overlay(manifest)
    for section, kind in KINDS.items():
        found[section] = {"kind": kind}
    found["grid"] = {
        "methods": ["erm", "rw", "pgdro"],
        "sources": ["none", "pseudo", "kmeans"],
        "k": [2],
        "folds": [1],
    }
    found["tables"] = {"table1_k": 2, "table2_k": [2]}
    found["train"] = {"epochs": 2}
    return found | changes


def local(manifest: Path, models: dict[str, Path]) -> dict[str, Any]:
    found = real_kinds(manifest)
    for section, folder in models.items():
        found[section] |= {"model": str(folder)}
    return found


def test_models_come_ahead_and_the_grid_then_runs_without_network(
    tmp_path: Path, tones: Path, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """download_models fetches and records; nothing asks the hub again, and every result tells
    the commit. Without the weights the error names the command."""
    workflow = Workflow(tmp_path, real_kinds(tones))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = workflow.fail("download_models")
    assert "HF_HUB_OFFLINE is set" in told
    assert "`snakemake download_models`" in told
    monkeypatch.delenv("HF_HUB_OFFLINE")
    workflow.run("download_models")
    hub.requests.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    workflow.run()
    assert hub.requests == []
    table = pl.read_csv(workflow.results / "table1.csv")
    assert table.height >= 4
    commits = {name: next(iter(hub.models[name].commits)) for name, _ in HUB.values()}
    run = next(workflow.results.glob("runs/rw/kmeans/k2/fold1/seed0/metrics.json"))
    record = json.loads(run.read_text())
    for part, section in (("features", "encoder"), ("groups", "embedding")):
        name = HUB[section][0]
        assert record[part]["model"]["model"] == name
        assert record[part]["model"]["commit"] == commits[name]
    # Weights that vanish are told in one sentence, also to the job that needs them.
    shutil.rmtree(os.environ["HF_HOME"])
    told = workflow.fail("features", "--forcerun", "model_features")
    assert "resources/models/" in told
    assert "`snakemake download_models`" in told


def test_pins_are_a_configuration_of_the_commits(
    tmp_path: Path, tones: Path, hub: HubServer
) -> None:
    workflow = Workflow(tmp_path, real_kinds(tones))
    told = workflow.run("pin_models")
    text = (tmp_path / "resources/models/pinned.yaml").read_text()
    pins = yaml.safe_load(text)
    assert text in told
    assert pins == {s: {"revision": hub.models[name].refs["main"]} for s, (name, _) in HUB.items()}
    # With the commits, the records have other names, and the pins stay the same.
    for section, pin in pins.items():
        workflow.overlay[section] |= pin
    assert text in workflow.run("pin_models")


def test_shards_change_no_number(tmp_path: Path, tones: Path, models: dict[str, Path]) -> None:
    """Three shards gather to what one gives; a changed setting has a store of its own."""
    found = []
    for shards in (1, 3):
        folder = tmp_path / str(shards)
        folder.mkdir()
        settings = local(tones, models) | {"extraction": {"shards": shards, "threads": 1}}
        workflow = Workflow(folder, settings)
        workflow.run("features")
        assert not [f for f in workflow.results.glob("features/*/shards/**/*") if f.is_file()]
        found.append(stores(workflow))
    assert_same(*found)
    workflow.overlay["extraction"]["precision"] = "bfloat16"
    assert workflow.jobs("features")["model_features"] == 9
    # What changes no number extracts nothing anew.
    del workflow.overlay["extraction"]["precision"]
    workflow.overlay["device"] = "cpu"
    workflow.overlay["extraction"] |= {"threads": 2}
    assert "model_features" not in workflow.jobs("features")


def test_a_killed_extraction_goes_on_where_it_stopped(
    tmp_path: Path, tones: Path, models: dict[str, Path]
) -> None:
    quiet, killed = (Workflow(tmp_path / name, local(tones, models)) for name in ("a", "b"))
    for one in (quiet, killed):
        one.folder.mkdir()
    quiet.run("features")
    # A copy that notes each clip at once: the tones are done within the usual two seconds.
    killed.root = copy_workflow(tmp_path / "copy")
    for name, more in (("shards", "FLUSHED = 0"), ("encoding", 'BATCH_SECONDS["cpu"] = 0.1')):
        with (killed.root / f"workflow/fairser/extraction/{name}.py").open("a") as module:
            module.write(f"\n{more}\n")
    killed.run("results/clips.parquet", "download_models")
    kill_at(killed, "features/transformers-*/shards/1-of-1.part/rows", 16)
    rows = next(killed.results.glob("features/transformers-*/shards/1-of-1.part/rows"))
    done = rows.stat().st_size // 8
    assert 0 < done < 144
    killed.run("features", "--unlock")
    killed.run("features")
    log = next(killed.results.glob("logs/features/transformers-*/1-of-1.log")).read_text()
    assert f"resumed: {done} of 144 clips are done" in log
    assert not rows.parent.exists()
    assert_same(stores(quiet), stores(killed))


def test_a_spoilt_clip_is_told_and_left_out_where_that_is_allowed(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    """By the statistics of the waves and by the extraction; of every split."""
    workflow = Workflow(tmp_path, overlay(make_tones(tmp_path / "corpus")))
    workflow.overlay |= {
        "bias": {"ratio": None},
        "encoder": {"kind": "transformers", "model": str(models["encoder"])},
        "grid": {"methods": ["erm"], "folds": [1]},
        "train": {"epochs": 1},
    }
    spoilt = tmp_path / "corpus/audio/03_calm_1.wav"
    spoilt.write_bytes(spoilt.read_bytes()[:-1000])
    fault = f"{spoilt}: truncated, the last 1000 bytes"
    told = workflow.fail("results/table1.csv")
    assert f"1 of 144 clips can't be used: {fault}" in told
    assert "or raise 'extraction.failures'" in told
    assert not list(workflow.results.glob("features/*/features.safetensors"))
    assert not list(workflow.results.glob("runs/**/metrics.json"))

    workflow.overlay["extraction"] = {"failures": 0.01}
    splits = [workflow.results / f"splits/fold{fold}.parquet" for fold in (1, 2, 3)]
    workflow.run("results/table1.csv", *(str(x.relative_to(tmp_path)) for x in splits))
    (store,) = workflow.results.glob("features/transformers-*")
    faults = pl.read_csv(store / "faults.csv")
    assert fault in faults["reason"].item()
    (waves,) = workflow.results.glob("features/waves-*.json")
    for record in (store / "source.json", waves):
        assert json.loads(record.read_text())["left_out"] == 1
    clips = set(pl.read_parquet(workflow.results / "clips.parquet")["clip"])
    kept = clips - set(faults["clip"])
    assert (len(clips), len(kept)) == (144, 143)
    assert set(pl.read_csv(store / "clips.csv")["clip"]) == kept
    for split in splits:
        assert set(pl.read_parquet(split)["clip"]) == kept
    assert pl.read_csv(workflow.results / "table1.csv")["method"].to_list() == ["ERM"]


def test_adapters_are_trained_with_the_head(
    tmp_path: Path, tones: Path, models: dict[str, Path]
) -> None:
    """On frames: no features are extracted, but the waves have their statistics."""
    settings = yaml.safe_load((ROOT / "workflow/grids/lora.yaml").read_text())
    settings["encoder"]["model"] = str(models["encoder"])
    small = {"grid": {"methods": ["erm"], "folds": [1]}, "train": {"epochs": 1}}
    workflow = Workflow(tmp_path, overlay(tones) | settings | small)
    workflow.run()
    (waves,) = workflow.results.glob("features/*")
    run = workflow.results / "runs/erm/none/k1/fold1/seed0"
    record = json.loads((run / "metrics.json").read_text())
    statistics = json.loads(waves.read_text())
    assert record["features"]["waves"] == {name: statistics[name] for name in ("mean", "std")}
    (model,) = (tmp_path / "resources/models").glob("*.json")
    assert record["features"]["model"] == json.loads(model.read_text())
    assert record["config"]["lora"]["rank"] == 8
    # An adapter's B is 0 until it is trained.
    adapters = {n: v for n, v in load_file(run / "model.safetensors").items() if ".lora_B" in n}
    assert len(adapters) == 2 * 2  # layers, and linear layers of each
    assert all(np.abs(value).max() > 0 for value in adapters.values())
    assert pl.read_csv(run / "history.csv").height == 1
    assert pl.read_csv(workflow.results / "table1.csv")["method"].to_list() == ["ERM"]


def stores(workflow: Workflow) -> dict[str, tuple[list[str], np.ndarray]]:
    """Clips and features of all stores, by folder."""
    return {
        file.parent.name: (
            pl.read_csv(file.parent / "clips.csv")["clip"].to_list(),
            load_file(file)["features"],
        )
        for file in workflow.results.glob("features/*/features.safetensors")
    }


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Equal to float32 rounding: clips of one length are computed in other batches."""
    assert sorted(first) == sorted(second)
    assert len(first) == 3
    for name, (clips, features) in first.items():
        assert second[name][0] == clips
        np.testing.assert_allclose(second[name][1], features, rtol=1e-3, atol=1e-5)


def kill_at(workflow: Workflow, pattern: str, size: int) -> None:
    """Extract the encoder's features; kill all processes once a file below the results is there
    with so many bytes."""
    (workflow.folder / "overlay.yaml").write_text(yaml.safe_dump(workflow.overlay))
    command = [sys.executable, "-m", "snakemake", "features", "--cores", "1"]
    command += ["--snakefile", str(workflow.root / "Snakefile")]
    command += ["--configfile", str(workflow.root / "config.yaml"), "overlay.yaml"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=workflow.folder, start_new_session=True, **quiet)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if any(file.stat().st_size >= size for file in workflow.results.glob(pattern)):
            break
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
