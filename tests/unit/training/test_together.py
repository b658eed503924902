"""All cells of a fold in one job: the same files, and nothing is lost or trained twice."""

import logging
import os
from collections.abc import Hashable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from safetensors.torch import load_file
from torch import nn

from fairser.config.configuration import resolve
from fairser.core.errors import InputError
from fairser.core.files import read_json, write_json
from fairser.corpora.clips import ClipTable
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import open_store
from fairser.methods.base import Method
from fairser.methods.rw import RW
from fairser.training import runs
from fairser.training.fitting import TrainOptions
from fairser.training.runs import FILES, RECORD, CellJob, train_cell
from fairser.training.together import train_cells
from fairser.training.train import (
    PreparedJob,
    TrainingJob,
    TrainingResult,
    train_and_predict,
    train_together,
)
from unit.builders import Doubled, clip_table, write_store

SPLITS = ["train", "train", "development", "test"] * 15
CELLS = [
    *(("erm", "none", 1), ("rw", "annotated", 2), ("ds", "annotated", 2), ("lff", "none", 1)),
    *(("gdro", "annotated", 2), ("gadro", "annotated", 2), ("disent", "none", 1)),
    *(("random", "none", 1), ("minmaxgap", "annotated", 2)),
]
SETTINGS: dict[str, Any] = {
    "train": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3},
    "standardise": True,
    "hyper": {},
    "finetune": None,
}
NO_WAIT = {"memory_mb": 100, "checkpoint_seconds": 0}


@pytest.fixture
def jobs(tmp_path: Path) -> list[CellJob]:
    """The cells of a fold with two seeds each."""
    random = np.random.default_rng(0)
    genders = ["female", "male"] * 30
    table = clip_table(0.1 + 0.7 * np.eye(3)[random.integers(3, size=60)], SPLITS, gender=genders)
    given = {name: str(tmp_path / file) for name, file in (
        ("split", "fold1.parquet"), ("features", "features.safetensors"), ("clips", "clips.csv")
    )}  # fmt: skip
    table.write(given["split"])
    array = random.normal(0, 1, (60, 2, 8)).astype(np.float32)
    write_store(given["features"], given["clips"], array, table.frame["clip"].to_list())
    groups = tmp_path / "groups.parquet"
    table.frame.select("clip", "split", group="gender").write_parquet(groups)
    config = resolve({"corpus": {"kind": "demo"}})
    return [
        CellJob(
            {"method": method, "source": source, "k": str(k), "fold": "1", "seed": str(seed)},
            given | ({} if source == "none" else {"groups": str(groups)}),
            SETTINGS,
            "0123",
            "4567",
            config,
        )
        for method, source, k in CELLS
        for seed in (0, 1)
    ]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The methods of each block that is trained, in their order."""
    seen: list[list[str]] = []
    train = runs.train_together

    def counted(jobs: Any, checkpoint: Any) -> Any:
        seen.append([one.job.method for one in jobs])
        return train(jobs, checkpoint)

    monkeypatch.setattr(runs, "train_together", counted)
    return seen


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(jobs: list[CellJob], folder: Path) -> list[Path]:
    return train_cells(jobs, folder / "kept", folder)


def test_the_files_are_those_of_single_jobs(
    jobs: list[CellJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: list[list[str]]
) -> None:
    reads = []
    fold = StoreInputs.fold
    monkeypatch.setattr(StoreInputs, "fold", lambda *a: reads.append(1) or fold(*a))
    folders = run(jobs, tmp_path / "results")
    assert len(reads) == 1
    assert len(set(folders)) == len(jobs)
    assert trained == [
        *(["erm", "erm", "rw", "rw", "ds", "ds"], ["lff", "lff"]),
        *(["gdro", "gdro", "gadro", "gadro"], ["disent", "disent"]),
        *(["random"], ["random"], ["minmaxgap"], ["minmaxgap"]),
    ]
    for job, folder in zip(jobs, folders, strict=True):
        place = "runs/{method}/{source}/k{k}/fold{fold}/seed{seed}".format(**job.cell)
        assert folder == tmp_path / "results" / place
        alone = tmp_path / "alone" / folder.name / job.cell["method"]
        train_cell(job, alone)
        one, other = (read_json(path / RECORD) for path in (folder, alone))
        left_out = {"seconds": 0, "sha256": 0, "selected_value": 0}
        assert one | left_out == other | left_out
        assert one["selected_value"] == pytest.approx(other["selected_value"], abs=1e-5)
        tensors, expected = (load_file(path / "model.safetensors") for path in (folder, alone))
        assert tensors.keys() == expected.keys()
        for name, tensor in tensors.items():
            # Adam makes 1e-3 of a gradient that is nothing but rounding: see the next test.
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=1e-4)
        for name in ("predictions.parquet", "history.csv"):
            tables = [pl.read_csv, pl.read_parquet][name.endswith("parquet")]
            assert_frame_equal(tables(folder / name), tables(alone / name), abs_tol=1e-5)


def test_cells_are_trained_together_as_alone(jobs: list[CellJob], tmp_path: Path) -> None:
    """In float64 after an epoch to 1e-10; the batches of the last one have fewer clips."""
    table = ClipTable.read(jobs[0].given["split"])
    inputs = Doubled(
        StoreInputs(open_store(jobs[0].given["features"], jobs[0].given["clips"]), True)
    )
    groups = [
        table.frame.select("clip", "split", group=pl.Series([str(i % k) for i in range(60)]))
        for k in (2, 5)
    ]
    options = TrainOptions(1, 8, 1e-3)
    kinds: dict[Hashable, list[TrainingJob]] = {}
    for method in ("erm", "rw", "ds", "gdro", "gadro", "pgdro", "lff", "disent"):
        own = [None] if method in ("erm", "lff", "disent") else groups
        for grouping, seed in product(own, (0, 1)):
            soft = grouping
            if method == "pgdro":
                soft = grouping.with_columns(p_0=pl.lit(0.3), p_1=pl.lit(0.7))
            job = TrainingJob(method, table, inputs, options, seed, soft)
            kinds.setdefault(PreparedJob(job).kind(), []).append(job)
    assert sorted(map(len, kinds.values())) == [2, 2, 10, 12]
    for alike in kinds.values():
        results = train_together([PreparedJob(job) for job in alike])
        for job, found in zip(alike, results, strict=True):
            assert isinstance(found, TrainingResult)
            alone = train_and_predict(job)
            assert alone.tensors.keys() == found.tensors.keys()
            for name, tensor in found.tensors.items():
                torch.testing.assert_close(tensor, alone.tensors[name], rtol=0, atol=1e-10)
            assert_frame_equal(found.history, alone.history, abs_tol=1e-10)
            assert_frame_equal(found.predictions, alone.predictions, abs_tol=1e-10)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("method", ["erm", "rw", "ds", "gdro", "gadro", "pgdro", "lff", "disent"])
def test_a_gpu_trains_as_a_cpu(jobs: list[CellJob], method: str) -> None:
    """In float64, with captured steps and without, alone and stacked."""
    table = ClipTable.read(jobs[0].given["split"])
    store = open_store(jobs[0].given["features"], jobs[0].given["clips"])
    grouping = None
    if method not in ("erm", "lff", "disent"):
        grouping = table.frame.select("clip", "split", group=pl.Series(["a", "b", "c"] * 20))
    if method == "pgdro":
        grouping = grouping.with_columns(p_a=pl.lit(0.2), p_b=pl.lit(0.5), p_c=pl.lit(0.3))
    found = []
    for device in ("cpu", "cuda"):
        inputs = Doubled(StoreInputs(store, True, device=torch.device(device)))
        made = [
            PreparedJob(TrainingJob(method, table, inputs, TrainOptions(4, 8, 1e-3), s, grouping))
            for s in (0, 1, 2)
        ]
        found += [train_together(made[:1]), train_together(made[1:])]
    for one, other in zip(found[0] + found[1], found[2] + found[3], strict=True):
        assert isinstance(one, TrainingResult) and isinstance(other, TrainingResult)
        assert_frame_equal(one.history, other.history, abs_tol=1e-8)
        for name, tensor in one.tensors.items():
            torch.testing.assert_close(other.tensors[name], tensor, rtol=0, atol=1e-8)


def test_only_what_is_new_is_trained(
    jobs: list[CellJob], tmp_path: Path, trained: list[list[str]]
) -> None:
    """As when a method is added to the grid: Snakemake has removed all files of the job."""
    folders = run(jobs[:4], tmp_path)
    before = content(folders[0])
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()
    trained.clear()
    assert run(jobs[:8], tmp_path)[:4] == folders
    assert trained == [["ds", "ds"], ["lff", "lff"]]
    assert content(folders[0]) == before


@pytest.mark.parametrize("change", ["settings", "code", "groups", "cut", "lost"])
def test_what_has_changed_is_trained_again(
    jobs: list[CellJob], tmp_path: Path, trained: list[list[str]], change: str
) -> None:
    jobs = jobs[:4]
    run(jobs, tmp_path)
    trained.clear()
    kept = tmp_path / "kept/erm/none/k1/fold1/seed0"
    expected = [["erm"]]
    match change:
        case "settings":
            jobs[0] = replace(jobs[0], settings=SETTINGS | {"standardise": False})
        case "code":
            jobs[0] = replace(jobs[0], code="other")
        case "groups":
            os.utime(jobs[2].given["groups"], ns=(0, 10**18))
            expected = [["rw", "rw"]]
        case "cut":
            model = kept / "model.safetensors"
            model.write_bytes(model.read_bytes()[:-1])
        case "lost":
            (kept / RECORD).unlink()
    run(jobs, tmp_path)
    assert trained == expected


def test_a_cell_that_fails_is_named_and_the_others_are_kept(
    jobs: list[CellJob], tmp_path: Path, trained: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, and in the midst of a block: its loss is not finite from the second epoch on."""
    hyper = SETTINGS | {"train": SETTINGS["train"] | {"learning_rate": 1e30}}
    bad = [replace(jobs[6], settings=hyper) if job is jobs[6] else job for job in jobs[:7]]
    factors = RW.clip_factors

    def spoilt(self: RW) -> torch.Tensor:
        seed = self.generator.initial_seed()
        return factors(self) * (torch.nan if seed == 1 else 1.0)

    with monkeypatch.context() as patch, pytest.raises(InputError) as caught:
        patch.setattr(RW, "clip_factors", spoilt)
        run(bad, tmp_path)
    told = caught.value.faults
    assert len(told) == 2
    assert "step 0 (epoch 1) of method rw, fold 1, seed 1" in told[0]
    assert "method lff, fold 1, seed 0" in told[1]
    assert trained == [["erm", "erm", "rw", "rw", "ds", "ds"], ["lff"]]
    assert not (tmp_path / "runs").exists()
    trained.clear()
    run(jobs[:7], tmp_path)
    assert trained == [["rw"], ["lff"]]


def test_a_source_without_groups_is_named_and_the_others_are_kept(
    jobs: list[CellJob], tmp_path: Path, trained: list[list[str]]
) -> None:
    origin = tmp_path / "groups.json"
    write_json(origin, {"faults": ["Fold 1: one group."], "origin": None})
    bad = [replace(job, given=job.given | {"origin": str(origin)}) for job in jobs[2:6]]
    with pytest.raises(InputError) as caught:
        run([*jobs[:2], *bad], tmp_path)
    source, k = bad[0].cell["source"], bad[0].cell["k"]
    assert caught.value.faults == (f"groups from {source}, K {k}, fold 1: Fold 1: one group.",)
    assert trained == [["erm", "erm"]]
    write_json(origin, {"faults": [], "origin": None})
    run([*jobs[:2], *bad], tmp_path)
    assert trained[1:] == [["rw", "rw", "ds", "ds"]]


def test_an_interrupted_job_goes_on(
    jobs: list[CellJob], tmp_path: Path, trained: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """After a block, and in the midst of one, whose state was saved."""

    ended: list[Method] = []

    def interrupt(self: Method, model: nn.Module) -> None:
        if self.cells == 6:
            ended.append(self)
        if len(ended) == 3:
            raise KeyboardInterrupt

    jobs = [replace(one, config=one.config | {"train": NO_WAIT}) for one in jobs[6:8] + jobs[:6]]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Method, "end_epoch", interrupt)
        run(jobs, tmp_path)
    assert trained == [["lff", "lff"], ["erm", "erm", "rw", "rw", "ds", "ds"]]
    trained.clear()
    with caplog.at_level(logging.INFO, "fairser"):
        folders = run(jobs, tmp_path)
    assert trained == [["erm", "erm", "rw", "rw", "ds", "ds"]]
    assert "2 of 8 runs were there" in caplog.text
    assert "method ds, fold 1, seed 1: resumed at epoch 3\n" in caplog.text
    for job, folder, other in zip(jobs, folders, run(jobs, tmp_path / "undisturbed"), strict=True):
        for name in FILES:
            assert (folder / name).read_bytes() == (other / name).read_bytes(), job.cell


def test_a_disk_without_second_names(
    jobs: list[CellJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", link)
    (folder,) = run(jobs[:1], tmp_path)
    kept = tmp_path / "kept" / folder.relative_to(tmp_path / "runs")
    for name in (*FILES, RECORD):
        assert (folder / name).read_bytes() == (kept / name).read_bytes()
        assert not (folder / name).samefile(kept / name)


def test_cells_that_standardise_and_others_do_not_share_features(
    jobs: list[CellJob], tmp_path: Path
) -> None:
    raw = SETTINGS | {"standardise": False}
    mixed = [jobs[0], replace(jobs[1], settings=raw)]
    for job, folder in zip(mixed, run(mixed, tmp_path / "results"), strict=True):
        train_cell(job, tmp_path / job.cell["seed"])
        alone = (tmp_path / job.cell["seed"] / "model.safetensors").read_bytes()
        assert (folder / "model.safetensors").read_bytes() == alone


def test_a_name_may_stand_for_several_files(jobs: list[CellJob]) -> None:
    given = {"split": "a", "audio": ["b", "c"], "model": [], "waveforms": "d"}
    assert replace(jobs[0], given=given).files == ["a", "b", "c", "d"]
