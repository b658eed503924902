"""All cells of a fold in one job: the same files, and nothing is lost or trained twice."""

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairser.config.configuration import resolve
from fairser.core.errors import InputError
from fairser.core.files import read_json
from fairser.extraction.inputs import StoreInputs
from fairser.training.runs import FILES, RECORD, CellJob, train_cell
from fairser.training.together import train_cells
from unit.builders import clip_table, write_store

SPLITS = ["train", "train", "development", "test"] * 15
CELLS = [("erm", "none", 1), ("rw", "annotated", 2), ("gdro", "annotated", 2), ("lff", "none", 1)]
SETTINGS: dict[str, Any] = {
    "train": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-3},
    "standardise": True,
    "hyper": {},
    "finetune": None,
}


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
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Methods that are trained, in their order; and how often features are read."""
    seen: list[str] = []
    import fairser.training.runs as runs

    train = runs.train_and_predict

    def counted(training: Any, checkpoint: Any) -> Any:
        seen.append(training.method)
        return train(training, checkpoint)

    monkeypatch.setattr(runs, "train_and_predict", counted)
    yield seen


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def run(jobs: list[CellJob], folder: Path) -> list[Path]:
    return train_cells(jobs, folder / "kept", folder)


def test_the_files_are_those_of_single_jobs(
    jobs: list[CellJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    fold = StoreInputs.fold
    monkeypatch.setattr(StoreInputs, "fold", lambda *a: reads.append(1) or fold(*a))
    folders = run(jobs, tmp_path / "results")
    assert len(reads) == 1
    assert len(set(folders)) == len(jobs)
    for job, folder in zip(jobs, folders, strict=True):
        assert (
            folder
            == tmp_path
            / "results"
            / "runs"
            / "{method}/{source}/k{k}/fold1/seed{seed}".format(**job.cell)
        )
        alone = tmp_path / "alone" / folder.name / job.cell["method"]
        train_cell(job, alone)
        for name in FILES:
            assert (folder / name).read_bytes() == (alone / name).read_bytes()
        one, other = (read_json(path / RECORD) for path in (folder, alone))
        assert one | {"seconds": 0, "sha256": 0} == other | {"seconds": 0, "sha256": 0}
        assert one["sha256"]["files"] == other["sha256"]["files"]


def test_only_what_is_new_is_trained(
    jobs: list[CellJob], tmp_path: Path, trained: list[str]
) -> None:
    """As when a method is added to the grid: Snakemake has removed all files of the job."""
    folders = run(jobs[:4], tmp_path)
    before = content(folders[0])
    for folder in folders:
        for file in folder.iterdir():
            file.unlink()
    trained.clear()
    assert run(jobs, tmp_path)[:4] == folders
    assert trained == ["gdro", "gdro", "lff", "lff"]
    assert content(folders[0]) == before


@pytest.mark.parametrize("change", ["settings", "code", "groups", "cut", "lost"])
def test_what_has_changed_is_trained_again(
    jobs: list[CellJob], tmp_path: Path, trained: list[str], change: str
) -> None:
    run(jobs, tmp_path)
    trained.clear()
    kept = tmp_path / "kept/erm/none/k1/fold1/seed0"
    expected = ["erm"]
    match change:
        case "settings":
            jobs[0] = replace(jobs[0], settings=SETTINGS | {"standardise": False})
        case "code":
            jobs[0] = replace(jobs[0], code="other")
        case "groups":
            os.utime(jobs[2].given["groups"], ns=(0, 10**18))
            expected = ["rw", "rw", "gdro", "gdro"]
        case "cut":
            model = kept / "model.safetensors"
            model.write_bytes(model.read_bytes()[:-1])
        case "lost":
            (kept / RECORD).unlink()
    run(jobs, tmp_path)
    assert trained == expected


def test_a_cell_that_fails_is_named_and_the_others_are_kept(
    jobs: list[CellJob], tmp_path: Path, trained: list[str]
) -> None:
    hyper = SETTINGS | {"train": SETTINGS["train"] | {"learning_rate": 1e30}}
    bad = [replace(job, settings=hyper) if job.cell["method"] == "rw" else job for job in jobs]
    with pytest.raises(InputError) as caught:
        run(bad, tmp_path)
    told = caught.value.faults
    assert [("method rw, fold 1, seed 0" in told[0]), ("seed 1" in told[1]), len(told)] == [
        True,
        True,
        2,
    ]
    assert not (tmp_path / "runs").exists()
    trained.clear()
    run(jobs, tmp_path)
    assert trained == ["rw", "rw"]


def test_an_interrupted_job_goes_on(
    jobs: list[CellJob], tmp_path: Path, trained: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):

        class Stopping(list):
            def append(self, one: str) -> None:
                if len(self) == 3:
                    raise KeyboardInterrupt
                super().append(one)

        stopping = Stopping()
        import fairser.training.runs as runs

        train = runs.train_and_predict
        patch.setattr(
            runs, "train_and_predict", lambda t, c: (stopping.append(t.method), train(t, c))[1]
        )
        run(jobs, tmp_path)
    trained.clear()
    with caplog.at_level(logging.INFO, "fairser"):
        run(jobs, tmp_path)
    assert len(trained) == len(jobs) - 3
    assert "3 of 8 runs were there" in caplog.text


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
