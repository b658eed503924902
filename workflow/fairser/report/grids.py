"""The runs of a study as pages of all runs, of rates, and of tables of estimates."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from fairser.config.schema import Config
from fairser.report.estimates import SUMMARIES, EstimateTable, Line
from fairser.report.pages import Column, Page, PageRow, cell, cells, number_columns
from fairser.report.records import Facts, Records, Run, Runs

NO_RATE = "A rate without clips is empty, never 0."
RATES = {
    "tpr": ("TPR", "True positive rate: share of the clips with the emotion that are recognised."),
    "ppr": ("PPR", "Predicted positive rate: how often the emotion is predicted."),
    "fpr": ("FPR", "False positive rate: how often it is predicted for clips without it."),
    "f1": ("F1", "F1 of the emotion."),
}
RATE_COLUMNS = [
    Column("class", "Emotion", choice=True),
    Column("group", "Group", choice=True),
    Column("clips", "Clips", number=True, help="Test clips of the group, over all folds."),
    Column("positives", "With emotion", number=True, help="Test clips with the emotion."),
    *number_columns(RATES),
]
SECONDS = Column("seconds", "Seconds", number=True, help="Loading, training and predicting.")


class Grid(ABC):
    """The runs of a study; ``sections`` are facts that all of them share."""

    heads: Sequence[Column]  # name a configuration
    replicates: Sequence[Column]  # name a run of a configuration
    measures: Sequence[Column]  # numbers of a run
    others: Sequence[Column]  # further facts about a run
    scope: Column  # of rates, besides emotion and group
    digits = 3  # decimals of a run's numbers

    def __init__(self, runs: Runs, config: Config, sections: Mapping[str, Facts]) -> None:
        self.runs, self.config = runs, config
        self.records = Records()
        for path, run in zip(runs.paths, runs.metrics, strict=True):
            self.records.add_run(self.name(run), path, {"config": config, **run}, sections)

    @abstractmethod
    def name(self, run: Run) -> str:
        """The name of a run."""

    @abstractmethod
    def facts(self, run: Run) -> dict[str, Any]:
        """Values of ``heads``, ``replicates`` and ``others``."""

    @abstractmethod
    def measure(self, run: Run, column: str, line: Line) -> float | None:
        """The number of a run in a column of a table's row; an empty row stands for all clips."""

    @abstractmethod
    def rates(self, run: Run) -> dict[str, Any]:
        """Counts and rates by scope, emotion and group."""

    @abstractmethod
    def behind(self, line: Line) -> list[int]:
        """Numbers of the runs of a table's row."""

    @abstractmethod
    def legend(self, table: EstimateTable | None) -> list[str]:
        """Explanations below a table of estimates, or below the table of runs."""

    def runs_page(self, about: str) -> Page:
        """Every run with its numbers; ``about`` says what they are."""
        rows = []
        for i, run in enumerate(self.runs.metrics):
            facts, seconds = self.facts(run), sum(run["seconds"].values())
            numbers = {column.name: self.measure(run, column.name, {}) for column in self.measures}
            shown = {name: cell(value, self.digits) for name, value in numbers.items()}
            values = {name: [value] for name, value in numbers.items()}
            rows.append(PageRow(cells(facts) | shown | {"seconds": cell(seconds, 1)}, [i], values))
        columns = [*self.heads, *self.replicates, *self.measures, *self.others, SECONDS]
        lede = f"Every run of the grid, {len(rows)} in all; {about}."
        return Page("runs", lede, columns, rows, self.records, self.legend(None))

    def rates_page(self, lede: str) -> Page:
        """Counts and rates by emotion and group of every configuration."""
        found: dict[tuple[Any, ...], dict[tuple[str, ...], dict[int, Any]]] = {}
        for i, run in enumerate(self.runs.metrics):
            facts = self.facts(run)
            lines = found.setdefault(tuple(facts[column.name] for column in self.heads), {})
            for scope, classes in self.rates(run).items():
                for label, groups in classes.items():
                    for group, line in groups.items():
                        lines.setdefault((scope, label, group), {})[i] = line
        names = [*(column.name for column in self.heads), self.scope.name, "class", "group"]
        rows = [
            self._rate_row(dict(zip(names, (*head, *key), strict=True)), behind)
            for head, lines in found.items()
            for key, behind in lines.items()
        ]
        columns = [*self.heads, self.scope, *RATE_COLUMNS]
        return Page("rates", lede, columns, rows, self.records, [NO_RATE])

    def estimates_page(self, name: str, lede: str, table: EstimateTable) -> Page:
        """The page of a table of estimates."""
        rows = []
        for line in table.lines:
            runs = self.behind(line)
            values = {
                column.name: [self.measure(self.runs.metrics[i], column.name, line) for i in runs]
                for column in table.numbers
            }
            head = cells({column.name: line[column.name] for column in table.head})
            summary = line.get("method") in SUMMARIES
            rows.append(PageRow(head | table.cells(line), runs, values, summary))
        columns = [*table.head, *table.numbers]
        return Page(name, lede, columns, rows, self.records, self.legend(table), table.files)

    def _rate_row(self, head: dict[str, Any], lines: Mapping[int, Mapping[str, Any]]) -> PageRow:
        """Sums of counts over folds, means of rates over folds; of means over seeds each."""
        shown = cells(head)
        for name in ("clips", "positives"):
            shown[name] = cell(round(sum(self._by_fold(lines, name))))
        for name in RATES:
            means = self._by_fold(lines, name)
            shown[name] = cell(sum(means) / len(means) if means else None)
        values = {name: [line[name] for line in lines.values()] for name in RATES}
        return PageRow(shown, list(lines), values)

    def _by_fold(self, lines: Mapping[int, Mapping[str, Any]], name: str) -> list[float]:
        """Means over the seeds of each fold, without missing numbers."""
        found: dict[int, list[float]] = {}
        for i, line in lines.items():
            if line[name] is not None:
                found.setdefault(self.runs.metrics[i].get("fold", 1), []).append(line[name])
        return [sum(values) / len(values) for values in found.values()]
