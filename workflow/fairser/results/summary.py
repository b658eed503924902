"""What a finished workflow tells its user: what was made, what it says, where it is, what next."""

import csv
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SIGNIFICANT = 0.05
WIDTH = 100
# The other study's first table, and what it is.
ABLATION = "Performance and gender gaps by modality and objective"
SYNTHETIC = "The demo's speech is synthetic: its numbers show the machinery, and nothing of people."
# Rules that take long, and what they do.
LONG = {
    "signal_features": "features",
    "model_features": "features",
    "train": "training",
    "llm_zero_shot": "zero-shot predictions",
    "llm_train": "training",
}

Row = dict[str, str]


@dataclass(frozen=True)
class Made:
    """What one invocation of the workflow made.

    Attributes:
        results: the results folder.
        files: output files of the jobs that it ran.
        benchmarks: rule and benchmark file of those jobs that have one.
        seconds: wall time.
        config_files: of the configuration, as they were given.
        reported: whether there is a rule `report`.
    """

    results: str
    files: Sequence[str]
    benchmarks: Sequence[tuple[str, str]] = ()
    seconds: float = 0.0
    config_files: Sequence[str] = ()
    reported: bool = False


def success(made: Made, attribute: str, synthetic: bool) -> str:
    """The last words of a run that succeeded.

    Args:
        made: by this run.
        attribute: whose gap Table 1 shows.
        synthetic: whether the corpus is the demo's.
    """
    parts = [f"Done in {_duration(made.seconds)}. {_counts(made)}{_where_time_went(made)}"]
    folder = Path(made.results)
    table1, ablation = folder / "table1.csv", folder / "ablation.md"
    files = {Path(file) for file in made.files}
    if table1 in files:
        with table1.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        parts += [_table(rows, attribute), headline(rows, attribute)]
        parts += [SYNTHETIC] if synthetic else []
    elif folder / "ablation.csv" in files:
        parts.append(f"{ABLATION}\n\n{ablation.read_text(encoding='utf-8').rstrip()}")
        parts += [SYNTHETIC] if synthetic else []
    parts += [_places(made), _next(made)]
    return "\n" + "\n\n".join(filter(None, parts)) + "\n\n"


def headline(rows: Sequence[Row], attribute: str) -> str:
    """ERM's gap and the smallest one, as far as the numbers carry; nothing without either.

    Args:
        rows: of Table 1, as its csv has them.
        attribute: whose gap it shows.
    """
    erm = next((row for row in rows if row["method"] == "ERM" and row["tpr_gap"]), None)
    if erm is None:
        return ""
    lines = [
        f"ERM's tpr_gap, between groups of {attribute}, is {_value(erm, 'tpr_gap')} at an F1 of "
        f"{_value(erm, 'f1')}."
    ]
    tested = [row for row in rows if row["tpr_gap"] and row["tpr_gap_p"]]
    if tested:
        best = min(tested, key=lambda row: float(row["tpr_gap"]))
        lines.append(_compared(best, erm, len(tested)))
    return "\n".join(textwrap.fill(line, WIDTH, break_on_hyphens=False) for line in lines)


def _compared(best: Row, erm: Row, rows: int) -> str:
    """How the smallest gap stands to ERM's, as far as its p-value among so many rows carries."""
    name = best["method"]
    name += f" with {best['source']} groups" if best["source"] != "none" else ""
    if float(best["tpr_gap"]) >= float(erm["tpr_gap"]):
        return f"No method has a smaller one; the smallest of theirs is that of {name}."
    p = float(best["tpr_gap_p"])
    verdict = "is significant" if p < SIGNIFICANT else "is not significant"
    text = (
        f"The smallest is that of {name}, {_value(best, 'tpr_gap')} at an F1 of "
        f"{_value(best, 'f1')}. Its difference to ERM {verdict} over speakers (Holm-corrected "
        f"p = {p:.3f}, {rows} row{'s' * (rows != 1)})."
    )
    if best["f1_p"] and float(best["f1_p"]) < SIGNIFICANT:
        way = "lower" if float(best["f1"]) < float(erm["f1"]) else "higher"
        text += f" Its F1 is significantly {way} (p = {float(best['f1_p']):.3f})."
    return text


def _value(row: Row, name: str) -> str:
    text = f"{float(row[name]):.3f}"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{text} [{float(low):.3f}, {float(high):.3f}]" if low else text


def _table(rows: Sequence[Row], attribute: str) -> str:
    """F1 and the gap of every row but the gains, with their intervals, 80 columns wide."""
    shown = [row for row in rows if row["method"] != "Gain"]
    cells = [("method", "source", "f1", "tpr_gap")]
    for row in shown:
        numbers = [_value(row, n) + _star(row, n) if row[n] else "" for n in ("f1", "tpr_gap")]
        cells.append((row["method"], row["source"], numbers[0], numbers[1]))
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines = [
        "  " + "  ".join(text.ljust(n) for text, n in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    title = f"Table 1: F1 and the gap between groups of {attribute}, with 95 % intervals"
    legend = f"  * differs from ERM, Holm-corrected p < {SIGNIFICANT:g}"
    return "\n".join([title, "", *lines, legend])


def _star(row: Row, name: str) -> str:
    p = row[f"{name}_p"]
    return " *" if p and float(p) < SIGNIFICANT else ""


def _counts(made: Made) -> str:
    """Such as ``Made: 42 runs, 5 tables, 4 figures.``"""
    folder = Path(made.results)
    below = [Path(file).relative_to(folder) for file in made.files if _is_below(file, folder)]
    numbers = {
        "run": sum(path.name == "metrics.json" for path in below),
        "table": sum(path.suffix == ".csv" and len(path.parts) == 1 for path in below),
        "figure": sum(path.suffix == ".svg" for path in below),
    }
    told = [f"{number:,} {what}{'s' * (number != 1)}" for what, number in numbers.items() if number]
    return f"Made: {', '.join(told)}." if told else f"Made: {len(made.files):,} files."


def _is_below(file: str, folder: Path) -> bool:
    return Path(file).is_relative_to(folder)


def _where_time_went(made: Made) -> str:
    """The time of the long jobs together; nothing without any."""
    times: dict[str, list[float]] = {}
    for rule, path in made.benchmarks:
        if rule in LONG and Path(path).is_file():
            with Path(path).open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file, delimiter="\t")
                times.setdefault(LONG[rule], []).extend(float(row["s"]) for row in rows)
    told = [
        f"{what} {_duration(sum(found))} in {len(found):,} job{'s' * (len(found) != 1)}"
        for what, found in sorted(times.items(), key=lambda item: -sum(item[1]))
    ]
    return f"\nTime of jobs, added up: {', '.join(told)}." if told else ""


def _places(made: Made) -> str:
    """Where the files are, as far as this run made such."""
    folder = Path(made.results)
    below = [Path(file).relative_to(folder) for file in made.files if _is_below(file, folder)]
    tables = sorted(str(path) for path in below if path.suffix == ".csv" and len(path.parts) == 1)
    lines = []
    if tables:
        names = ", ".join(path.removesuffix(".csv") for path in tables)
        lines.append(f"  Tables   {folder}/*.csv, also .md and .tex: {names}")
    if any(path.suffix == ".svg" for path in below):
        lines.append(f"  Figures  {folder}/figures, svg and png")
    if any(path.name == "metrics.json" for path in below):
        lines.append(f"  Runs     {folder}/runs: metrics, predictions, model; {folder}/grid.csv")
    lines.append(f"  Logs     {folder}/logs")
    return "\n".join(["Where", *lines])


def _next(made: Made) -> str:
    page = Path(made.results, "report.html")
    lines = []
    if _is_current(page, made.files):
        lines.append(f"  Open {page}: tables and figures on one page")
    elif made.reported:
        command = " ".join(["snakemake report --configfile", *made.config_files])
        lines.append(f"  {command}    puts all of it on one page")
    if any(Path(file).name == "metrics.json" for file in made.files):
        lines.append("  README.md, 'What comes out', says what each file and column is")
        lines.append("  python scripts/audit.py --help    audits any other model's predictions")
    return "\n".join(["Next", *lines]) if lines else ""


def _is_current(page: Path, files: Sequence[str]) -> bool:
    """Whether there is a page and nothing that this run made is newer."""
    if not page.is_file():
        return False
    times = [Path(file).stat().st_mtime for file in files if Path(file).exists()]
    return page.stat().st_mtime >= max(times, default=0.0)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
