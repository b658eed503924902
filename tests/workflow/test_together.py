"""One job for all runs of a fold: the same results as with one job each."""

from pathlib import Path
from typing import Any

from workflow.runner import Workflow


def files_of(results: Path) -> dict[str, bytes]:
    runs = results / "runs"
    names = ("predictions.parquet", "model.safetensors", "history.csv", "counts.parquet")
    return {str(p.relative_to(runs)): p.read_bytes() for n in names for p in runs.rglob(n)}


def test_a_fold_gives_what_its_cells_give(copied: Workflow) -> None:
    """Files and tables byte for byte; then a seed more, for which only new cells are trained."""
    train = copied.overlay["train"] | {"together": "fold"}
    fold = copied.changed({"results": "fold", "train": train})
    jobs = fold.jobs("tables")
    folds = fold.overlay["grid"]["folds"]
    assert jobs["train_fold"] == len(folds) and not {"train", "evaluate"} & set(jobs)
    fold.run("tables", "grid")
    assert files_of(fold.results) == files_of(copied.results)
    assert len(files_of(fold.results)) == 4 * 5 * len(folds)
    for name in ("table1.csv", "table1.md", "table1.tex", "tableA4.csv"):
        assert (fold.results / name).read_bytes() == (copied.results / name).read_bytes()
    assert set(fold.jobs("tables")) == set()
    grid: dict[str, Any] = fold.overlay["grid"] | {"seeds": [0, 1]}
    more = fold.changed({"grid": grid})
    assert more.jobs("runs")["train_fold"] == len(folds)
    before = files_of(fold.results)
    more.run("runs")
    after = files_of(fold.results)
    assert len(after) == 2 * len(before) and after | before == after
    for number in folds:
        log = (fold.results / f"logs/runs/fold{number}.log").read_text()
        assert "5 of 10 runs were there" in log
    assert more.jobs("runs") == {}
