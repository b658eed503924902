"""The pages of the first study: its two tables of estimates, rates and runs."""

from collections.abc import Sequence
from typing import Any

from fairser.config.extensions import extensions
from fairser.config.grid import has_k_axis
from fairser.config.schema import Config
from fairser.core.words import joined
from fairser.corpora.clips import TEST_SET
from fairser.evaluation.bootstrap import Gap
from fairser.evaluation.metrics import is_better_low, metric_names
from fairser.report.estimates import SUMMARIES, EstimateTable, Line
from fairser.report.grids import Grid
from fairser.report.pages import Column, Page, number_columns
from fairser.report.records import Run, Runs
from fairser.results.sweeps import is_setting
from fairser.results.tables import (
    NO_ATTRIBUTE,
    configuration_name,
    method_name,
    method_of,
    summarised_methods,
    table_gaps,
)
from fairser.results.writing import read_table

GAP_LABELS = {
    "tpr_gap": ("TPR gap", "Gap between the groups in how often emotions are recognised."),
    "dp_gap": ("DP gap", "Gap between the groups in how often emotions are predicted."),
}
GAPS = "A gap is the root mean square over the emotions; lower is better."
METHOD = Column("method", "Method", choice=True)
SOURCE = Column("source", "Groups from", choice=True)
K = Column("k", "K", number=True, choice=True)
TEST = Column(TEST_SET, "Test set", choice=True)


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
        self.gaps: dict[str, Gap] = {}
        names = metric_names("performance", runs.metrics[0]["task"])
        self.performance = names
        self.higher = [name for name in names if not is_better_low(name)]
        self.attribute = config["bias"]["attribute"]
        self.scope = Column("attribute", "Attribute", choice=True, start=self.attribute)
        self.measures = self._numbers([self.attribute])

    def name(self, run: Run) -> str:
        named = configuration_name(run["method"], run["source"], run["k"])
        return f"{named}, fold {run['fold']}, seed {run['seed']}"

    def facts(self, run: Run) -> dict[str, Any]:
        same = {name: run[name] for name in ("source", "k", "fold", "seed", "clips")}
        return {**same, "method": method_name(run["method"]), "best": run["best_epoch"]}

    def measure(self, run: Run, column: str, line: Line) -> float | None:
        found = run["test_sets"][line[TEST_SET]] if TEST_SET in line else run
        if line.get("attribute"):
            own = found["attributes"][line["attribute"]].get("compared", {})
            return own.get(column, found.get(column))
        if column not in self.gaps:
            return found.get(column)
        gap = self.gaps[column]
        if gap.attribute not in found["attributes"]:
            return None
        return found["attributes"][gap.attribute]["gaps"][gap.rate][gap.variant]["rms"]

    def rates(self, run: Run) -> dict[str, Any]:
        return {name: found["rates"] for name, found in run["attributes"].items()}

    def behind(self, line: Line) -> list[int]:
        """Of Table 2, whose rows have a K or none, or of a table whose rows have a source."""
        k = line["k"]
        source = line.get("source", "none" if k is None else "kmeans")
        same = {"source": source, "k": k} if has_k_axis(source) else {"source": source}
        if "settings" in line:
            return [i for i in self.runs.where(**same) if is_setting(self.runs.metrics[i], line)]
        if line["method"] not in SUMMARIES:
            return self.runs.where(method=method_of(line["method"]), **same)
        found = self.runs.where(method=summarised_methods(), **same)
        return found + (self.runs.where(method="erm") if line["method"] == "Gain" else [])

    def legend(self, table: EstimateTable | None) -> list[str]:
        if table is None or not table.lines:
            return [GAPS]
        folds, seeds = (max(line[name] for line in table.lines) for name in ("folds", "seeds"))
        means = f"Means over {folds} test folds" + (f" and {seeds} seeds." if seeds != 1 else ".")
        notes = dict.fromkeys(line["note"] for line in table.lines if line["note"])
        return [means, *notes, GAPS, *table.legend("(standard deviation over folds)")]

    def table1_page(self, path: str, paper: str | None) -> Page:
        """Table 1; ``paper`` is the path of ``table1_vs_paper.csv``, if there is one."""
        lede = (
            f"Gaps are between the groups of {self.attribute.replace('_', ' ')}. Overall is the "
            f"mean of {joined([method_name(m) for m in summarised_methods()])}, Gain is its "
            "relative improvement over ERM."
        )
        table = self.table(path, (METHOD, SOURCE, K), self.measures, paper)
        return self.estimates_page("table1", lede, table)

    def table2_page(self, path: str, paper: str | None) -> Page:
        """Table 2, likewise."""
        lede = "Groups come from k-means of speaker embeddings, without demographic labels."
        columns = read_table(path).columns
        known = [name.removesuffix("_tpr_gap") for name in columns if name.endswith("_tpr_gap")]
        if not known:
            return Page("table2", NO_ATTRIBUTE, [METHOD, K], [], files=[path])
        table = self.table(path, (METHOD, K), self._numbers(known, named=True), paper)
        return self.estimates_page("table2", lede, table)

    def table(
        self, path: str, head: Sequence[Column], numbers: Sequence[Column], paper: str | None
    ) -> EstimateTable:
        """A table of estimates; where the corpus has several test sets, they come first."""
        same = ["attribute"] if self.scope in head else []
        if TEST_SET in read_table(path).columns:
            head, same = (TEST, *head), [TEST_SET, *same]
        return EstimateTable(path, head, numbers, self.higher, same=same, paper=paper)

    def _numbers(self, attributes: Sequence[str], named: bool = False) -> list[Column]:
        """Columns of performance and of the gaps of some attributes, which may be named."""
        gaps = table_gaps(attributes, self.config["metrics"], named)
        self.gaps |= gaps
        known = extensions("METRICS")
        found = {n: (known[n]["title"], known[n]["description"]) for n in self.performance}
        for name, gap in gaps.items():
            label, meaning = GAP_LABELS[name.removeprefix(f"{gap.attribute}_")]
            label += f", {gap.attribute.replace('_', ' ')}" if named else ""
            found[name] = (label, meaning)
        return number_columns(found)
