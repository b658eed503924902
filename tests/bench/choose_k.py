"""How the K that choose_k recommends compares with the K that labels would choose.

    python tests/bench/choose_k.py RESULTS [--resamples 1000]

RESULTS holds `choose_k.csv` and runs of the debiasing methods with the source kmeans. The first
table has, for each K, F1 and the gap in TPR between genders on test, mean over methods, folds and
seeds (standard deviation over folds) [interval of a bootstrap over test speakers]; the gap on
development, which a user with labels would choose by; and the share of resamples in which this K
has the smallest gap. Then come differences between the choices, and how the criteria rank the K.
"""

import tempfile
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr
from shared.measuring import Parser, Row, Table

from fairser.core.checksums import write_record
from fairser.core.text import interval, number
from fairser.corpora.clips import ClipTable
from fairser.evaluation.bootstrap import Bootstrap, Gap, RunCounts, read_counts
from fairser.evaluation.estimates import Estimate, estimate, p_value
from fairser.evaluation.evaluate import speaker_counts
from fairser.evaluation.resampling import interval as interval_of

GAPS = {"tpr_gap": Gap("gender", "tpr", "pairwise")}
DEBIASING = ("ds", "rw", "gdro", "gadro")
ERM = ("none", 1)
CRITERIA = ("silhouette", "stability", "corrected", "smallest_clips", "k")
Configuration = tuple[str, int]  # source and K


def parser() -> Parser:
    made = Parser(__file__, __doc__, {"resamples": 20}, resamples=1000)
    made.add_argument("results", type=Path, nargs="?")
    return made


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


def estimates(runs: list[RunCounts], draw: Bootstrap) -> dict[Configuration, dict[str, Estimate]]:
    """F1 and gap of ERM, annotated groups, and each K; the last two over the debiasing methods."""
    found = {}
    for source, k in sorted({(run.source, run.k) for run in runs if run.method != "random"}):
        wanted = DEBIASING if source != "none" else ("erm",)
        part = [r for r in runs if (r.source, r.k) == (source, k) and r.method in wanted]
        samples = {run: draw.samples(run) for run in part}
        found[source, k] = {
            name: estimate(part, {run: one[name] for run, one in samples.items()})
            for name in ("f1", "tpr_gap")
        }
    return found


def by_fold(runs: list[RunCounts], configuration: Configuration, name: str) -> np.ndarray:
    """The metric of each fold."""
    folds = sorted({run.fold for run in runs})
    parts = [[run for run in runs if run.fold == fold] for fold in folds]
    draw = Bootstrap(1, 0, GAPS)
    return np.array([estimates(part, draw)[configuration][name].value for part in parts])


def shown(one: Estimate) -> str:
    return f"{number(one.value)} ({number(one.std)}) {interval(*one.interval)}"


def print_difference(
    test: dict[Configuration, dict[str, Estimate]],
    runs: list[RunCounts],
    ours: Configuration,
    theirs: Configuration,
) -> None:
    for name in ("tpr_gap", "f1"):
        one, other = test[ours][name], test[theirs][name]
        resampled = one.resampled - other.resampled
        value = one.value - other.value
        ends = interval(
            *interval_of(value, resampled, min(one.support, other.support), True), signed=True
        )
        folds = by_fold(runs, ours, name) - by_fold(runs, theirs, name)
        print(
            f"{ours} - {theirs}, {name}: {number(value, signed=True)} {ends}, "
            f"p {p_value(one, other):.3f}, by fold {np.round(folds, 3).tolist()}"
        )


def write_results(folder: Path) -> Path:
    """A results folder with random predictions of two methods, K of 2 and 3, and two folds."""
    random = np.random.default_rng(0)
    classes, size = ("angry", "happy"), 60
    numbers = np.arange(size)
    genders = np.array(["female", "male"])[numbers % 2]
    columns = {"clip": [f"c{n}" for n in numbers], "file": [f"c{n}.wav" for n in numbers]}
    columns["speaker"] = [f"s{n // 3}" for n in numbers]
    splits = np.array(["train", "development", "test"])[numbers // 2 % 3]
    cells = [("erm", "none", 1), *(("rw", "kmeans", k) for k in (2, 3))]
    for fold in (1, 2):
        labels = random.dirichlet([0.5, 0.5], size)
        values = dict(zip(classes, labels.T, strict=True))
        majority = np.array(classes)[labels.argmax(axis=1)]
        own = {"fold": [fold] * size, "split": splits, **values, "majority": majority}
        frame = pl.DataFrame({**columns, **own, "gender": genders})
        table = ClipTable(frame, classes, ("gender",))
        table.write(folder / f"splits/fold{fold}.parquet")
        for method, source, k in cells:
            run = folder / f"runs/{method}/{source}/k{k}/fold{fold}/seed0"
            cell = {"method": method, "source": source, "k": k, "fold": fold, "seed": 0}
            cell |= {"task": "multi_label"}
            run.mkdir(parents=True)
            predictions = frame.select("clip", "fold", "split")
            guesses = dict(zip(classes, random.dirichlet([1, 1], size).T, strict=True))
            predictions = predictions.with_columns(**{n: pl.Series(v) for n, v in guesses.items()})
            predictions.write_parquet(run / "predictions.parquet")
            counts = run / "counts.parquet"
            speaker_counts(predictions, table).write_parquet(counts)
            write_record(run / "metrics.json", cell, [counts])
    criteria = {name: [1.0, 2.0] for name in CRITERIA if name != "k"}
    frame = pl.DataFrame({"k": [2, 3], **criteria, "recommended": [True, False]})
    frame.write_csv(folder / "choose_k.csv")
    return folder


def compare(options: Namespace, results: Path) -> list[Row]:
    runs = read(results, "test")
    test = estimates(runs, Bootstrap(options.resamples, 0, GAPS))
    development = estimates(read(results, "development"), Bootstrap(100, 0, GAPS))
    ks = [k for source, k in test if source == "kmeans"]
    winner = np.stack([test["kmeans", k]["tpr_gap"].resampled for k in ks]).argmin(axis=0)
    columns = {"source": "", "K": "", "F1": "", "gap in TPR": "", "gap on development": ".3f"}
    table = Table(columns | {"smallest": ".2f"})
    for (source, k), found in test.items():
        share = (winner == ks.index(k)).mean() if source == "kmeans" else None
        gap = development[source, k]["tpr_gap"].value
        table.add(source, k, shown(found["f1"]), shown(found["tpr_gap"]), gap, share)
    measured = [test["kmeans", k]["tpr_gap"].value for k in ks]
    by_test = ks[int(np.argmin(measured))]
    by_development = min(ks, key=lambda k: development["kmeans", k]["tpr_gap"].value)
    criteria = pl.read_csv(results / "choose_k.csv").filter(pl.col("k").is_in(ks)).sort("k")
    chosen = criteria.filter("recommended")["k"].to_list()
    print(f"\nrecommended {chosen}, by labels of test {by_test}, of development {by_development}")
    others = [("kmeans", by_test), ("kmeans", by_development)]
    pairs = [(("kmeans", k), other) for k in chosen for other in others if other[1] != k]
    pairs += [(("kmeans", k), ERM) for k in [*chosen, by_test, by_development]]
    for ours, theirs in dict.fromkeys(pairs):
        print_difference(test, runs, ours, theirs)
    for name in CRITERIA:
        rho, p = spearmanr(criteria[name].to_numpy(), measured)
        print(f"Spearman of {name} and the gap on test over {len(ks)} K: {rho:+.2f} (p {p:.2f})")
    return table.rows


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    made = parser()
    options = made.start(arguments)
    if options.results:
        return compare(options, options.results)
    if not options.smallest:
        made.error("name a folder of RESULTS")
    with tempfile.TemporaryDirectory() as temporary:
        return compare(options, write_results(Path(temporary)))


if __name__ == "__main__":
    main()
