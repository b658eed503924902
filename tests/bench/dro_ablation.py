"""How group DRO depends on its batches and on the groups that its adjustment counts for.

    python tests/bench/dro_ablation.py LABELS FEATURES CLIPS [--runs RUNS.csv] [--seeds 5]

LABELS is a folder with the label files of CREMA-D and VideoDemographics.csv; FEATURES and CLIPS are
a store of its clips. GDRO and GADRO are trained with each `sampler`, GADRO with each `adjust` as
well, on annotated gender and on clusters of the first 256 values of a clip; PGDRO on the
probabilities of a logistic regression, for speakers that it was not fitted to; and ERM. All in this
process, one run after another. Each finished run is a line of RUNS.csv: the command continues where
it was interrupted. The tables have means over folds and seeds (standard deviation over seeds).
"""

import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import torch
from shared.genders import genders_of_features
from shared.made_up import write_corpus
from shared.measuring import Parser, Row, Table

from fairser.config.configuration import reader_settings, resolve
from fairser.core.text import number
from fairser.corpora.clips import ClipTable
from fairser.corpora.readers import read_corpus
from fairser.corpora.splits import bias_fold
from fairser.evaluation.evaluate import evaluate
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import FeatureStore, open_store
from fairser.groups.annotated import infer_groups as annotated
from fairser.groups.base import Fold
from fairser.groups.kmeans import kmeans
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, train_and_predict

EMBEDDED = 256  # values of a clip that are clustered
METRICS = {"f1": "F1", "acc": "accuracy", "tpr_gap": "TPR gap", "dp_gap": "DP gap"}
SETTINGS = ("method", "sampler", "adjust")
CELL = ("groups", *SETTINGS, "fold", "seed")
NONE = "-"  # a setting without a say
SAMPLERS, ADJUST = ("shuffle", "balanced"), ("present", "all")
SMALLEST = {"epochs": 1, "seeds": 1, "k": [2]}


def parser() -> Parser:
    made = Parser(__file__, __doc__, SMALLEST, epochs=50, seeds=5)
    made.add_argument("labels", type=Path, nargs="?", help="label files of CREMA-D")
    made.add_argument("features", type=Path, nargs="?")
    made.add_argument("clips", type=Path, nargs="?")
    made.add_argument("--k", type=int, nargs="+", default=[2, 4, 8, 16, 32])
    made.add_argument("--runs", type=Path, help="csv of the finished runs")
    return made


def variants(ks: Sequence[int]) -> Iterator[tuple[str, str, str, str]]:
    """Groups, method, sampler and adjust of what is trained."""
    yield "none", "erm", NONE, NONE
    yield from (("pseudo", "pgdro", sampler, NONE) for sampler in SAMPLERS)
    for groups in ("annotated", *(f"kmeans {k}" for k in ks)):
        yield from ((groups, "gdro", sampler, NONE) for sampler in SAMPLERS)
        yield from ((groups, "gadro", *chosen) for chosen in product(SAMPLERS, ADJUST))


class Corpus:
    """The corpus, its features, and the groups of its folds.

    Args:
        config: resolved configuration; the features are standardised, and clustered too.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.table = read_corpus(reader_settings(config))
        self.store = open_store(config["encoder"]["features"], config["encoder"]["clips"])
        self.bias = config["bias"]
        self.folds = sorted(self.table.frame["fold"].unique().to_list())
        self.female = genders_of_features(self.table, self.store)
        self.found: dict[tuple[str, int], pl.DataFrame | None] = {}

    def fold(self, number: int) -> ClipTable:
        bias = self.bias
        return bias_fold(self.table, number, bias["attribute"], bias["ratio"], bias["seed"])

    def groups(self, name: str, number: int) -> pl.DataFrame | None:
        """Groups of the clips of a fold by the name of the variant; they are kept."""
        if (name, number) not in self.found:
            self.found[name, number] = self._infer(name, self.fold(number))
        return self.found[name, number]

    def _infer(self, name: str, table: ClipTable) -> pl.DataFrame | None:
        if name == "none":
            return None
        if name == "annotated":
            return annotated(Fold(table, settings={"attributes": ["gender"]}))
        if name == "pseudo":
            joined = table.frame.select("clip", "split").join(
                self.female, on="clip", how="left", maintain_order="left"
            )
            group = (
                pl.when(pl.col("p_female") > 0.5).then(pl.lit("female")).otherwise(pl.lit("male"))
            )
            return joined.with_columns(group=group, p_male=1 - pl.col("p_female"))
        embeddings = FeatureStore(self.store.array[:, :, :EMBEDDED], self.store.row_of)
        return kmeans(table, embeddings, int(name.split()[1]), True)


def train(corpus: Corpus, cell: Row, epochs: int) -> Row:
    """Train and evaluate a run; its metrics on test."""
    table = corpus.fold(cell["fold"])
    hyper = {key: cell[key] for key in ("sampler", "adjust") if cell[key] != NONE}
    job = TrainingJob(
        *(cell["method"], table, StoreInputs(corpus.store, True), TrainOptions(epochs)),
        *(cell["seed"], corpus.groups(cell["groups"], cell["fold"]), hyper),
    )
    run = train_and_predict(job)
    found = evaluate(run.predictions, table)
    gaps = found["attributes"]["gender"]["gaps"]
    tpr, dp = gaps["tpr"]["pairwise"]["rms"], gaps["ppr"]["max_deviation"]["rms"]
    values = {"f1": found["f1"], "acc": found["acc"], "tpr_gap": tpr, "dp_gap": dp}
    return {**cell, **values, "seconds": sum(run.seconds.values())}


def train_all(corpus: Corpus, options: Namespace, file: Path) -> pl.DataFrame:
    """Train what the file lacks, add it line by line, and return all runs of the file."""
    cells = [
        dict(zip(CELL, (*variant, fold, seed), strict=True))
        for seed, fold, variant in product(range(options.seeds), corpus.folds, variants(options.k))
    ]
    done = set(read_runs(file).select(CELL).iter_rows()) if file.is_file() else set()
    for cell in cells:
        if tuple(cell.values()) not in done:
            row = pl.DataFrame([train(corpus, cell, options.epochs)])
            with file.open("a", encoding="utf-8") as stream:
                stream.write(row.write_csv(include_header=not file.stat().st_size))
    return read_runs(file).join(pl.DataFrame(cells), on=CELL, how="semi")


def read_runs(file: Path) -> pl.DataFrame:
    return pl.read_csv(file)


def shown(runs: pl.DataFrame, metric: str) -> str:
    """Mean over folds and seeds, and the standard deviation of the seeds' means over folds."""
    by_seed = runs.group_by("seed").agg(pl.col(metric).mean())[metric].to_numpy()
    spread = f" ({number(by_seed.std(ddof=1))})" if len(by_seed) > 1 else ""
    return f"{number(by_seed.mean())}{spread}"


def print_tables(runs: pl.DataFrame) -> list[Row]:
    """A table for each metric: a row per variant, a column per kind of groups."""
    names = runs["groups"].unique(maintain_order=True).to_list()
    rows = []
    for metric, title in METRICS.items():
        print(f"\n{title}")
        table = Table(dict.fromkeys((*SETTINGS, *names, "runs"), ""))
        for key, part in runs.group_by(SETTINGS, maintain_order=True):
            cells = dict(part.group_by("groups"))
            shown_cells = (
                shown(cells[name,], metric) if (name,) in cells else "" for name in names
            )
            table.add(*key, *shown_cells, part.height)
        rows += table.rows
    print(f"\n{runs['seconds'].mean():.1f} s per run")
    return rows


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    made = parser()
    options = made.start(arguments)
    torch.set_num_threads(1)
    if options.clips is None and not options.smallest:
        made.error("name LABELS, FEATURES and CLIPS")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.smallest:
            corpus = write_corpus(folder, folds=3)["corpus"]
            corpus |= {"manifest": str(folder / "clips.csv"), "audio": temporary}
            corpus["task"] = "multi_label"
            store = folder / "features.safetensors", folder / "names.csv"
        else:
            demographics = options.labels / "VideoDemographics.csv"
            corpus = {"labels": str(options.labels), "demographics": str(demographics)}
            store = options.features, options.clips
        names = dict(zip(("features", "clips"), map(str, store), strict=True))
        config = resolve({"corpus": corpus, "encoder": {"kind": "precomputed", **names}})
        runs = train_all(Corpus(config), options, options.runs or folder / "runs.csv")
    return print_tables(runs)


if __name__ == "__main__":
    main()
