"""How the K that choose_k recommends fares against the one that labels would choose.

python tests/bench/choose_k.py RESULTS [--resamples 1000]

RESULTS holds `choose_k.csv` and runs of the debiasing methods with the source kmeans. For each K:
gap in TPR between genders and F1 on test, mean over methods, folds and seeds, and the gap on
development, which a user with labels would choose by. Intervals are a bootstrap over test speakers;
`smallest` is the share of resamples in which this K has the smallest gap.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow"))

from fairser.corpora.clips import ClipTable
from fairser.evaluation.bootstrap import (
    Bootstrap,
    Estimate,
    Gap,
    RunCounts,
    estimate,
    p_value,
    read_counts,
)
from fairser.evaluation.evaluate import speaker_counts
from fairser.results.tables import DEBIASING
from fairser.results.writing import markdown

GAPS = {"tpr_gap": Gap("gender", "tpr", "pairwise")}


def read(results: Path, split: str) -> list[RunCounts]:
    """Runs with their counts on a split; those on development follow from the predictions."""
    files = sorted(results.glob("runs/*/*/k*/fold*/seed*/metrics.json"))
    runs = read_counts(map(str, files), [str(file.with_name("counts.parquet")) for file in files])
    if split == "test":
        return runs
    found = []
    for file, run in zip(files, runs, strict=True):
        table = ClipTable.read(results / f"splits/fold{run.fold}.parquet")
        predictions = pl.read_parquet(file.with_name("predictions.parquet"))
        counts = speaker_counts(predictions, table, split)
        found.append(RunCounts(run.method, run.source, run.k, run.fold, run.seed, counts))
    return found


def estimates(
    runs: list[RunCounts], bootstrap: Bootstrap
) -> dict[tuple[str, int], dict[str, Estimate]]:
    """F1 and gap of ERM, annotated groups, and each K; the last two over the debiasing methods."""
    found = {}
    for source, k in sorted({(run.source, run.k) for run in runs if run.method != "random"}):
        wanted = DEBIASING if source != "none" else ("erm",)
        part = [r for r in runs if (r.source, r.k) == (source, k) and r.method in wanted]
        values = {run: bootstrap.values(run) for run in part}
        found[source, k] = {
            name: estimate(part, {run: value[name] for run, value in values.items()})
            for name in ("f1", "tpr_gap")
        }
    return found


def by_fold(runs: list[RunCounts], configuration: tuple[str, int], name: str) -> np.ndarray:
    """The metric of each fold."""
    return np.array(
        [
            estimates([r for r in runs if r.fold == fold], Bootstrap(1, 0, GAPS))[configuration][
                name
            ].value
            for fold in sorted({run.fold for run in runs})
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    bootstrap = Bootstrap(options.resamples, 0, GAPS)
    runs = read(options.results, "test")
    test = estimates(runs, bootstrap)
    development = estimates(read(options.results, "development"), Bootstrap(100, 0, GAPS))
    ks = [k for source, k in test if source == "kmeans"]
    gaps = np.stack([test["kmeans", k]["tpr_gap"].resampled for k in ks])
    winner = gaps.argmin(axis=0)
    rows = []
    for (source, k), found in test.items():
        row = {"source": source, "k": k}
        for name, one in found.items():
            low, high = one.interval
            row[name] = f"{one.value:.3f} ({one.std:.3f}) [{low:.3f}, {high:.3f}]"
        row["gap on development"] = f"{development[source, k]['tpr_gap'].value:.3f}"
        if source == "kmeans":
            row["smallest"] = f"{(winner == ks.index(k)).mean():.2f}"
        rows.append(row)
    print(markdown(pl.DataFrame(rows, infer_schema_length=None)))
    measured = [test["kmeans", k]["tpr_gap"].value for k in ks]
    table = pl.read_csv(options.results / "choose_k.csv").filter(pl.col("k").is_in(ks)).sort("k")
    by_test = ks[int(np.argmin(measured))]
    by_development = min(ks, key=lambda k: development["kmeans", k]["tpr_gap"].value)
    chosen = table.filter("recommended")["k"].to_list()
    print(f"recommended {chosen}, by labels of test {by_test}, of development {by_development}")
    pairs = [(k, other) for k in chosen for other in (by_test, by_development) if k != other]
    erm = ("none", 1)
    for ours, theirs in [
        *((("kmeans", k), ("kmeans", other)) for k, other in dict.fromkeys(pairs)),
        *((("kmeans", k), erm) for k in dict.fromkeys([*chosen, by_test, by_development])),
    ]:
        for name in ("tpr_gap", "f1"):
            one, other = test[ours][name], test[theirs][name]
            difference = Estimate(
                one.value - other.value,
                np.nan,
                np.nan,
                one.resampled - other.resampled,
                signed=True,
            )
            low, high = difference.interval
            folds = by_fold(runs, ours, name) - by_fold(runs, theirs, name)
            print(
                f"{ours} - {theirs}, {name}: {difference.value:+.3f} [{low:+.3f}, {high:+.3f}], "
                f"p {p_value(one, other):.3f}, by fold {np.round(folds, 3).tolist()}"
            )
    for name in ("silhouette", "stability", "corrected", "smallest_clips", "k"):
        rho, p = spearmanr(table[name].to_numpy(), measured)
        print(f"Spearman of {name} and the gap on test over {len(ks)} K: {rho:+.2f} (p {p:.2f})")


if __name__ == "__main__":
    main()
