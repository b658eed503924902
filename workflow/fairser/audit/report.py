"""The folder of an audit: tables, figures, the verdict, and the record of how it came about."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from fairser.audit import verdict
from fairser.audit.figures import RATES, differences_figure, rates_figure
from fairser.audit.sources import Sources
from fairser.audit.tables import Audit
from fairser.audit.verdict import Finding
from fairser.audit.wording import attribute_title, class_words, group_words, p_words
from fairser.core.errors import InputError
from fairser.core.files import read_json, sha256, write_json, write_text
from fairser.core.provenance import commit, versions
from fairser.results.style import save
from fairser.results.writing import markdown

RECORD = "audit.json"
KIND = "fair-ser audit"
TABLES = ("performance", "rates", "gaps", "differences")
FIGURES = {"tpr": "recall", "fpr": "false_alarms"}
GAPS = ("recall", "share of clips predicted", "false alarms")  # in the order of metrics.RATES
GAP_SCHEMA = {"Gap in": pl.String, "gap": pl.String, "by chance": pl.Float64, "p": pl.Float64}
MOST_ROWS = 30
HOW = (
    "**Recall** is the share of the clips of an emotion that are recognised; **false alarms** the "
    "share of the clips without it that are taken for it. The **gap** in recall compares the best "
    "and the worst group class by class and sums the classes up by their root mean square. "
    "**Intervals** hold 95 % of what other speakers like these would give (bootstrap over "
    "{units}). What **chance** gives is the mean of {resamples:,} audits in which the groups were "
    "dealt out anew among the {units}, and p the share of these whose gap is as large. p-values of "
    "single differences are corrected (Holm) for all {tested:,} that were tested. A difference "
    "says where a classifier is uneven, not why: groups may also differ in what they said or how "
    "they were recorded. That nothing stands out does not show that there is nothing."
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
            f"{folder} holds files that are no audit's, such as '{foreign[0]}'; name another "
            "folder by --out."
        )


def write_audit(folder: Path, audit: Audit, sources: Sources) -> tuple[str, list[str]]:
    """Write everything; nothing is left in the folder where it fails.

    Args:
        folder: new, empty or of an earlier audit (:func:`check_folder`).
        audit: the numbers.
        sources: the files that they come from.

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
        write_text(stage / "audit.md", _markdown(audit, findings))
        names = sorted(path.name for path in stage.iterdir())
        write_json(stage / RECORD, _record(audit, sources, findings, names))
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
        title = attribute_title(finding.attribute).capitalize()
        lines += [title, *(f"  {sentence}" for sentence in finding.sentences), ""]
    return "\n".join([*lines, *audit.notes]).rstrip() + "\n"


def _markdown(audit: Audit, findings: list[Finding]) -> str:
    parts = ["# Audit", *verdict.warnings(audit), verdict.headline(audit)]
    parts.append(f"**{verdict.summary(findings)}**")
    for finding in findings:
        name = finding.attribute
        parts += [f"## {attribute_title(name).capitalize()}", " ".join(finding.sentences)]
        parts += [_recall_table(audit, name), _gap_table(audit, name)]
    parts += ["## Differences that stand out", _difference_table(audit)]
    parts += [f"![{title} by class and group]({FIGURES[r]}.svg)" for r, title in RATES.items()]
    parts += ["![Largest differences](differences.svg)"]
    parts += ["## Performance by group", _performance_table(audit)]
    if audit.notes:
        parts += ["## What was left out or assumed", "\n".join(f"- {n}" for n in audit.notes)]
    tested = int(audit.differences["p"].count())
    how = HOW.format(units=audit.units.name, resamples=audit.resamples, tested=tested)
    parts += ["## How to read this", how]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _cell(row: dict[str, Any], name: str) -> str:
    """A number with its interval."""
    if row[name] is None:
        return ""
    if row[f"{name}_low"] is None:
        return f"{row[name]:.3f}"
    return f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]"


def _recall_table(audit: Audit, attribute: str) -> str:
    mine = audit.rates.filter(pl.col("attribute") == attribute)
    columns = {"Recall of": [class_words(name) for name in audit.decisions.classes]}
    for (group,), part in mine.group_by("group", maintain_order=True):
        columns[group_words(attribute, str(group))] = [_cell(row, "tpr") for row in part.to_dicts()]
    return markdown(pl.DataFrame(columns))


def _gap_table(audit: Audit, attribute: str) -> str:
    gaps = audit.gaps.filter(
        pl.col("attribute") == attribute,
        pl.col("variant") == "pairwise",
        pl.col("class").is_null(),
    )
    rows = [
        {"Gap in": name, "gap": _cell(row, "gap"), "by chance": row["chance"], "p": row["p"]}
        for name, row in zip(GAPS, gaps.to_dicts(), strict=True)
    ]
    return markdown(pl.DataFrame(rows, schema=GAP_SCHEMA))


def _difference_table(audit: Audit) -> str:
    found = audit.differences.filter("stands_out")
    if not found.height:
        return "None."
    rows = []
    for row in found.sort(pl.col("difference").abs(), descending=True).head(MOST_ROWS).to_dicts():
        higher, lower = verdict.by_size(row["attribute"], row)
        value, low, high = verdict.unsigned(row)
        cells = {"rate": RATES.get(row["rate"], "Predicted"), "class": class_words(row["class"])}
        cells |= {"higher for": f"{higher[0]} ({higher[1]:.3f})"}
        cells |= {"than for": f"{lower[0]} ({lower[1]:.3f})"}
        cells |= {"difference": f"{value:.3f} [{low:.3f}, {high:.3f}]"}
        rows.append(cells | {"p": p_words(row["p_holm"]).removeprefix("p ").removeprefix("= ")})
    more = found.height - len(rows)
    rest = f"\n\nAnd {more} more in differences.csv." if more else ""
    return markdown(pl.DataFrame(rows)) + rest


def _performance_table(audit: Audit) -> str:
    metrics = [name for name in verdict.METRICS if name in audit.performance.columns]
    rows = []
    for row in audit.performance.to_dicts():
        name = group_words(row["attribute"], row["group"]) if row["attribute"] else row["group"]
        counts = {unit: row[unit] for unit in dict.fromkeys((audit.units.name, "clips"))}
        rows.append({"": name, **counts, **{verdict.METRICS[m]: _cell(row, m) for m in metrics}})
    return markdown(pl.DataFrame(rows))


def _record(
    audit: Audit, sources: Sources, findings: list[Finding], names: list[str]
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
            "split": sources.split,
            "smallest": sources.smallest,
            "resamples": audit.resamples,
            "seed": audit.seed,
        },
        "clips": len(decisions.truth),
        "units": {"kind": units.name, "count": units.count},
        "attributes": {
            a.name: {"groups": list(a.groups), "unknown_clips": a.unknown} for a in audit.attributes
        },
        **{name: getattr(audit, name).to_dicts() for name in TABLES},
        "inputs": {str(path): sha256(path) for path in sources.files},
        "versions": versions(),
        "commit": commit(),
    }
