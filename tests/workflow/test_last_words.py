"""What a run says at its end, and what the check says before it begins."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from fairser.commands.check_corpus import main
from workflow.runner import ROOT, Workflow


def test_success(workflow: Workflow) -> None:
    workflow.overlay["grid"] = {"methods": ["random", "erm"], "folds": [1]}
    output = workflow.run()
    last = output[output.index("Done in ") :]
    assert "Made: 2 runs, 4 tables, 2 figures." in last
    assert "training" in last
    table = pl.read_csv(workflow.results / "table1.csv").to_dicts()
    for row in table:
        assert re.search(rf"^  {row['method']} +none +{row['f1']:.3f} \[", last, re.MULTILINE)
    assert f"ERM's tpr_gap, between groups of gender, is {table[0]['tpr_gap']:.3f}" in last
    assert "results/*.csv, also .md and .tex: table1, table2, tableA3, tableA4" in last


def test_nothing_is_summed_up_where_nothing_is_made(finished: Workflow) -> None:
    assert "Done in" not in finished.run("-n", "--forceall")
    assert "Done in" not in finished.run()


def test_failures_of_one_cause(workflow: Workflow) -> None:
    workflow.overlay["train"]["learning_rate"] = 1e30
    output = workflow.fail()
    last = output[output.index("2 jobs failed.") :]
    assert "train erm: groups none, K 1, fold 1, seed 0:" in last
    assert "is not finite" in last
    assert "What is finished is kept (2 of 4 runs)." in last
    assert "snakemake --snakefile" in last


@pytest.mark.skipif(sys.platform == "win32", reason="no groups of processes")
def test_an_interrupted_run(workflow: Workflow) -> None:
    workflow.overlay["train"]["epochs"] = 1_000_000
    workflow.overlay["grid"] = {"methods": ["erm"], "folds": [1]}
    (workflow.folder / "overlay.yaml").write_text(yaml.safe_dump(workflow.overlay))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--cores", "1", "--configfile", str(ROOT / "config.yaml"), "overlay.yaml"]
    history = workflow.results / "logs/runs/erm/none/k1/fold1/seed0/train.log"
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
            while not history.exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
        finally:
            os.killpg(running.pid, signal.SIGINT)
            running.wait(timeout=100)
    output = (workflow.folder / "log").read_text()
    assert "Stopped before the end." in output
    assert "What is finished is kept (0 of 1 runs). The same command goes on" in output
    assert "Traceback" not in output
    workflow.overlay["train"]["epochs"] = 2
    assert "Made: 1 run" in workflow.run()


def test_the_check_says_what_the_run_makes(
    finished: Workflow,
    tones: Path,
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
