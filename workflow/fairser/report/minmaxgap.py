"""The pages of the second study: its tables of estimates and gains, rates and runs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fairser.config.schema import Config
from fairser.llm.measures import PERFORMANCE
from fairser.llm.tables import NAMES
from fairser.report.estimates import EstimateTable, Line
from fairser.report.grids import Grid
from fairser.report.pages import Column, Page, PageRow, cell, cells, number_columns
from fairser.report.records import Run, Runs, facts
from fairser.results.writing import read_table

MEASURES = {
    "w_f1": ("W-F1", "Mean of the emotions' F1, weighted by their clips; higher is better."),
    "acc": ("Accuracy", "Share of clips whose emotion is recognised."),
    "tpr_gap": ("TPR gap", "Between women and men, root mean square over the emotions."),
    "fpr_gap": ("FPR gap", ""),
    "w_f1_gap": ("W-F1 gap", ""),
    "acc_gap": ("Accuracy gap", ""),
    "avg_gap": ("Mean gap", "Mean of the four gaps; lower is better."),
}
LANGUAGES = Column("languages", "Trained on", choice=True)
LANGUAGE = Column("language", "Tested on", choice=True)
MODALITY = Column("modality", "Modality", choice=True)
OBJECTIVE = Column("objective", "Objective", choice=True)
P = Column("p", "p", number=True, choice=True)
WEIGHTING = Column("weighting", "Weighting", choice=True)


class MinMaxGap(Grid):
    """The runs of the second study; ``model`` is the record of the model."""

    heads = (OBJECTIVE, P, WEIGHTING, MODALITY, LANGUAGES)
    replicates = (Column("seed", "Seed", number=True, choice=True),)
    measures = number_columns(MEASURES)
    others = (
        Column("best", "Best round", number=True),
        Column("unparsed", "Unparsed", number=True, help="Answers without a label word."),
    )
    scope = replace(LANGUAGE, start="all")
    digits = 2

    def __init__(self, runs: Runs, config: Config, model: Mapping[str, Any]) -> None:
        super().__init__(runs, config, {"Model": facts(model)})
        self.shown = config["llm"]["tables"]  # p and weighting of minmaxgap in the tables

    def name(self, run: Run) -> str:
        variant = f", p {run['p']}, {run['weighting']}" if run["objective"] == "minmaxgap" else ""
        return f"{NAMES[run['objective']]}, {run['modality']}{variant}, seed {run['seed']}"

    def facts(self, run: Run) -> dict[str, Any]:
        same = {name: run[name] for name in ("weighting", "modality", "languages", "seed")}
        same |= {"objective": NAMES[run["objective"]], "p": run["p"] or None}
        return {**same, "best": run["best_round"], "unparsed": run["test"]["all"]["unparsed"]}

    def measure(self, run: Run, column: str, line: Line) -> float | None:
        return run["test"][line.get("language", "all")][column]

    def rates(self, run: Run) -> dict[str, Any]:
        return {name: found["gender"]["rates"] for name, found in run["test"].items()}

    def behind(self, line: Line) -> list[int]:
        """Of minmaxgap those with the p and weighting of the row, or those of the tables."""
        objective = next(name for name, label in NAMES.items() if label == line["objective"])
        wanted = {name: line[name] for name in ("languages", "modality")}
        if objective == "minmaxgap":
            wanted |= {name: line.get(name, self.shown[name]) for name in ("p", "weighting")}
        return self.runs.where(objective=objective, **wanted)

    def legend(self, table: EstimateTable | None) -> list[str]:
        spread = "(standard deviation over seeds, if there are several)"
        return table.legend(spread) if table else []

    def performance_page(self, path: str) -> Page:
        """Performance and gaps by modality, objective and language, from ``performance.csv``."""
        lede = (
            "Percentage points by modality, objective and language; gaps are between women and "
            f"men. ERM-MinMaxGAP has p {self.shown['p']} and {self.shown['weighting']} weighting."
        )
        head = (OBJECTIVE, MODALITY, LANGUAGE, LANGUAGES)
        same = ("languages", "modality", "language")
        table = EstimateTable(path, head, self.measures, PERFORMANCE, 1, same)
        return self.estimates_page("performance", lede, table)

    def ablation_page(self, path: str) -> Page:
        """Every variant of minmaxgap, from ``ablation.csv``."""
        lede = "Every exponent p and weighting of the gap beside ERM: percentage points, all clips."
        same = ("languages", "modality")
        table = EstimateTable(path, self.heads, self.measures, PERFORMANCE, 1, same)
        return self.estimates_page("ablation", lede, table)

    def gains_page(self, path: str) -> Page:
        """The gains of minmaxgap beside the published gains, from ``gains_vs_paper.csv``."""
        rows = []
        for line in read_table(path).to_dicts():
            behind = self.behind({**line, "objective": NAMES["minmaxgap"]})
            behind += self.behind({**line, "objective": line["baseline"]})
            values = [self.measure(self.runs.metrics[i], line["column"], {}) for i in behind]
            shown = cells({**line, "column": MEASURES[line["column"]][0]})
            for name in ("ours", "published", "difference"):
                shown[name] = cell(line[name], 2)
            rows.append(PageRow(shown, behind, {"ours": values}))
        return Page(
            name="gains_vs_paper",
            lede="Changes by ERM-MinMaxGAP in percentage points. The paper does not name its "
            "baseline, so both possible ones are shown.",
            columns=[
                Column("column", "Measure", choice=True),
                Column("baseline", "Against", choice=True),
                MODALITY,
                LANGUAGES,
                Column("ours", "Ours", number=True),
                Column("published", "Published", number=True),
                Column("difference", "Difference", number=True),
            ],
            rows=rows,
            records=self.records,
            files=[path],
        )
