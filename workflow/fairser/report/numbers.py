"""The pages of the table of all numbers and of the table of sweeps."""

from dataclasses import replace

from fairser.evaluation.clip_bootstrap import GAPS
from fairser.evaluation.group_metrics import WORST, WORST_CELL
from fairser.report.pages import Column, Page, number_columns
from fairser.report.subgroups import METHOD, SOURCE, K, Subgroups
from fairser.results.writing import read_table

NAMES = {
    "uar": ("UAR", "Mean over the emotions of their recall."),
    "auroc": ("AUROC", "Mean over the emotions of the area under their ROC curve."),
    "ece": ("ECE", "Expected calibration error, mean over the emotions; lower is better."),
    "worst_group_f1": ("Worst F1", WORST["worst_group_f1"][1]),
    "worst_group_recall": ("Worst UAR", WORST["worst_group_recall"][1]),
    "worst_group_auroc": ("Worst AUROC", WORST["worst_group_auroc"][1]),
    "worst_group_ece": ("Worst ECE", WORST["worst_group_ece"][1]),
    WORST_CELL: ("Worst recall", "Smallest recall of an emotion in a group."),
    "fpr_gap": ("FPR gap", "Gap in how often other emotions are taken for one."),
    "precision_gap": ("Precision gap", "Gap in how often a predicted emotion is right."),
    "auroc_gap": ("AUROC gap", "Largest difference between the groups' AUROC."),
    "ece_gap": ("ECE gap", "Largest difference between the groups' ECE."),
}
FAIRNESS = (
    "Every number of every method, by the attribute whose groups are compared. Worst is the number "
    "of the group with the worst one. There are no tests against ERM here; Table 1 has them."
)
SWEEPS = (
    "The settings of each swept method. Development is the value by which the epoch is selected, "
    "the lower the better; the chosen setting has the lowest one. Only it is tested against ERM."
)


def fairness_page(grid: Subgroups, path: str) -> Page:
    """The page of ``fairness.csv``."""
    names = {column.name: (column.label, column.help) for column in grid.measures}
    names |= NAMES
    present = [name for name in read_table(path).columns if name in names]
    columns = number_columns({name: names[name] for name in present})
    attribute = grid.scope
    if not any(name in GAPS for name in present):  # the corpus has no groups
        attribute = replace(attribute, start="")
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
