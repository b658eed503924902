"""The benchmark's table: differences to ERM, ranks, Pareto set, cost; by hand and brute force."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import friedmanchisquare

from fairser.core.errors import InputError
from fairser.evaluation.bootstrap import Bootstrap, RunCounts
from fairser.results.benchmark import (
    benchmark,
    needs,
    needs_at_test,
    run_key,
    training_seconds,
)
from fairser.results.benchmark_views import pareto_figure, shown_legend, shown_table
from fairser.results.tables import table1, table_gaps
from unit.results.test_figures import runs as random_runs
from unit.results.test_tables import COLUMNS1, Given

CELLS = [("erm", "none", 1), ("random", "none", 1), ("rw", "annotated", 2), ("ds", "pseudo", 2)]
CELLS += [("gdro", "kmeans", 4), ("gdro", "kmeans", 16), ("jtt", "none", 1)]
FOLDS, SEEDS = (1, 2, 3, 4, 5), (0, 1, 2)
VARIANTS = {"tpr_gap": "pairwise", "dp_gap": "max_deviation"}


def given(
    values: dict[tuple[str, str, int], tuple[float, float]], noise: float = 0.0
) -> tuple[Given, list[RunCounts]]:
    """Runs of each cell with F1 and gap, which vary over folds and seeds."""
    bootstrap, draw, found = Given(COLUMNS1), np.random.default_rng(7), []
    for (method, source, k), (f1, gap) in values.items():
        for fold, seed in product(FOLDS, SEEDS):
            numbers = np.array([f1, f1, gap, gap]) + draw.normal(0, noise, 4) + fold / 100
            found.append(bootstrap.run(numbers, fold, seed, method=method, source=source, k=k))
    return bootstrap, found


def seconds(runs: Sequence[RunCounts]) -> dict[tuple[Any, ...], float]:
    return {run_key(run): 10.0 * run.fold + run.seed for run in runs}


VALUES = dict(
    zip(
        CELLS,
        # f1 and gap: only RW, DS and one GDRO are not beaten.
        [(0.6, 0.4), (0.3, 0.05), (0.55, 0.1), (0.6, 0.2), (0.62, 0.35), (0.5, 0.12), (0.6, 0.35)],
        strict=True,
    )
)
BEST = [False, None, True, True, True, False, False]


@pytest.fixture
def table() -> pl.DataFrame:
    bootstrap, runs = given(VALUES)
    return benchmark(runs, seconds(runs), bootstrap)


def column(table: pl.DataFrame, name: str) -> list[Any]:
    """Values in the order of :data:`CELLS`."""
    titles = {"erm": "ERM", "random": "Random", "rw": "RW", "ds": "DS", "gdro": "GDRO"}
    titles["jtt"] = "JTT"
    lines = {(r["method"], r["source"], r["k"]): r[name] for r in table.to_dicts()}
    return [lines[titles[m], s, k if s == "kmeans" else None] for m, s, k in CELLS]


def test_its_rows_have_the_numbers_of_table_1(table: pl.DataFrame) -> None:
    bootstrap, runs = given(VALUES)
    other = table1(runs, bootstrap, None)
    lines = {(r["method"], r["source"], r["k"]): r for r in other.to_dicts()}
    for row in table.to_dicts():
        known = lines[row["method"], row["source"], row["k"]]
        for name in COLUMNS1:
            ends = ("", "_std", "_seed_std")
            assert [row[name + e] for e in ends] == [known[name + e] for e in ends]


def test_what_rows_need(table: pl.DataFrame) -> None:
    assert column(table, "needs") == [
        *("nothing", "nothing", "labels", "gender model"),
        *("speaker embeddings", "speaker embeddings", "nothing"),
    ]
    sources = {"errors": "nothing", "eiil": "nothing", "pitch_bins": "pitch", "none": "nothing"}
    assert {name: needs(name) for name in sources} == sources
    assert needs("a source of an older version") == "unknown"
    assert [needs_at_test(name) for name in ("thresholds", "rw", "erm")] == [True, False, False]


def test_differences_to_erm(table: pl.DataFrame) -> None:
    for name, at in (("f1", 0), ("tpr_gap", 1)):
        expected = [None] + [VALUES[c][at] - VALUES[CELLS[0]][at] for c in CELLS[1:]]
        assert column(table, f"{name}_diff") == [e and pytest.approx(e) for e in expected]
        lines = zip(
            *(column(table, f"{name}_diff{end}") for end in ("", "_low", "_high")), strict=True
        )
        for value, low, high in list(lines)[1:]:
            assert low < value < high
    assert column(table, "tpr_gap_diff_low")[0] is None


def test_ranks_by_hand(table: pl.DataFrame) -> None:
    # Without Random; ERM, DS and JTT share the places 2 to 4 in F1.
    assert column(table, "f1_rank") == [3, None, 5, 3, 1, 6, 3]
    assert column(table, "tpr_gap_rank") == [6, None, 1, 3, 4.5, 2, 4.5]
    (difference,) = set(column(table, "tpr_gap_critical_difference"))
    assert difference == pytest.approx(2.850 * np.sqrt(6 * 7 / (6 * 5)), abs=0.001)


def test_a_block_is_a_fold_with_the_mean_over_its_seeds() -> None:
    bootstrap, runs = given(VALUES, noise=0.1)
    found = benchmark(runs, seconds(runs), bootstrap)
    learned = [cell for cell in CELLS if cell[0] != "random"]
    table = np.zeros((len(FOLDS), len(learned)))
    for run in runs:
        if run.method != "random":
            at = FOLDS.index(run.fold), learned.index((run.method, run.source, run.k))
            table[at] += bootstrap.given[run]["tpr_gap"].values[0] / len(SEEDS)
    (p,) = set(found["tpr_gap_friedman_p"])
    assert p == pytest.approx(friedmanchisquare(*table.T).pvalue)
    ranks = table.argsort(axis=1).argsort(axis=1).mean(axis=0) + 1
    mine = [rank for rank in column(found, "tpr_gap_rank") if rank is not None]
    assert mine == pytest.approx(ranks.tolist())


def test_the_pareto_set_by_hand(table: pl.DataFrame) -> None:
    assert column(table, "pareto") == BEST


def test_the_pareto_set_by_brute_force() -> None:
    bootstrap, runs = given(VALUES, noise=0.05)
    rows = benchmark(runs, seconds(runs), bootstrap).filter(pl.col("method") != "Random").to_dicts()
    for row in rows:
        beaten = any(
            other["f1"] >= row["f1"]
            and other["tpr_gap"] <= row["tpr_gap"]
            and (other["f1"], other["tpr_gap"]) != (row["f1"], row["tpr_gap"])
            for other in rows
        )
        assert row["pareto"] is not beaten


def test_the_share_of_seeds_in_which_the_gap_shrinks() -> None:
    bootstrap, runs = given(VALUES, noise=0.2)
    found = benchmark(runs, seconds(runs), bootstrap)
    by_seed: dict[Any, float] = {}
    for run in runs:
        key = (run.method, run.source, run.k), run.seed
        gap = bootstrap.given[run]["tpr_gap"].values[0]
        by_seed[key] = by_seed.get(key, 0) + gap / len(FOLDS)
    expected = [
        None
        if cell == CELLS[0]
        else np.mean([by_seed[cell, s] < by_seed[CELLS[0], s] for s in SEEDS])
        for cell in CELLS
    ]
    assert column(found, "shrinks") == [e if e is None else pytest.approx(e) for e in expected]
    assert len(set(expected)) > 2


def test_the_cost_is_that_of_preparing_and_training(table: pl.DataFrame) -> None:
    assert table["seconds"].to_list() == [pytest.approx(31)] * table.height
    record = {"method": "jtt", "source": "none", "k": 1, "fold": 2, "seed": 3}
    times = {"seconds": {"load": 1.5, "train": 2.0, "predict": 9.0}}
    assert training_seconds([record | times]) == {("jtt", "none", 1, 2, 3): 3.5}


def test_a_row_with_fewer_runs_is_named() -> None:
    bootstrap, runs = given(VALUES)
    left = [r for r in runs if (r.method, r.fold, r.seed) not in (("rw", 2, 1), ("rw", 4, 0))]
    with pytest.raises(InputError) as error:
        benchmark(left, seconds(runs), bootstrap)
    assert "RW annotated lacks 2 runs" in str(error.value)
    assert "fold 2 seed 1 and fold 4 seed 0" in str(error.value)


def test_two_folds_have_ranks_and_no_test() -> None:
    bootstrap, runs = given(VALUES)
    found = benchmark([r for r in runs if r.fold < 3], seconds(runs), bootstrap)
    assert found["tpr_gap_friedman_p"].null_count() == found.height
    assert column(found, "tpr_gap_rank") == [6, None, 1, 3, 4.5, 2, 4.5]
    assert "there are 2 folds" in found["note"][0]


def test_without_erm_nothing_is_compared() -> None:
    bootstrap, runs = given(VALUES)
    found = benchmark([r for r in runs if r.method != "erm"], seconds(runs), bootstrap)
    for name in ("f1_diff", "tpr_gap_diff_low", "shrinks"):
        assert found[name].null_count() == found.height
    assert "ERM is not among the runs" in found["note"][0]


def test_each_test_set_is_ranked_alone() -> None:
    cells = [("erm", "none", 1), ("rw", "annotated", 2), ("ds", "annotated", 2)]
    runs = random_runs(cells, folds=FOLDS)
    parts = [
        run.counts.with_columns(
            pl.lit(name).alias("test_set"), pl.col("hits") // (1 + (run.method == flipped))
        )
        for run in runs
        for name, flipped in (("a", "rw"), ("b", "ds"))
    ]
    both = [
        RunCounts(r.method, r.source, r.k, r.fold, r.seed, pl.concat(parts[2 * i : 2 * i + 2]))
        for i, r in enumerate(runs)
    ]
    bootstrap = bootstrap_of(50)
    found = benchmark(both, seconds(both), bootstrap)
    ranks = {(r["test_set"], r["method"]): r["f1_rank"] for r in found.to_dicts()}
    assert (ranks["a", "RW"], ranks["b", "DS"]) == (3, 3)
    figure = pareto_figure(found, table_gaps(["gender"], VARIANTS))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]


def bootstrap_of(resamples: int) -> Bootstrap:
    return Bootstrap(resamples, 0, table_gaps(["gender"], VARIANTS), over=None)


def test_few_speakers_are_pooled_and_still_ranked_by_fold() -> None:
    cells = [("erm", "none", 1), ("rw", "annotated", 2), ("ds", "annotated", 2)]
    few = [
        RunCounts(
            *(r.method, r.source, r.k, r.fold, r.seed),
            r.counts.filter(pl.col("speaker") < "s04").with_columns(
                pl.col("speaker") + f" of {r.fold}"
            ),
        )
        for r in random_runs(cells, folds=FOLDS)
    ]
    found = benchmark(few, seconds(few), bootstrap_of(50))
    assert "evaluated together" in found["note"][0]
    assert found["tpr_gap_low"].null_count() == 0
    assert found["tpr_gap_rank"].sum() == pytest.approx(6)
    assert found["f1_friedman_p"].null_count() == 0


def test_a_corpus_without_groups_has_no_gap_and_no_pareto_set() -> None:
    cells = [("erm", "none", 1), ("jtt", "none", 1), ("cvar", "none", 1)]
    runs = [
        RunCounts(r.method, r.source, r.k, r.fold, r.seed, r.counts.drop("gender"))
        for r in random_runs(cells, folds=FOLDS)
    ]
    found = benchmark(runs, seconds(runs), bootstrap_of(50))
    for name in ("tpr_gap", "tpr_gap_rank", "pareto", "shrinks"):
        assert found[name].null_count() == found.height
    assert found["f1_rank"].null_count() == 0
    assert shown_table(found).height == 3
    figure = pareto_figure(found, table_gaps(["gender"], VARIANTS))
    assert "no gap" in figure.texts[0].get_text()


def test_the_table_for_readers(table: pl.DataFrame) -> None:
    shown = shown_table(table).to_dicts()
    row = next(r for r in shown if r["method"] == "RW")
    assert row["f1 - ERM"].startswith("-0.050 [-")
    assert (row["tpr_gap rank"], row["pareto"], row["shrinks"]) == ("1.0", "yes", 1.0)
    erm = next(r for r in shown if r["method"] == "ERM")
    assert (erm["f1 - ERM"], erm["shrinks"]) == ("", None)
    assert "Friedman" in shown_legend(table)


def test_the_figure_names_the_pareto_set(table: pl.DataFrame) -> None:
    figure = pareto_figure(table, table_gaps(["gender"], VARIANTS))
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} == {
        "RW annotated",
        "DS pseudo",
        "GDRO kmeans 4",
    }
    stars = [line for line in axes.lines if line.get_marker() == "*"]
    assert [(*line.get_xdata(), *line.get_ydata()) for line in stars] == [
        pytest.approx((0.43, 0.63))
    ]
    points = [line for line in axes.lines if line.get_marker() not in ("*", "None", "")]
    assert len(points) == len(CELLS) - 2  # without ERM and Random
