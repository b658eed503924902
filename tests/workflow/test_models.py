"""The paper's models in the workflow: small random ones in the layout of the hub."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.numpy import load_file

from fairser.extraction.partial import ROW
from unit.encoders import tiny
from unit.hub_server import HubServer, Repository
from workflow.conftest import overlay
from workflow.runner import ROOT, Workflow

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
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the same small encoder."""
    return tiny.write_wavlm(tmp_path_factory.mktemp("local") / "encoder")


@pytest.fixture(autouse=True)
def network(
    hub: HubServer, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables that huggingface_hub reads; each test has a cache of its own."""
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf_home")))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def real_kinds(manifest: Path) -> dict[str, Any]:
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
    workflow.run("results/table1.csv")
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
    # A changed setting has stores of its own; what changes no number extracts nothing anew.
    other = workflow.changed({"extraction": {"precision": "bfloat16", "shards": 3}})
    assert other.jobs("features")["model_features"] == 9
    same = workflow.changed({"extraction": {"threads": 2}, "device": "cpu"})
    assert "model_features" not in same.jobs("features")
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


def features(workflow: Workflow, kind: str = "fbank") -> tuple[list[str], np.ndarray]:
    """Clips and features of the only store of a kind."""
    (folder,) = workflow.features.glob(f"{kind}-*")
    clips = pl.read_csv(folder / "clips.csv")["clip"].to_list()
    return clips, load_file(folder / "features.safetensors")["features"]


def assert_same(first: tuple[list[str], np.ndarray], second: tuple[list[str], np.ndarray]) -> None:
    """Equal to float32 rounding: clips of one length are computed in other batches."""
    assert first[0] == second[0]
    np.testing.assert_allclose(first[1], second[1], rtol=1e-3, atol=1e-5)


def test_shards_change_no_number(workflow: Workflow, finished: Workflow) -> None:
    workflow.overlay["extraction"] = {"shards": 3}
    workflow.run("features")
    assert not [f for f in workflow.features.glob("*/shards/**/*") if f.is_file()]
    assert_same(features(workflow), features(finished))


# The first batch takes so long that it is noted as done; the second one waits for a file to go.
HALTING = """
import time
from pathlib import Path

from fairser.encoders import fbank
from fairser.encoders.base import ClipEncoder

ENCODER = {{"title": "halting", "sections": ["encoder"]}}
SEEN = []


def encode(waveform):
    SEEN.append(waveform)
    if len(SEEN) == 1:
        time.sleep(2.5)
    while len(SEEN) == 40 and Path({halt!r}).exists():
        time.sleep(0.1)
    return fbank.encode(waveform)


def make(settings):
    return ClipEncoder(encode, fbank.DIM)
"""


def test_a_killed_extraction_goes_on_where_it_stopped(
    workflow: Workflow, finished: Workflow
) -> None:
    folder = workflow.folder / "plugins"
    folder.mkdir()
    halt = folder / "halt"
    halt.touch()
    (folder / "halting.py").write_text(HALTING.format(halt=str(halt)))
    workflow.overlay |= {"plugins": [str(folder)], "encoder": {"kind": "halting"}}

    def noted() -> list[Path]:
        parts = workflow.features.glob("halting-*/shards/1-of-1.part/rows")
        return [rows for rows in parts if rows.stat().st_size]

    workflow.stop_when(lambda: bool(noted()), signal.SIGKILL, "features")
    (rows,) = noted()
    done = rows.stat().st_size // ROW.itemsize
    assert 0 < done < 144
    halt.unlink()
    workflow.run("features", "--unlock")
    workflow.run("features")
    log = next(workflow.features.glob("halting-*/logs/1-of-1.log")).read_text()
    assert f"resumed: {done} of 144 clips" in log
    assert not rows.parent.exists()
    assert_same(features(workflow, "halting"), features(finished))


def test_a_spoilt_clip_is_told_and_left_out_where_that_is_allowed(
    tmp_path: Path, tones: Path, model: Path
) -> None:
    """By the statistics of the waveforms and by the extraction; of every split."""
    shutil.copytree(tones.parent, tmp_path / "corpus")
    workflow = Workflow(tmp_path, overlay(tmp_path / "corpus/clips.csv"))
    workflow.overlay |= {
        "bias": {"ratio": None},
        "encoder": {"kind": "transformers", "model": str(model)},
        "grid": {"methods": ["erm"], "folds": [1]},
        "train": {"epochs": 1},
    }
    spoilt = tmp_path / "corpus/audio/03_calm_1.wav"
    spoilt.write_bytes(spoilt.read_bytes()[:-1000])
    fault = f"{spoilt}: truncated, the last 1000 bytes"
    told = workflow.fail("results/table1.csv")
    assert f"1 of 144 clips can't be used: {fault}" in told
    assert "or raise 'extraction.failures'" in told
    assert not list(workflow.features.glob("*/features.safetensors"))
    assert not list(workflow.results.glob("runs/**/metrics.json"))

    workflow.overlay["extraction"] = {"failures": 0.01}
    splits = [workflow.results / f"splits/fold{fold}.parquet" for fold in (1, 2, 3)]
    workflow.run("results/table1.csv", *(str(x.relative_to(tmp_path)) for x in splits))
    (store,) = workflow.features.glob("transformers-*")
    faults = pl.read_csv(store / "faults.csv")
    assert fault in faults["reason"].item()
    (waveforms,) = workflow.features.glob("waveforms-*.json")
    for record in (store / "source.json", waveforms):
        assert json.loads(record.read_text())["left_out"] == 1
    clips = set(pl.read_parquet(workflow.results / "clips.parquet")["clip"])
    kept = clips - set(faults["clip"])
    assert (len(clips), len(kept)) == (144, 143)
    assert set(pl.read_csv(store / "clips.csv")["clip"]) == kept
    for split in splits:
        assert set(pl.read_parquet(split)["clip"]) == kept
    assert pl.read_csv(workflow.results / "table1.csv")["method"].to_list() == ["ERM"]


def test_adapters_are_trained_with_the_head(tmp_path: Path, tones: Path, model: Path) -> None:
    """On frames: no features are extracted, but the waveforms have their statistics."""
    settings = yaml.safe_load((ROOT / "workflow/grids/lora.yaml").read_text())
    settings["encoder"]["model"] = str(model)
    small = {"grid": {"methods": ["erm"], "folds": [1]}, "train": {"epochs": 1}}
    workflow = Workflow(tmp_path, overlay(tones) | settings | small)
    workflow.run()
    (waveforms,) = workflow.features.glob("waveforms-*.json")
    run = workflow.results / "runs/erm/none/k1/fold1/seed0"
    record = json.loads((run / "metrics.json").read_text())
    statistics = json.loads(waveforms.read_text())
    assert record["features"]["waveforms"] == {name: statistics[name] for name in ("mean", "std")}
    (located,) = (tmp_path / "resources/models").glob("*.json")
    assert record["features"]["model"] == json.loads(located.read_text())
    assert record["config"]["lora"]["rank"] == 8
    # An adapter's B is 0 until it is trained.
    adapters = {n: v for n, v in load_file(run / "model.safetensors").items() if ".lora_B" in n}
    assert len(adapters) == 2 * 2  # layers, and linear layers of each
    assert all(np.abs(value).max() > 0 for value in adapters.values())
    assert pl.read_csv(run / "history.csv").height == 1
    assert pl.read_csv(workflow.results / "table1.csv")["method"].to_list() == ["ERM"]
