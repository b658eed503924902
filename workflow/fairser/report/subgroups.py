"""The pages of the first study: its two tables of estimates, rates and runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from fairser.config.schema import Config
from fairser.report.estimates import EstimateTable, Line
from fairser.report.grids import Grid
from fairser.report.pages import Column, Page, number_columns
from fairser.report.records import Run, Runs
from fairser.results.tables import (
    DEBIASING,
    PERFORMANCE,
    TABLE2_ATTRIBUTES,
    configuration_name,
    method_name,
    method_of,
    table_gaps,
)

MEASURES = {
    "f1": ("Macro F1", "Mean of the emotions' F1; higher is better."),
    "acc": ("Accuracy", "Share of correct decisions over all clips and emotions (Hamming)."),
    "tpr_gap": (
        "TPR gap",
        "Gap between groups in recall of the emotions; lower is better.",
    ),
    "dp_gap": (
        "DP gap",
        "Gap between groups in predictions of the emotions; lower is better.",
    ),
}
GAPS = "A gap is the root mean square over the emotions."
METHOD = Column("method", "Method", choice=True)
SOURCE = Column("source", "Groups from", choice=True)
K = Column("k", "K", number=True, choice=True)
SPREAD = "(standard deviation over folds)"


class Subgroups(Grid):
    """The runs of the first study."""

    heads = (METHOD, SOURCE, K)
    replicates = (
        Column("fold", "Fold", number=True, choice=True),
        Column("seed", "Seed", number=True, choice=True),
    )
    others = (
        Column("best", "Best epoch", number=True, help="With the least loss on development."),
        Column("clips", "Test clips", number=True),
    )

    def __init__(self, runs: Runs, config: Config) -> None:
        super().__init__(runs, config, {})
        self.attribute = config["bias"]["attribute"]
        self.scope = Column("attribute", "Attribute", choice=True, start=self.attribute)
        self.measures = self.numbers([self.attribute])

    def name(self, run: Run) -> str:
        named = configuration_name(run["method"], run["source"], run["k"])
        return f"{named}, fold {run['fold']}, seed {run['seed']}"

    def facts(self, run: Run) -> dict[str, Any]:
        same = {name: run[name] for name in ("source", "k", "fold", "seed", "clips")}
        return {**same, "method": method_name(run["method"]), "best": run["best_epoch"]}

    def measure(self, run: Run, column: str, line: Mapping[str, Any]) -> float | None:
        if column in PERFORMANCE:
            return run[column]
        gaps = [table_gaps(names, self.config["metrics"]) for names in self.tables]
        gap = next(found[column] for found in gaps if column in found)
        if gap.attribute not in run["attributes"]:
            return None
        return run["attributes"][gap.attribute]["gaps"][gap.rate][gap.variant]["rms"]

    def rates(self, run: Run) -> dict[str, Any]:
        return {name: found["rates"] for name, found in run["attributes"].items()}

    @property
    def tables(self) -> Sequence[Sequence[str]]:
        """The attributes of Table 1 and of Table 2."""
        return [self.attribute], TABLE2_ATTRIBUTES

    def numbers(self, attributes: Sequence[str]) -> list[Column]:
        """Columns of performance and of the gaps of some attributes."""
        gaps = table_gaps(attributes, self.config["metrics"])
        named = {}
        for name in (*PERFORMANCE, *gaps):
            attribute = gaps[name].attribute if name in gaps and len(attributes) > 1 else ""
            label, meaning = MEASURES[name.removeprefix(f"{attribute}_")]
            label += f", {attribute.replace('_', ' ')}" if attribute else ""
            named[name] = (label, meaning)
        return number_columns(named)

    def table1_page(self, path: str, paper: str | None) -> Page:
        """Table 1.

        Args:
            path: of ``table1.csv``.
            paper: of ``table1_vs_paper.csv``, if there is one.
        """
        k = self.config["tables"]["table1_k"]

        def behind(row: Line) -> list[int]:
            same = {"source": row["source"]} | ({"k": k} if row["source"] == "kmeans" else {})
            return self._behind(row["method"], same)

        lede = (
            f"Gaps are between the groups of {self.attribute.replace('_', ' ')}; for the source "
            f"kmeans K is {k}. Overall is the mean of DS, RW, GDRO and GADRO, Gain is its relative "
            "improvement over ERM."
        )
        table = EstimateTable(
            path, (METHOD, SOURCE), self.numbers([self.attribute]), PERFORMANCE, paper=paper
        )
        return self.estimates_page("table1", lede, table, behind, _legend(table))

    def table2_page(self, path: str, paper: str | None) -> Page:
        """Table 2; arguments as of :meth:`table1_page`."""

        def behind(row: Line) -> list[int]:
            same = {} if row["k"] is None else {"source": "kmeans", "k": row["k"]}
            return self._behind(row["method"], same)

        lede = "Groups come from k-means of speaker embeddings, without demographic labels."
        table = EstimateTable(
            path, (METHOD, K), self.numbers(TABLE2_ATTRIBUTES), PERFORMANCE, paper=paper
        )
        return self.estimates_page("table2", lede, table, behind, _legend(table))

    def _behind(self, method: str, same: Mapping[str, Any]) -> list[int]:
        """Numbers of the runs of a method, or of a summary."""
        if method not in ("Overall", "Gain"):
            return self.runs.where(method=method_of(method), **same)
        found = self.runs.where(method=DEBIASING, **same)
        return found + (self.runs.where(method="erm") if method == "Gain" else [])


def _legend(table: EstimateTable) -> list[str]:
    folds, seeds = (max(line[name] for line in table.lines) for name in ("folds", "seeds"))
    counted = f"Means over {folds} test folds" + (f" and {seeds} seeds." if seeds != 1 else ".")
    return [counted, GAPS, *table.legend(SPREAD)]
