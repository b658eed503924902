"""The folder of an audit: tables, figures, the verdict, and the record of how it was made."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from fairser.audit import verdict
from fairser.audit.figures import RATES, differences_figure, rates_figure
from fairser.audit.inputs import AuditInput
from fairser.audit.tables import Audit
from fairser.audit.verdict import Finding
from fairser.audit.wording import (
    by_size,
    class_words,
    group_words,
    largest_first,
    p_words,
    unsigned,
    words,
)
from fairser.core.errors import InputError
from fairser.core.files import read_json, sha256, write_json, write_text
from fairser.core.provenance import commit, versions
from fairser.core.text import estimate, interval, markdown, number
from fairser.results.style import save

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
    """Refuse to write into a folder that holds anything but an earlier audit."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder by --out.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    record = folder / RECORD
    try:
        ours = read_json(record)
        known = {*ours["files"], RECORD} if ours["kind"] == KIND else set()
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in known)
    if foreign:
        raise InputError(
            f"{folder} has files that no audit wrote, such as '{foreign[0]}'; name another folder "
            "by --out."
        )


def write_audit(folder: Path, audit: Audit, given: AuditInput) -> tuple[str, list[str]]:
    """Write everything; nothing is left in the folder where it fails.

    Args:
        folder: new, empty or of an earlier audit (:func:`check_folder`).
        audit: the numbers.
        given: the files that they come from.

    Returns:
        The verdict as text, and the names of the files.
    """
    findings = verdict.findings(audit)
    with _staged(folder) as stage:
        for name in TABLES:
            getattr(audit, name).write_csv(stage / f"{name}.csv")
        for rate, name in FIGURES.items():
            save(rates_figure(audit, rate), stage / f"{name}.svg", stage / f"{name}.png")
        save(differences_figure(audit), stage / "differences.svg", stage / "differences.png")
        write_text(stage / "audit.md", _document(audit, findings))
        names = sorted(path.name for path in stage.iterdir())
        write_json(stage / RECORD, _record(audit, given, findings, names))
    return text(audit, findings), [*names, RECORD]


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """A folder beside, whose files are moved into ``folder`` when all of them are there."""
    stage = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    stage.mkdir(parents=True)
    try:
        yield stage
        folder.mkdir(exist_ok=True)
        # The record comes last, so that it never stands beside files of another audit.
        for path in sorted(stage.iterdir(), key=lambda path: path.name == RECORD):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(stage)


def text(audit: Audit, findings: list[Finding]) -> str:
    """The verdict for a terminal."""
    lines = [*verdict.warnings(audit), verdict.headline(audit), verdict.summary(findings), ""]
    for finding in findings:
        title = words(finding.attribute).capitalize()
        lines += [title, *(f"  {sentence}" for sentence in finding.sentences), ""]
    return "\n".join([*lines, *audit.notes]).rstrip() + "\n"


def _document(audit: Audit, findings: list[Finding]) -> str:
    """The verdict and the tables in Markdown."""
    parts = ["# Audit", *verdict.warnings(audit), verdict.headline(audit)]
    parts.append(f"**{verdict.summary(findings)}**")
    for finding in findings:
        name = finding.attribute
        parts += [f"## {words(name).capitalize()}", " ".join(finding.sentences)]
        parts += [_recall_table(audit, name), _gap_table(audit, name)]
    parts += ["## Significant differences", _difference_table(audit)]
    parts += [f"![{title} by class and group]({FIGURES[r]}.svg)" for r, title in RATES.items()]
    parts += ["![Largest differences](differences.svg)"]
    parts += ["## Performance by group", _performance_table(audit)]
    if audit.notes:
        parts += ["## Left out or assumed", "\n".join(f"- {n}" for n in audit.notes)]
    tested = int(audit.differences["p"].count())
    how = HOW.format(units=audit.units.name, resamples=audit.resamples, tested=tested)
    parts += ["## How to read this", how]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _recall_table(audit: Audit, attribute: str) -> str:
    mine = audit.rates.filter(pl.col("attribute") == attribute)
    groups = mine["group"].unique(maintain_order=True)
    cells = [
        [class_words(name), *(estimate(row, "tpr") for row in part.to_dicts())]
        for (name,), part in mine.group_by("class", maintain_order=True)
    ]
    return markdown(["Recall of", *(group_words(attribute, group) for group in groups)], cells)


def _gap_table(audit: Audit, attribute: str) -> str:
    gaps = audit.gaps.filter(
        pl.col("attribute") == attribute,
        pl.col("variant") == "pairwise",
        pl.col("class").is_null(),
    )
    rows = [
        [name, estimate(row, "gap"), number(row["chance"]), number(row["p"])]
        for name, row in zip(GAPS, gaps.to_dicts(), strict=True)
    ]
    return markdown(["Gap in", "gap", "by chance", "p"], rows)


def _difference_table(audit: Audit) -> str:
    found = largest_first(audit.differences.filter("stands_out"))
    if not found:
        return "None."
    rows = []
    for row in found[:MOST_ROWS]:
        groups = [f"{name} ({rate:.3f})" for name, rate in by_size(row["attribute"], row)]
        value, low, high = unsigned(row)
        difference = f"{number(value)} {interval(low, high)}"
        p = p_words(row["p_holm"]).removeprefix("p ").removeprefix("= ")
        rate = RATES.get(row["rate"], "Predicted")
        rows.append([rate, class_words(row["class"]), *groups, difference, p])
    head = ["rate", "class", "higher for", "than for", "difference", "p"]
    more = len(found) - len(rows)
    rest = f"\n\nThe file differences.csv has {more} more." if more > 0 else ""
    return markdown(head, rows) + rest


def _performance_table(audit: Audit) -> str:
    metrics = [name for name in verdict.METRICS if name in audit.performance.columns]
    units = list(dict.fromkeys((audit.units.name, "clips")))
    rows = []
    for row in audit.performance.to_dicts():
        name = group_words(row["attribute"], row["group"]) if row["attribute"] else row["group"]
        counts = [str(row[unit]) for unit in units]
        rows.append([name, *counts, *(estimate(row, metric) for metric in metrics)])
    return markdown(["", *units, *(verdict.METRICS[name] for name in metrics)], rows)


def _record(
    audit: Audit, given: AuditInput, findings: list[Finding], names: list[str]
) -> dict[str, Any]:
    decisions, units = audit.decisions, audit.units
    return {
        "kind": KIND,
        "files": names,
        "verdict": {
            "warnings": verdict.warnings(audit),
            "headline": verdict.headline(audit),
            "summary": verdict.summary(findings),
            "attributes": {
                f.attribute: {"stands_out": f.stands_out, "sentences": f.sentences}
                for f in findings
            },
        },
        "notes": audit.notes,
        "settings": {
            "classes": list(decisions.classes),
            "labels": "one per clip" if decisions.single else "by class",
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
