"""The workflow from a manifest and audio to the tables: results, resume, reruns."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import accuracy_score, f1_score

from fairser.commands.check_corpus import main
from workflow.conftest import EMOTIONS, SPEAKERS, TAKES
from workflow.runner import ROOT, Workflow

RUN = "runs/erm/none/k1/fold1/seed0"


def test_tables_hold_what_the_runs_measured(finished: Workflow) -> None:
    metrics = [
        json.loads((finished.results / f"runs/erm/none/k1/fold{f}/seed0/metrics.json").read_text())
        for f in (1, 2)
    ]
    table = pl.read_csv(finished.results / "table1.csv")
    assert table.columns[:6] == ["method", "source", "f1", "acc", "tpr_gap", "dp_gap"]
    assert table["method"].to_list() == ["ERM", "Random"]
    erm = table.row(0, named=True)
    f1 = [m["f1"] for m in metrics]
    assert erm["f1"] == pytest.approx(np.mean(f1))
    assert erm["f1_std"] == pytest.approx(np.std(f1, ddof=1))
    gaps = [m["attributes"]["gender"]["gaps"]["tpr"]["pairwise"]["rms"] for m in metrics]
    assert erm["tpr_gap"] == pytest.approx(np.mean(gaps))
    assert (erm["folds"], erm["seeds"]) == (2, 1)


def test_metrics_follow_from_the_saved_predictions(finished: Workflow) -> None:
    predictions = pl.read_parquet(finished.results / RUN / "predictions.parquet")
    test = predictions.filter(pl.col("split") == "test")
    truth = pl.read_parquet(finished.results / "splits/fold1.parquet")
    test = test.join(truth.filter(pl.col("split") == "test"), on="clip", suffix=" label")
    classes = ["angry", "calm", "happy"]
    shares = test.select(classes).to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    labels = test.select(f"{name} label" for name in classes).to_numpy() > 1 / 3
    metrics = json.loads((finished.results / RUN / "metrics.json").read_text())
    assert metrics["f1"] == pytest.approx(f1_score(labels, shares > 1 / 3, average="macro"))
    accuracy = accuracy_score(labels.ravel(), (shares > 1 / 3).ravel())
    assert metrics["acc"] == pytest.approx(accuracy)


def test_a_run_records_where_it_comes_from(finished: Workflow) -> None:
    metrics = json.loads((finished.results / RUN / "metrics.json").read_text())
    assert metrics["config"]["train"]["epochs"] == 5
    assert metrics["config"]["bias"]["seed"] == 0  # a default, filled in
    assert {"fairser", "torch", "python"} <= metrics["versions"].keys()
    assert metrics["device"] == "cpu"
    assert metrics["seed"] == 0
    assert metrics["seconds"].keys() == {"load", "train", "predict"}
    assert metrics["seconds"]["train"] > 0
    history = pl.read_csv(finished.results / RUN / "history.csv")
    assert history["epoch"].to_list() == [1, 2, 3, 4, 5]
    assert metrics["best_epoch"] == history.sort("development_loss")["epoch"][0]


def test_its_models_predict_what_they_predicted(finished: Workflow, tones: Path) -> None:
    """From the audio of the corpus, by the script and by an exported package."""
    run, audio = finished.results / RUN, tones.parent / "audio"
    package, scripts = finished.folder / "package", ROOT / "scripts"
    subprocess.run([sys.executable, scripts / "export.py", run, package], check=True)
    expected = pl.read_parquet(run / "predictions.parquet").sort("clip")
    for command in ([scripts / "predict.py", "--run", run], [package / "predict.py"]):
        done = subprocess.run([sys.executable, *command, audio], capture_output=True, check=True)
        clip = pl.col("clip").str.strip_prefix(f"{tones.parent}/").str.strip_suffix(".wav")
        found = pl.read_csv(done.stdout).with_columns(clip)
        assert found.height == SPEAKERS * len(EMOTIONS) * TAKES
        found = expected.select("clip").join(found, on="clip", how="left", maintain_order="left")
        shares, wanted = (x.select(sorted(EMOTIONS)).to_numpy() for x in (found, expected))
        np.testing.assert_allclose(shares, wanted, rtol=0, atol=1e-5)


def test_the_same_numbers_on_one_core(finished: Workflow, workflow: Workflow) -> None:
    workflow.run(cores=1)
    for name in ("table1.csv", f"{RUN}/history.csv"):
        assert (workflow.results / name).read_bytes() == (finished.results / name).read_bytes()
    for name in ("predictions.parquet", "model.safetensors"):
        ours, theirs = (w.results / RUN / name for w in (workflow, finished))
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_lost_file_alone_is_made_again(finished: Workflow) -> None:
    (finished.results / RUN / "metrics.json").unlink()
    once = ["evaluate", "table1", "table2", "tradeoff", "tpr_by_class", "all"]
    assert finished.jobs() == {**dict.fromkeys(once, 1), "total": 6}
    output = finished.run()
    assert finished.jobs() == {}
    last = output[output.index("Done in ") :]
    assert "1 run, 2 tables, 2 figures" in last
    erm = pl.read_csv(finished.results / "table1.csv").row(0, named=True)
    assert f"ERM: tpr_gap {erm['tpr_gap']:.3f} [" in last
    assert "results/runs\n" in last


def test_nothing_is_summed_up_where_nothing_is_made(finished: Workflow) -> None:
    assert "Done in" not in finished.run("-n", "--forceall")
    assert "Done in" not in finished.run()


def test_touching_a_script_reruns_nothing(finished: Workflow) -> None:
    for script in (ROOT / "scripts" / "train.py", ROOT / "workflow/fairser/training/train.py"):
        os.utime(script)
    assert finished.jobs() == {}


RULES = ("signal_features", "clip_table", "biased_split", "train", "table1")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"grid": {"methods": ["random", "erm"], "folds": [1, 2, 3]}},
            {"train": 2, "biased_split": 1},
        ),
        ({"train": {"epochs": 6, "learning_rate": 0.001}}, {"train": 4}),
        ({"metrics": {"tpr_gap": "max_deviation"}}, {"table1": 1}),
        ({"encoder": {"kind": "fbank", "seconds": 0.2}}, {"signal_features": 1, "train": 4}),
    ],
    ids=["fold", "epochs", "metric", "encoder"],
)
def test_a_change_reruns_what_depends_on_it(
    finished: Workflow, change: dict, expected: dict[str, int]
) -> None:
    jobs = Workflow(finished.folder, finished.overlay | change).jobs()
    rerun = {name: jobs.get(name, 0) for name in RULES}
    assert rerun == {**dict.fromkeys(RULES, 0), "table1": 1} | expected


@pytest.mark.parametrize(
    ("change", "states"),
    [
        ({}, {"done": 4}),
        ({"train": {"epochs": 6, "learning_rate": 0.001}}, {"out of date": 4}),
        ({"bias": {"ratio": 3}, "grid": {"folds": [1, 3]}}, {"out of date": 2, "missing": 2}),
        ({"metrics": {"tpr_gap": "max_deviation"}}, {"done": 4}),
    ],
    ids=["nothing", "epochs", "split", "metric"],
)
def test_the_grid_is_shown_without_other_jobs(
    finished: Workflow, change: dict, states: dict[str, int]
) -> None:
    """The jobs that it counts are those that a dry run lists."""
    grid = finished.overlay["grid"] | change.get("grid", {})
    changed = Workflow(finished.folder, finished.overlay | change | {"grid": grid})
    output = changed.run("grid")
    assert "Done in" not in output
    runs = pl.read_csv(finished.results / "grid.csv")
    assert dict(runs["state"].value_counts().iter_rows()) == states
    summary = pl.read_csv(finished.results / "grid_summary.csv")
    assert summary["method"].to_list() == ["random", "erm", "all"]
    jobs = changed.jobs("runs")
    left = jobs.get("train", 0) + jobs.get("evaluate", 0)
    assert summary["jobs"].to_list()[-1] == left
    assert summary["seconds"].is_not_null().all()
    (total,) = (line for line in output.splitlines() if line.startswith("| all"))
    assert total.split("|")[-3].strip() == str(left)


def test_one_table_as_the_target(workflow: Workflow) -> None:
    output = workflow.run("results/tableA3.csv")
    assert "1 table." in output
    assert "Table 1" not in output
    made = {path.name for path in workflow.results.glob("table*")}
    assert made == {"tableA3.csv", "tableA3.md", "tableA3.tex"}
    table = pl.read_csv(workflow.results / "tableA3.csv")
    assert table["train"].sum() > 0
    assert not (workflow.results / "runs").exists()


def test_results_may_lie_anywhere(workflow: Workflow, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where" / "out"
    workflow.overlay["results"] = str(elsewhere)
    workflow.overlay["grid"] = {"methods": ["random"], "folds": [1]}
    workflow.run()
    assert (elsewhere / "table1.csv").exists()
    assert not (tmp_path / "results").exists()


def test_values_of_the_command_line(workflow: Workflow) -> None:
    workflow.run("-n", "--config", "train={epochs: 2}")
    assert "'train.epochs' is 'two'" in workflow.fail("-n", "--config", "train={epochs: two}")


def test_the_default_grid_is_listed(tmp_path: Path) -> None:
    paper = Workflow(tmp_path, {})
    jobs = paper.jobs()
    assert jobs["train"] == jobs["evaluate"] == 33 * 5
    assert jobs["cremad_labels"] == 1
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "resources").exists()


def test_only_gender_stands_beside_the_published_numbers(tmp_path: Path) -> None:
    assert Workflow(tmp_path, {}).jobs()["compare_with_paper"] == 4
    assert "compare_with_paper" not in Workflow(tmp_path, {"bias": {"attribute": "race"}}).jobs()


def test_the_defaults_are_those_of_config_yaml() -> None:
    from fairser.config.configuration import resolve

    assert resolve(yaml.safe_load((ROOT / "config.yaml").read_text())) == resolve({})


def test_an_interrupted_run(workflow: Workflow) -> None:
    """Ctrl-C reaches Snakemake and its jobs."""
    workflow.overlay["train"]["epochs"] = 1_000_000
    workflow.overlay["grid"] = {"methods": ["erm"], "folds": [1]}
    (workflow.folder / "overlay.yaml").write_text(yaml.safe_dump(workflow.overlay))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "1", "--configfile", str(ROOT / "config.yaml"), "overlay.yaml"]
    train_log = workflow.results / "logs/runs/erm/none/k1/fold1/seed0/train.log"
    with (workflow.folder / "log").open("w") as log:
        running = subprocess.Popen(
            command,
            cwd=workflow.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # As at a terminal, whatever the tests themselves were started with.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            end = time.monotonic() + 300
            while not train_log.exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(timeout=100)
    output = (workflow.folder / "log").read_text()
    assert "Stopped before the end." in output
    assert "(0 of 1 runs)" in output
    assert "Traceback" not in output


def test_the_check_says_what_the_run_makes(
    finished: Workflow,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(finished.folder)
    files = {path for path in finished.folder.rglob("*") if ".snakemake" not in path.parts}
    assert main([str(ROOT / "config.yaml"), "overlay.yaml"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    clips = pl.read_parquet(finished.results / "clips.parquet")
    assert f"{clips['clip'].n_unique()} of {clips['speaker'].n_unique()} speakers" in text
    for fold in (1, 2):
        sizes = {
            name: dict(pl.read_parquet(path).filter(fold=fold)["split"].value_counts().iter_rows())
            for name, path in (
                ("left", finished.results / f"splits/fold{fold}.parquet"),
                ("whole", finished.results / "clips.parquet"),
            )
        }
        cells = [
            f"{split} {sizes['left'][split]} of {sizes['whole'][split]}"
            for split in ("train", "development", "test")
        ]
        assert f"fold {fold}: {', '.join(cells)}" in text
    assert "4: random, erm; 2 folds, 1 seed" in text
    assert "144 x wav pcm_16, 22.05 kHz, mono" in text
    assert "Nothing is wrong." in text
    after = {path for path in finished.folder.rglob("*") if ".snakemake" not in path.parts}
    assert after == files
