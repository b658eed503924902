"""The workflow from a manifest and audio to the tables: results, resume, reruns."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from fairser.commands import check_corpus, compare, export, predict
from workflow.conftest import EMOTIONS, FOLDS, METHODS, SPEAKERS, TAKES
from workflow.runner import ROOT, Workflow

RUN = "runs/erm/none/k1/fold2/seed0"
RUNS = len(METHODS) * len(FOLDS)


def decided(finished: Workflow, fold: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class, predicted class and gender of the test clips of a fold, by ERM."""
    run = finished.results / f"runs/erm/none/k1/fold{fold}/seed0"
    predictions = pl.read_parquet(run / "predictions.parquet").filter(split="test")
    truth = pl.read_parquet(finished.results / f"splits/fold{fold}.parquet").filter(split="test")
    both = predictions.join(truth, on="clip", suffix=" label")
    classes = sorted(EMOTIONS)
    shares = both.select(classes).to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    labels = both.select(f"{name} label" for name in classes).to_numpy()
    return labels.argmax(axis=1), shares.argmax(axis=1), both["gender"].to_numpy()


def test_tables_hold_what_the_runs_measured(finished: Workflow) -> None:
    """Folds have two or three speakers of a gender, so that Table 1 pools their test clips."""
    table = pl.read_csv(finished.results / "table1.csv")
    numbers = ["uar", "f1", "accuracy", "tpr_gap", "dp_gap"]
    assert table.columns[:8] == ["method", "source", "k", *numbers]
    assert table["method"].to_list()[:2] == ["ERM", "Random"]
    assert {*table["method"].str.to_lowercase()} == {*METHODS}
    erm = table.row(0, named=True)
    parts = zip(*(decided(finished, fold) for fold in FOLDS), strict=True)
    label, called, gender = map(np.concatenate, parts)
    assert erm["f1"] == pytest.approx(f1_score(label, called, average="macro"))
    assert erm["uar"] == pytest.approx(recall_score(label, called, average="macro"))
    assert erm["accuracy"] == pytest.approx(accuracy_score(label, called))
    men, women = (
        recall_score(label[gender == name], called[gender == name], average=None)
        for name in ("male", "female")
    )
    assert erm["tpr_gap"] == pytest.approx(np.sqrt(np.mean((men - women) ** 2)))
    assert erm["f1_std"] is None and erm["tpr_gap_low"] <= erm["tpr_gap"] <= erm["tpr_gap_high"]
    assert (erm["folds"], erm["seeds"]) == (2, 1)
    assert "2 folds" in erm["note"]


def test_the_table_of_all_numbers_has_those_of_table1(finished: Workflow) -> None:
    table1, table = (pl.read_csv(finished.results / f"{n}.csv") for n in ("table1", "fairness"))
    both = table1.filter(~pl.col("method").is_in(["Overall", "Gain"])).join(
        table.filter(attribute="gender"), ["method", "source", "k"], "left", nulls_equal=True
    )
    for name in ("uar", "f1", "accuracy", "tpr_gap", "dp_gap"):
        for part in ("", "_low", "_high"):
            assert both[f"{name}{part}"].to_list() == both[f"{name}{part}_right"].to_list()
    for name in ("auroc", "ece", "worst_group_f1", "worst_group_class_recall", "precision_gap"):
        assert both[f"{name}_low"].is_not_null().all()


def test_the_parquet_has_the_numbers_of_every_run(finished: Workflow) -> None:
    found = pl.read_parquet(finished.results / "all_runs.parquet").filter(number="f1")
    found = found.filter(pl.all_horizontal(pl.col("attribute", "class").is_null()))
    values = {(row["method"], row["fold"]): row["value"] for row in found.to_dicts()}
    assert len(values) == len(METHODS) * len(FOLDS)
    for fold in FOLDS:
        label, called, _ = decided(finished, fold)
        assert values["erm", fold] == pytest.approx(f1_score(label, called, average="macro"))


def test_metrics_follow_from_the_saved_predictions(finished: Workflow) -> None:
    label, called, _ = decided(finished, 2)
    metrics = json.loads((finished.results / RUN / "metrics.json").read_text())
    assert metrics["task"] == "single_label"
    assert metrics["f1"] == pytest.approx(f1_score(label, called, average="macro"))
    assert metrics["accuracy"] == pytest.approx(accuracy_score(label, called))
    matrix = [list(row.values()) for row in metrics["confusion"].values()]
    assert matrix == confusion_matrix(label, called).tolist()


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


def test_its_models_predict_what_they_predicted(
    finished: Workflow, tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the audio of the corpus, by the command and by an exported package."""
    run, audio = finished.results / RUN, tones.parent / "audio"
    assert export.main([str(run), str(tmp_path / "package")]) == 0
    capsys.readouterr()
    assert predict.main(["--run", str(run), str(audio)]) == 0
    packaged = [sys.executable, tmp_path / "package/predict.py", audio]
    expected = pl.read_parquet(run / "predictions.parquet").sort("clip")
    for rows in (
        capsys.readouterr().out.encode(),
        subprocess.run(packaged, capture_output=True, check=True).stdout,
    ):
        clip = pl.col("clip").str.strip_prefix(f"{tones.parent}/").str.strip_suffix(".wav")
        found = pl.read_csv(rows).with_columns(clip)
        assert found.height == SPEAKERS * len(EMOTIONS) * TAKES
        found = expected.select("clip").join(found, on="clip", how="left", maintain_order="left")
        shares, wanted = (x.select(sorted(EMOTIONS)).to_numpy() for x in (found, expected))
        np.testing.assert_allclose(shares, wanted, rtol=0, atol=1e-5)


def test_the_same_numbers_on_one_core(
    finished: Workflow, workflow: Workflow, capsys: pytest.CaptureFixture[str]
) -> None:
    """And of one run by itself; the command compare says the same."""
    workflow.run(f"results/{RUN}/metrics.json", cores=1)
    for name in ("predictions.parquet", "model.safetensors", "history.csv"):
        ours, theirs = (w.results / RUN / name for w in (workflow, finished))
        assert ours.read_bytes() == theirs.read_bytes()
    assert compare.main([str(finished.results), str(workflow.results)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("0 of 1 cells differ beyond noise")
    assert "  random/none/1\n" in told
    assert "train.epochs" not in told


def test_a_lost_file_alone_is_made_again(copied: Workflow) -> None:
    (copied.results / RUN / "metrics.json").unlink()
    once = ["evaluate", "table1", "fairness", "all_runs", "tradeoff", "tpr_by_class"]
    once += ["benchmark", "pareto"]
    assert copied.jobs() == {**dict.fromkeys([*once, "all"], 1), "total": 9}
    output = copied.run()
    last = output[output.index("Done in ") :]
    assert "1 run, 3 tables, 3 figures" in last
    erm = pl.read_csv(copied.results / "table1.csv").row(0, named=True)
    assert f"ERM: tpr_gap {erm['tpr_gap']:.3f} [" in last
    assert "results/runs\n" in last


def test_nothing_is_summed_up_where_nothing_is_made(copied: Workflow) -> None:
    assert "Done in" not in copied.run("-n", "--forceall")
    assert "Done in" not in copied.run()


RULES = ("signal_features", "clip_table", "biased_split", "train", "table1")


@pytest.mark.parametrize(
    ("change", "jobs", "states"),
    [
        (
            {"bias": {"ratio": 3}, "grid": {"folds": [2, 1]}},
            {"train": RUNS, "biased_split": 2},
            {"out of date": RUNS // 2, "missing": RUNS // 2},
        ),
        (
            {"train": {"epochs": 6, "learning_rate": 0.001}},
            {"train": RUNS},
            {"out of date": RUNS},
        ),
        ({"metrics": {"tpr_gap": "max_deviation"}}, {}, {"done": RUNS}),
        (
            {"encoder": {"kind": "fbank", "seconds": 0.2}},
            {"signal_features": 1, "train": RUNS},
            {"out of date": RUNS},
        ),
    ],
    ids=["split", "epochs", "metric", "encoder"],
)
def test_a_change_reruns_what_depends_on_it(
    copied: Workflow, change: dict, jobs: dict[str, int], states: dict[str, int]
) -> None:
    """And the grid is shown with the same jobs, without making any."""
    grid = copied.overlay["grid"] | change.get("grid", {})
    changed = copied.changed(change | {"grid": grid})
    found = changed.jobs()
    rerun = {name: found[name] for name in RULES if name in found}
    assert rerun == {"table1": 1} | jobs
    output = changed.run("grid")
    assert "Done in" not in output
    runs = pl.read_csv(copied.results / "grid.csv")
    assert dict(runs["state"].value_counts().iter_rows()) == states
    summary = pl.read_csv(copied.results / "grid_summary.csv")
    assert summary["method"].to_list()[-1] == "all"
    left = found.get("train", 0) + found.get("evaluate", 0)
    assert summary["jobs"].to_list()[-1] == left
    assert summary["seconds"].is_not_null().all()
    (total,) = (line for line in output.splitlines() if line.startswith("| all"))
    assert total.split("|")[-3].strip() == str(left)


def test_results_may_lie_anywhere_and_one_table_may_be_asked_for(
    workflow: Workflow, tmp_path: Path
) -> None:
    results = tmp_path / "else where" / "out"
    workflow.overlay |= {
        "results": str(results),
        "grid": {"methods": ["random"], "folds": [1]},
    }
    output = workflow.run(f"{results}/tableA3.csv")
    assert "1 table." in output
    made = {path.name for path in results.glob("table*")}
    assert made == {"tableA3.csv", "tableA3.md", "tableA3.tex"}
    assert pl.read_csv(results / "tableA3.csv")["train"].sum() > 0
    assert not (results / "runs").exists()
    workflow.run()
    assert (results / "table1.csv").exists()
    assert not (tmp_path / "results").exists()


def test_the_default_grid_is_listed(tmp_path: Path) -> None:
    paper = Workflow(tmp_path, {})
    jobs = paper.jobs()
    assert jobs["train"] == jobs["evaluate"] == 33 * 5
    assert jobs["cremad_labels"] == 1
    # Only gender stands beside the published numbers.
    assert jobs["compare_with_paper"] == 4
    assert "compare_with_paper" not in paper.changed({"bias": {"attribute": "race"}}).jobs()
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "resources").exists()


def test_the_defaults_are_those_of_config_yaml() -> None:
    from fairser.config.configuration import resolve

    assert resolve(yaml.safe_load((ROOT / "config.yaml").read_text())) == resolve({})


def test_an_interrupted_run(copied: Workflow) -> None:
    """Ctrl-C reaches Snakemake and its jobs."""
    copied.overlay["train"]["epochs"] = 1_000_000
    copied.overlay["grid"] = {"methods": ["erm"], "folds": [1]}
    train_log = copied.results / "logs/runs/erm/none/k1/fold1/seed0/train.log"
    output = copied.stop_when(train_log.exists, signal.SIGINT)
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
    assert check_corpus.main([str(ROOT / "config.yaml"), "overlay.yaml"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    clips = pl.read_parquet(finished.results / "clips.parquet")
    assert f"{clips['clip'].n_unique()} of {clips['speaker'].n_unique()} speakers" in text
    for fold in FOLDS:
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
    assert f"{RUNS}: {', '.join(METHODS)}; 2 folds, 1 seed" in text
    assert "144 x wav pcm_16, 22.05 kHz, mono" in text
    assert "Nothing is wrong." in text
    after = {path for path in finished.folder.rglob("*") if ".snakemake" not in path.parts}
    assert after == files
