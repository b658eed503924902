"""Titles and categories of the report; the Snakefile imports them, so nothing heavy is imported."""

from fairser.core.places import WORKFLOW

CAPTIONS = WORKFLOW / "report"  # folder with a caption for each title
TITLES = {
    "overview": "What was run",
    "table1": "Table 1: methods and group sources",
    "table2": "Table 2: race and age",
    "benchmark": "Benchmark: methods and sources beside ERM",
    "sweeps": "Sweeps: settings of the methods",
    "fairness": "All numbers by attribute",
    "performance": "Performance and gender gaps",
    "ablation": "Variants of the gap",
    "gains_vs_paper": "Gains compared with the paper",
    "rates": "Rates by emotion and group",
    "groups": "Group quality",
    "tableA3": "Table A3: clips by emotion and group",
    "tableA4": "Table A4: clips by fold and split",
    "statistics": "Clips of the corpus",
    "unknown_speakers": "Speakers without a gender",
    "figures": "All figures with captions",
    "tradeoff": "Performance against gaps",
    "pareto": "Benchmark: F1 against the gap",
    "tpr_by_class": "Rates by class",
    "metrics_by_k": "Metrics by number of clusters",
    "choose_k": "Choosing the number of clusters",
    "tsne": "Speaker embeddings",
    "rounds": "Training rounds",
    "model_tests": "Tests of a model",
    "runs": "All runs",
    "configuration": "Configuration",
}
CATEGORIES = {
    "Tables": (
        *("table1", "table2", "benchmark", "sweeps", "fairness"),
        *("performance", "ablation", "gains_vs_paper"),
        *("rates", "groups", "tableA3", "tableA4", "statistics", "unknown_speakers"),
    ),
    "Figures": ("figures",),
    "Runs and configuration": ("overview", "runs", "configuration"),
}


def category(page: str) -> str:
    """The category of a page in the report."""
    return next(name for name, pages in CATEGORIES.items() if page in pages)
