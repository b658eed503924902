"""The pages of the second study."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from fairser.config.schema import Config
from fairser.llm.tables import NAMES
from fairser.report.estimates import Estimates, estimate_rows, legend
from fairser.report.pages import Cell, Column, Page, Row, number, plain, text
from fairser.report.rates import NO_RATE, Lines, rate_columns, rate_rows
from fairser.report.records import Records, Run, Runs, facts, run_record

PERFORMANCE = ("w_f1", "acc")
LABELS = {
    "w_f1": "W-F1",
    "acc": "Accuracy",
    "tpr_gap": "TPR gap",
    "fpr_gap": "FPR gap",
    "w_f1_gap": "W-F1 gap",
    "acc_gap": "Accuracy gap",
    "avg_gap": "Mean gap",
}
HELP = {
    "w_f1": "F1, the mean over the emotions weighted by their clips; higher is better.",
    "acc": "Share of clips whose emotion is recognised.",
    "tpr_gap": "Between women and men, root mean square over the emotions; lower is better.",
    "avg_gap": "Of the four gaps before it.",
}
LANGUAGES = Column("languages", "Trained on", choice=True)
MODALITY = Column("modality", "Modality", choice=True)
OBJECTIVE = Column("objective", "Objective", choice=True)
P = Column("p", "p", number=True, choice=True)
WEIGHTING = Column("weighting", "Weighting", choice=True)


def run_records(runs: Runs, config: Config, model: Mapping[str, Any]) -> Records:
    """A record for each run, with the same number; ``model`` is the record of the model."""
    records = Records()
    for path, run in zip(runs.paths, runs.metrics, strict=True):
        variant = f", p {run['p']}, {run['weighting']}" if run["objective"] == "minmaxgap" else ""
        name = f"{NAMES[run['objective']]}, {run['modality']}{variant}, seed {run['seed']}"
        run_record(records, name, path, run, config, [("Model", facts(model))])
    return records


def performance_page(path: str, runs: Runs, config: Config, model: Mapping[str, Any]) -> Page:
    """Performance and gaps by modality, objective and language.

    Args:
        path: of ``performance.csv``.
        runs: of the grid.
        config: the resolved configuration.
        model: the record of the model.
    """
    shown = config["llm"]["tables"]

    def behind(row: dict[str, Any]) -> list[int]:
        return _runs_of(runs, row, shown)

    head = ["languages", "modality", "objective", "language"]
    page = _estimates_page(path, head, behind, runs, config, model)
    language = Column("language", "Tested on", choice=True)
    return Page(
        name="performance",
        title="Performance and gender gaps",
        lede="Percentage points by modality, objective and language; gaps are between women and "
        f"men. ERM-MinMaxGAP has p {shown['p']} and {shown['weighting']} weighting.",
        **page | {"columns": [OBJECTIVE, MODALITY, language, LANGUAGES, *page["columns"]]},
    )


def ablation_page(path: str, runs: Runs, config: Config, model: Mapping[str, Any]) -> Page:
    """Every variant of minmaxgap; arguments as of :func:`performance_page`."""

    def behind(row: dict[str, Any]) -> list[int]:
        return _runs_of(runs, row, {"p": row["p"], "weighting": row["weighting"]})

    head = ["languages", "modality", "objective", "p", "weighting"]
    page = _estimates_page(path, head, behind, runs, config, model)
    return Page(
        name="ablation",
        title="Variants of the gap",
        lede="Every exponent p and weighting of the gap beside ERM: percentage points, all clips.",
        **page | {"columns": [OBJECTIVE, P, WEIGHTING, MODALITY, LANGUAGES, *page["columns"]]},
    )


def gains_page(path: str, runs: Runs, config: Config, model: Mapping[str, Any]) -> Page:
    """What minmaxgap gains beside the published gains; arguments as of :func:`performance_page`."""
    records = run_records(runs, config, model)
    rows = []
    for line in pl.read_csv(path).to_dicts():
        ours = _runs_of(runs, {**line, "objective": NAMES["minmaxgap"]}, config["llm"]["tables"])
        base = {**line, "objective": line["baseline"]}
        behind = [*ours, *_runs_of(runs, base, config["llm"]["tables"])]
        values = [runs.metrics[i]["test"]["all"][line["column"]] for i in behind]
        cells = {name: text(line[name]) for name in ("languages", "modality")}
        cells |= {"column": text(LABELS[line["column"]]), "baseline": text(line["baseline"])}
        cells |= {
            name: number(line[name], 2, opens=name == "ours")
            for name in ("ours", "published", "difference")
        }
        rows.append(Row(cells, behind, {"ours": values}))
    return Page(
        name="gains_vs_paper",
        title="Gains beside the published ones",
        lede="What ERM-MinMaxGAP changes, in percentage points; the paper does not name its "
        "baseline, so that both are shown.",
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
        records=records.records,
        sections=records.sections,
        files=[path],
    )


def rates_page(runs: Runs, config: Config, model: Mapping[str, Any]) -> Page:
    """Rates by emotion and gender of every run; arguments as of :func:`performance_page`."""
    records = run_records(runs, config, model)
    variants: dict[tuple[Any, ...], list[int]] = {}
    names = ("objective", "p", "weighting", "modality", "languages")
    for i, run in enumerate(runs.metrics):
        variants.setdefault(tuple(run[name] for name in names), []).append(i)
    heads = [(_head(dict(zip(names, key, strict=True))), found) for key, found in variants.items()]
    lines: list[Lines] = [
        {
            (scope, label, group): line
            for scope, found in run["test"].items()
            for label, groups in found["gender"]["rates"].items()
            for group, line in groups.items()
        }
        for run in runs.metrics
    ]
    return Page(
        name="rates",
        title="Rates by emotion and gender",
        lede="How each model treats each emotion of women and men: test clips, means over seeds.",
        columns=[
            *(OBJECTIVE, P, WEIGHTING, MODALITY, LANGUAGES),
            Column("language", "Tested on", choice=True, start="all"),
            *rate_columns(),
        ],
        rows=rate_rows(heads, lines, ("language", "class", "group"), [1] * len(lines)),
        records=records.records,
        sections=records.sections,
        legend=[NO_RATE],
    )


def runs_page(runs: Runs, config: Config, model: Mapping[str, Any]) -> Page:
    """Every run with its measures on all test clips; arguments as of :func:`performance_page`."""
    records = run_records(runs, config, model)
    rows = []
    for i, run in enumerate(runs.metrics):
        measured, seconds = run["test"]["all"], sum(run["seconds"].values())
        cells = _head(run) | {"seed": number(run["seed"])}
        cells |= {name: number(measured[name], 2, opens=True) for name in LABELS}
        cells |= {"best": number(run["best_round"]), "unparsed": number(measured["unparsed"])}
        cells |= {"seconds": Cell(plain(seconds, 1), seconds)}
        rows.append(Row(cells, [i], {name: [measured[name]] for name in LABELS}))
    return Page(
        name="runs",
        title="Runs",
        lede=f"Every run of the grid, {len(rows)} in all; percentage points on all test clips.",
        columns=[
            *(OBJECTIVE, P, WEIGHTING, MODALITY, LANGUAGES),
            Column("seed", "Seed", number=True, choice=True),
            *_columns(),
            Column("best", "Best round", number=True),
            Column("unparsed", "Unparsed", number=True, help="Answers that are no label word."),
            Column("seconds", "Seconds", number=True, help="Loading, training and predicting."),
        ],
        rows=rows,
        records=records.records,
        sections=records.sections,
    )


def _head(run: Mapping[str, Any]) -> dict[str, Cell]:
    """What names a configuration."""
    return {
        "objective": text(NAMES[run["objective"]]),
        "p": number(run["p"] or None),
        "weighting": text(run["weighting"]),
        "modality": text(run["modality"]),
        "languages": text(run["languages"]),
    }


def _columns() -> list[Column]:
    return [Column(n, label, number=True, help=HELP.get(n, "")) for n, label in LABELS.items()]


def _runs_of(runs: Runs, row: Mapping[str, Any], shown: Mapping[str, Any]) -> list[int]:
    """Runs of a row of a table; of minmaxgap those with the p and weighting that are shown."""
    objective = next(name for name, label in NAMES.items() if label == row["objective"])
    variant = shown if objective == "minmaxgap" else {}
    wanted = {"languages": row["languages"], "modality": row["modality"], **variant}
    return runs.where(objective=objective, **wanted)


def _estimates_page(
    path: str,
    head: Sequence[str],
    behind: Any,
    runs: Runs,
    config: Config,
    model: Mapping[str, Any],
) -> dict[str, Any]:
    """What the pages of estimates have in common, as keywords of :class:`Page`."""
    table = pl.read_csv(path)
    lines = table.to_dicts()

    def erm(row: dict[str, Any]) -> dict[str, Any] | None:
        same = {"languages", "modality", "language"} & row.keys()
        found = [x for x in lines if x["objective"] == NAMES["erm"]]
        return next((x for x in found if all(x[name] == row[name] for name in same)), None)

    def value(number: int, name: str, row: dict[str, Any]) -> float | None:
        run: Run = runs.metrics[number]
        return run["test"][row.get("language", "all")][name]

    records = run_records(runs, config, model)
    estimates = Estimates(table, head, list(LABELS), PERFORMANCE, 1, erm)
    return {
        "columns": _columns(),
        "rows": estimate_rows(estimates, behind, value),
        "records": records.records,
        "sections": records.sections,
        "legend": legend("(standard deviation over seeds, where there are several)", False),
        "files": [path],
    }
