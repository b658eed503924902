"""The pages of the table of all numbers and of the table of sweeps."""

from dataclasses import replace

from fairser.evaluation.group_metrics import WORST, WORST_CELL
from fairser.report.pages import Column, Page, number_columns
from fairser.report.subgroups import METHOD, SOURCE, K, Subgroups
from fairser.results.writing import read_table

# Those that Table 1 has not, and that a printed page has room for.
NAMES = {
    "worst_group_f1": ("Worst F1", WORST["worst_group_f1"][1]),
    WORST_CELL: ("Worst recall", "Smallest recall of an emotion in a group."),
    "auroc": ("AUROC", "Mean over the emotions of the area under their ROC curve."),
    "worst_group_auroc": ("Worst AUROC", WORST["worst_group_auroc"][1]),
    "ece": ("ECE", "Expected calibration error, mean over the emotions; lower is better."),
    "worst_group_ece": ("Worst ECE", WORST["worst_group_ece"][1]),
}
FAIRNESS = (
    "Further numbers of every method, by the attribute whose groups are compared. Worst is the "
    "number of the group with the worst one. The csv has more; tests against ERM are in Table 1."
)
SWEEPS = (
    "The settings of each swept method. Development is the value by which the epoch is selected, "
    "the lower the better; the chosen setting has the lowest one. Only it is tested against ERM."
)


def fairness_page(grid: Subgroups, path: str) -> Page:
    """The page of ``fairness.csv``."""
    present = set(read_table(path).columns)
    columns = number_columns({name: NAMES[name] for name in NAMES if name in present})
    # A corpus without groups has numbers of all clips.
    attribute = grid.scope if WORST_CELL in present else replace(grid.scope, start="")
    table = grid.table(path, (METHOD, SOURCE, K, attribute), columns, None)
    return grid.estimates_page("fairness", FAIRNESS, table)


def sweeps_page(grid: Subgroups, path: str) -> Page:
    """The page of ``sweeps.csv``."""
    head = (
        *(METHOD, SOURCE, K, Column("settings", "Settings")),
        Column("selection", "Selection", choice=True, help="Of the epoch, on development."),
        Column("development", "Development", number=True, help="Mean of the selected value."),
        Column("chosen", "Chosen", choice=True, help="Whether development chooses this setting."),
    )
    table = grid.table(path, head, grid.measures, None)
    return grid.estimates_page("sweeps", SWEEPS, table)
