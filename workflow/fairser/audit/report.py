"""The folder of an audit: tables, figures, the verdict, and the record of how it was made."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from fairser.audit.figures import RATES, differences_figure, rates_figure
from fairser.audit.inputs import AuditInput
from fairser.audit.tables import Audit
from fairser.audit.verdict import Verdict, judge
from fairser.audit.wording import (
    class_words,
    group_words,
    largest_first,
    metric_titles,
    p_words,
    people,
)
from fairser.core import escape
from fairser.core.errors import InputError
from fairser.core.files import (
    check_target_folder,
    read_json,
    sha256,
    write_json,
    write_text,
)
from fairser.core.provenance import commit, versions
from fairser.core.text import estimate, markdown, number
from fairser.results.style import save, words
from fairser.results.writing import write_csv

RECORD = "audit.json"
KIND = "fair-ser audit"
TABLES = ("performance", "rates", "gaps", "differences")
FIGURES = {"tpr": "recall", "fpr": "false_alarms"}
GAPS = ("recall", "share of clips predicted", "false alarms")  # in the order of metrics.RATES
MOST_ROWS = 30
HOW = (
    "**Recall** is the share of the clips of a class that are recognised. **False alarms** are the "
    "share of the clips of other classes that are predicted as the class. The **gap** in recall is "
    "the difference between the best and the worst group, class by class, and the root mean square "
    "of these over the classes. **Intervals** contain 95 % of the values that other speakers like "
    "these would give (bootstrap over {units}). The gap by **chance** is the mean of {resamples:,} "
    "audits with the groups shuffled among the {units}; its p-value is the share of these with a "
    "gap as large as the real one. p-values of single differences are corrected (Holm) for all "
    "{tested:,} differences that were tested. A significant difference shows where a classifier "
    "is uneven, not why: groups may also differ in what they said or how they were recorded. If "
    "nothing is significant, there may still be differences that are too small to detect."
)


def check_folder(folder: Path) -> None:
    """Refuse a folder that can't be written to, or holds anything but an earlier audit."""
    check_target_folder(folder)
    known = set()
    with suppress(OSError, InputError, KeyError, TypeError):
        record = read_json(folder / RECORD)
        known = {*record["files"], RECORD} if record["kind"] == KIND else set()
    foreign = sorted({path.name for path in folder.glob("*")} - known)
    if foreign:
        raise InputError(
            f"{folder} has files that no audit wrote, such as '{foreign[0]}'; name another folder "
            "by --out."
        )


def write_audit(folder: Path, audit: Audit, given: AuditInput) -> tuple[str, list[str]]:
    """Write everything; the verdict as text, and the names of the files.

    The folder passed :func:`check_folder`. If writing fails, it stays as it was.
    """
    verdict = judge(audit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".audit.", dir=folder.parent) as temporary:
        stage = Path(temporary)
        for name in TABLES:
            write_csv(stage / f"{name}.csv", getattr(audit, name))
        for rate, name in FIGURES.items():
            save(rates_figure(audit, rate), stage / f"{name}.svg", stage / f"{name}.png")
        save(differences_figure(audit), stage / "differences.svg", stage / "differences.png")
        write_text(stage / "audit.md", document(audit, verdict))
        names = sorted(path.name for path in stage.iterdir())
        write_json(stage / RECORD, _record(audit, given, verdict, names))
        folder.mkdir(exist_ok=True)
        # The record comes last, so that it is never beside files of another audit.
        for name in (*names, RECORD):
            (stage / name).replace(folder / name)
    return _text(verdict, audit.notes), [*names, RECORD]


def _text(verdict: Verdict, notes: list[str]) -> str:
    """The verdict for a terminal."""
    lines = [*verdict.warnings, verdict.headline, verdict.summary, ""]
    for name, finding in verdict.attributes.items():
        lines += [words(name).capitalize(), *(f"  {s}" for s in finding.sentences), ""]
    return "\n".join([*lines, *notes]).rstrip() + "\n"


def document(audit: Audit, verdict: Verdict) -> str:
    """The verdict and the tables in Markdown."""
    plain = escape.markdown
    parts = ["# Audit", *map(plain, [*verdict.warnings, verdict.headline])]
    parts += [f"> {plain(verdict.summary)}"]  # in bold, a star of a name could end it
    for name, finding in verdict.attributes.items():
        parts += [f"## {plain(words(name).capitalize())}", plain(" ".join(finding.sentences))]
        parts += [_recall_table(audit, name), _gap_table(audit, name)]
    parts += ["## Significant differences", _difference_table(audit)]
    parts += [f"![{title} by class and group]({FIGURES[r]}.svg)" for r, title in RATES.items()]
    parts += ["![Largest differences](differences.svg)"]
    parts += ["## Performance by group", _performance_table(audit)]
    if audit.notes:
        parts += ["## Left out or assumed", "\n".join(f"- {plain(n)}" for n in audit.notes)]
    tested = int(audit.differences["p"].count())
    how = HOW.format(units=audit.units.name, resamples=audit.resamples, tested=tested)
    parts += ["## How to read this", how]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _recall_table(audit: Audit, attribute: str) -> str:
    mine = audit.rates.filter(attribute=attribute)
    groups = mine["group"].unique(maintain_order=True)
    cells = [
        [class_words(name), *(estimate(row, "tpr") for row in part.to_dicts())]
        for (name,), part in mine.group_by("class", maintain_order=True)
    ]
    return markdown(["Recall of", *(group_words(attribute, group) for group in groups)], cells)


def _gap_table(audit: Audit, attribute: str) -> str:
    mine = audit.gaps.filter(pl.col("class").is_null(), attribute=attribute, variant="pairwise")
    rows = [
        [name, estimate(row, "gap"), number(row["chance"]), number(row["p"])]
        for name, row in zip(GAPS, mine.to_dicts(), strict=True)
    ]
    return markdown(["Gap in", "gap", "by chance", "p"], rows)


def _difference_table(audit: Audit) -> str:
    found = largest_first(audit.differences.filter("stands_out"))
    if not found.height:
        return "None."
    rows = []
    for row in found.head(MOST_ROWS).to_dicts():
        groups = [
            f"{people(row['attribute'], row[name])} ({number(row[f'{name}_rate'])})"
            for name in ("group", "other")
        ]
        difference = estimate(row, "difference")
        p = p_words(row["p_holm"]).removeprefix("p ").removeprefix("= ")
        rate = RATES.get(row["rate"], "Predicted")
        rows.append([rate, class_words(row["class"]), *groups, difference, p])
    head = ["rate", "class", "higher for", "than for", "difference", "p"]
    more = found.height - len(rows)
    rest = f"\n\nThe file differences.csv has {more} more." if more > 0 else ""
    return markdown(head, rows) + rest


def _performance_table(audit: Audit) -> str:
    metrics = metric_titles(audit.decisions.task)
    units = list(dict.fromkeys((audit.units.name, "clips")))
    rows = []
    for row in audit.performance.to_dicts():
        name = group_words(row["attribute"], row["group"]) if row["attribute"] else row["group"]
        counts = [str(row[unit]) for unit in units]
        rows.append([name, *counts, *(estimate(row, metric) for metric in metrics)])
    return markdown(["", *units, *metrics.values()], rows)


def _record(audit: Audit, given: AuditInput, verdict: Verdict, names: list[str]) -> dict[str, Any]:
    decisions, units = audit.decisions, audit.units
    return {
        "kind": KIND,
        "files": names,
        "verdict": asdict(verdict),
        "notes": audit.notes,
        "settings": {
            "classes": list(decisions.classes),
            "task": decisions.task,
            "thresholds": decisions.thresholds,
            "split": given.split,
            "smallest": given.smallest,
            "resamples": audit.resamples,
            "seed": audit.seed,
        },
        "clips": len(decisions.truth),
        "units": {"kind": units.name, "count": units.count},
        "attributes": {
            a.name: {"groups": list(a.groups), "unknown_clips": a.unknown} for a in audit.attributes
        },
        **{name: getattr(audit, name).to_dicts() for name in TABLES},
        "inputs": {str(path): sha256(path) for path in given.files},
        "versions": versions(),
        "commit": commit(),
    }
