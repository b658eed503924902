"""The pages of the first study: its tables, and all of its runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from fairser.config.schema import Config
from fairser.evaluation.bootstrap import Gap
from fairser.report.estimates import Estimates, estimate_rows, legend, read_published
from fairser.report.pages import Cell, Column, Page, Row, number, plain, text
from fairser.report.rates import NO_RATE, Lines, rate_columns, rate_rows
from fairser.report.records import Records, Run, Runs, run_record
from fairser.results.tables import DEBIASING, NAMES, PERFORMANCE, TABLE2_ATTRIBUTES, table_gaps

HELP = {
    "f1": "Mean of the emotions' F1; higher is better.",
    "acc": "Hamming accuracy: share of right decisions, clip by clip and emotion by emotion.",
    "tpr_gap": "How much more often the emotions of one group are recognised: the groups' gap in "
    "true positive rate, root mean square over the emotions; lower is better.",
    "dp_gap": "The groups' gap in how often an emotion is predicted, likewise.",
}
LABELS = {"f1": "Macro F1", "acc": "Accuracy", "tpr_gap": "TPR gap", "dp_gap": "DP gap"}
METHOD = Column("method", "Method", choice=True)
SOURCE = Column("source", "Groups from", choice=True)
K = Column("k", "K", number=True, choice=True)


def named(run: Mapping[str, Any]) -> str:
    """A configuration, such as ``RW kmeans 16``."""
    parts = [NAMES.get(run["method"], run["method"])]
    parts += [run["source"]] if run["source"] != "none" else []
    parts += [str(run["k"])] if run["source"] == "kmeans" else []
    return " ".join(parts)


def measured(run: Run, column: str, gaps: Mapping[str, Gap]) -> float | None:
    """The number of one run in a column of a table."""
    if column not in gaps:
        return run[column]
    gap = gaps[column]
    if gap.attribute not in run["attributes"]:
        return None
    return run["attributes"][gap.attribute]["gaps"][gap.rate][gap.variant]["rms"]


def run_records(runs: Runs, config: Config) -> Records:
    """A record for each run, with the same number."""
    records = Records()
    for path, run in zip(runs.paths, runs.metrics, strict=True):
        name = f"{named(run)}, fold {run['fold']}, seed {run['seed']}"
        run_record(records, name, path, run, config)
    return records


def table1_page(path: str, published: str | None, runs: Runs, config: Config) -> Page:
    """Table 1.

    Args:
        path: of ``table1.csv``.
        published: of ``table1_vs_paper.csv``, where there is one.
        runs: of the grid.
        config: the resolved configuration.
    """
    k = config["tables"]["table1_k"]
    methods = {label: name for name, label in NAMES.items()}

    def behind(row: dict[str, Any]) -> list[int]:
        extra = {"k": k} if row["source"] == "kmeans" else {}
        if row["method"] not in ("Overall", "Gain"):
            method = methods.get(row["method"], row["method"])
            return runs.where(method=method, source=row["source"], **extra)
        found = runs.where(method=DEBIASING, source=row["source"], **extra)
        return found + (runs.where(method="erm") if row["method"] == "Gain" else [])

    attribute = config["bias"]["attribute"]
    page = _estimates_page(path, published, ["method", "source"], behind, [attribute], runs, config)
    return Page(
        name="table1",
        title="Table 1: performance and gaps by method and group source",
        lede=f"Gaps are between the groups of {attribute.replace('_', ' ')}; with kmeans K is {k}. "
        "Overall is the mean of DS, RW, GDRO and GADRO, Gain its relative improvement over ERM.",
        **page | {"columns": [METHOD, SOURCE, *page["columns"]]},
    )


def table2_page(path: str, published: str | None, runs: Runs, config: Config) -> Page:
    """Table 2; arguments as of :func:`table1_page`."""
    methods = {label: name for name, label in NAMES.items()}

    def behind(row: dict[str, Any]) -> list[int]:
        if row["method"] == NAMES["erm"]:
            return runs.where(method="erm")
        if row["method"] == "Gain":
            clustered = runs.where(method=DEBIASING, source="kmeans", k=row["k"])
            return clustered + runs.where(method="erm")
        return runs.where(method=methods[row["method"]], source="kmeans", k=row["k"])

    page = _estimates_page(
        path, published, ["method", "k"], behind, TABLE2_ATTRIBUTES, runs, config
    )
    return Page(
        name="table2",
        title="Table 2: gaps of race and age, with groups from clusters",
        lede="Groups come from k-means of speaker embeddings, without any demographic label.",
        **page | {"columns": [METHOD, K, *page["columns"]]},
    )


def _estimates_page(
    path: str,
    published: str | None,
    head: list[str],
    behind: Any,
    attributes: Sequence[str],
    runs: Runs,
    config: Config,
) -> dict[str, Any]:
    """What the pages of Tables 1 and 2 have in common, as keywords of :class:`Page`."""
    table = pl.read_csv(path)
    gaps = table_gaps(attributes, config["metrics"])
    columns = [*PERFORMANCE, *gaps]
    lines = table.to_dicts()
    erm = next((line for line in lines if line["method"] == NAMES["erm"]), None)
    known = read_published(published, head)
    estimates = Estimates(
        table=table,
        head=head,
        columns=columns,
        higher=PERFORMANCE,
        digits=3,
        erm=lambda row: None if row["method"] == "Random" else erm,
        summary=lambda row: row["method"] in ("Overall", "Gain"),
        signed=lambda row: row["method"] == "Gain",
        published=known,
    )
    records = run_records(runs, config)
    rows = estimate_rows(
        estimates, behind, lambda number, name, _: measured(runs.metrics[number], name, gaps)
    )
    folds, seeds = (max(table[name].to_list()) for name in ("folds", "seeds"))
    counted = f"Means over {folds} test folds" + (f" and {seeds} seeds." if seeds != 1 else ".")
    return {
        "columns": [
            Column(name, _label(name, gaps, len(attributes)), number=True, help=_help(name, gaps))
            for name in columns
        ],
        "rows": rows,
        "records": records.records,
        "sections": records.sections,
        "legend": [counted, *legend("(standard deviation over folds)", bool(known))],
        "files": [path, *([published] if published else [])],
    }


def _label(name: str, gaps: Mapping[str, Gap], attributes: int) -> str:
    if name not in gaps or attributes == 1:
        return LABELS[name]
    attribute = gaps[name].attribute
    label = LABELS[name.removeprefix(f"{attribute}_")]
    return f"{label}, {attribute.replace('_', ' ')}"


def _help(name: str, gaps: Mapping[str, Gap]) -> str:
    return HELP[name.removeprefix(f"{gaps[name].attribute}_") if name in gaps else name]


def rates_page(runs: Runs, config: Config) -> Page:
    """Rates by class and group of every configuration."""
    records = run_records(runs, config)
    configurations: dict[tuple[str, str, int], list[int]] = {}
    for i, run in enumerate(runs.metrics):
        configurations.setdefault((run["method"], run["source"], run["k"]), []).append(i)
    heads = [
        ({"method": text(NAMES.get(method, method)), "source": text(source), "k": number(k)}, found)
        for (method, source, k), found in configurations.items()
    ]
    lines: list[Lines] = [
        {
            (attribute, label, group): line
            for attribute, found in run["attributes"].items()
            for label, groups in found["rates"].items()
            for group, line in groups.items()
        }
        for run in runs.metrics
    ]
    folds = [run["fold"] for run in runs.metrics]
    return Page(
        name="rates",
        title="Rates by emotion and group",
        lede="How each method treats each emotion of each group: test clips, means over folds.",
        columns=[
            METHOD,
            SOURCE,
            K,
            Column("attribute", "Attribute", choice=True, start=config["bias"]["attribute"]),
            *rate_columns(),
        ],
        rows=rate_rows(heads, lines, ("attribute", "class", "group"), folds),
        records=records.records,
        sections=records.sections,
        legend=[NO_RATE],
    )


def runs_page(runs: Runs, config: Config) -> Page:
    """Every run with its metrics."""
    attribute = config["bias"]["attribute"]
    gaps = table_gaps([attribute], config["metrics"])
    records = run_records(runs, config)
    rows = []
    for i, run in enumerate(runs.metrics):
        values = {name: measured(run, name, gaps) for name in (*PERFORMANCE, *gaps)}
        cells = {"method": text(NAMES.get(run["method"], run["method"]))}
        cells |= {"source": text(run["source"])}
        cells |= {name: number(run[name]) for name in ("k", "fold", "seed")}
        cells |= {name: number(value, opens=True) for name, value in values.items()}
        cells |= {"best": number(run["best_epoch"]), "clips": number(run["clips"])}
        seconds = sum(run["seconds"].values())
        cells |= {"seconds": Cell(plain(seconds, 1), seconds)}
        rows.append(Row(cells, [i], {name: [value] for name, value in values.items()}))
    return Page(
        name="runs",
        title="Runs",
        lede=f"Every run of the grid, {len(rows)} in all; gaps are between the groups of "
        f"{attribute.replace('_', ' ')}.",
        columns=[
            METHOD,
            SOURCE,
            K,
            Column("fold", "Fold", number=True, choice=True),
            Column("seed", "Seed", number=True, choice=True),
            *(
                Column(name, LABELS[name], number=True, help=HELP[name])
                for name in (*PERFORMANCE, *gaps)
            ),
            Column("best", "Best epoch", number=True, help="With the least loss on development."),
            Column("clips", "Test clips", number=True),
            Column("seconds", "Seconds", number=True, help="Loading, training and predicting."),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
    )
