"""One job for all runs of a fold: the same results as with one job each, but for rounding."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from fairser.core.files import read_json
from workflow.runner import Workflow


def files_of(results: Path) -> dict[str, bytes]:
    runs = results / "runs"
    names = ("predictions.parquet", "model.safetensors", "history.csv", "counts.parquet")
    return {str(p.relative_to(runs)): p.read_bytes() for n in names for p in runs.rglob(n)}


def test_a_fold_gives_what_its_cells_give(copied: Workflow) -> None:
    """Then with more seeds, for which only new cells are trained."""
    train = copied.overlay["train"] | {"together": "fold"}
    fold = copied.changed({"results": "fold", "train": train})
    jobs = fold.jobs("tables")
    folds = fold.overlay["grid"]["folds"]
    assert jobs["train_fold"] == len(folds) and not {"train", "evaluate"} & set(jobs)
    fold.run("tables", "grid")
    assert files_of(fold.results).keys() == files_of(copied.results).keys()
    assert len(files_of(fold.results)) == 4 * 5 * len(folds)
    for alone in sorted(copied.results.rglob("run.json")):
        found = fold.results / alone.relative_to(copied.results)
        assert read_json(found)["best_epoch"] == read_json(alone)["best_epoch"]
        one, other = (pl.read_parquet(p.with_name("predictions.parquet")) for p in (found, alone))
        assert_frame_equal(one, other, abs_tol=1e-4)
    tables = [pl.read_csv(r / "table1.csv") for r in (fold.results, copied.results)]
    assert_frame_equal(*tables, abs_tol=1e-3)
    assert np.isfinite(tables[0].select(pl.selectors.float()).to_numpy()).any()
    assert set(fold.jobs("tables")) == set()
    grid: dict[str, Any] = fold.overlay["grid"] | {"seeds": [0, 1, 2, 3, 4]}
    more = fold.changed({"grid": grid})
    jobs = more.jobs("runs")
    assert jobs["train_fold"] == jobs["train_fold_2"] == len(folds)
    before = files_of(fold.results)
    more.run("runs")
    after = files_of(fold.results)
    assert len(after) == 5 * len(before) and after | before == after
    for number, (block, there, runs) in product(folds, ((1, 3, 13), (2, 2, 12))):
        log = (fold.results / f"logs/runs/fold{number}_{block}.log").read_text()
        assert f"{there} of {runs} runs were there" in log
    assert more.jobs("runs") == {}
