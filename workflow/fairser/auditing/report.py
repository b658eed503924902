"""The folder of an audit: tables, figures, the verdict, and the record of how it was made."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fairser.auditing.contents import (
    HOW,
    Cells,
    difference_table,
    gap_table,
    performance_table,
    plain_text,
    recall_table,
)
from fairser.auditing.figures import FIGURES, RATES, all_figures
from fairser.auditing.inputs import AuditInput
from fairser.auditing.tables import TABLES, Audit
from fairser.auditing.verdict import Verdict, judge
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
from fairser.core.text import markdown
from fairser.results.style import save, words
from fairser.results.writing import write_csv

RECORD = "audit.json"
KIND = "fair-ser audit"


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
        for name, figure in all_figures(audit).items():
            save(figure, stage / f"{name}.svg", stage / f"{name}.png")
        write_text(stage / "audit.md", document(audit, verdict))
        names = sorted(path.name for path in stage.iterdir())
        write_json(stage / RECORD, _record(audit, given, verdict, names))
        folder.mkdir(exist_ok=True)
        # The record comes last, so that it is never beside files of another audit.
        for name in (*names, RECORD):
            (stage / name).replace(folder / name)
    return plain_text(verdict, audit.notes), [*names, RECORD]


def document(audit: Audit, verdict: Verdict) -> str:
    """The verdict and the tables in Markdown."""
    plain = escape.markdown
    parts = ["# Audit", *map(plain, [*verdict.warnings, verdict.headline])]
    parts += [f"> {plain(verdict.summary)}"]  # in bold, a star of a name could end it
    for name, finding in verdict.attributes.items():
        parts += [f"## {plain(words(name).capitalize())}", plain(" ".join(finding.sentences))]
        tables = recall_table(audit, name), gap_table(audit, name)
        parts += [markdown(*table) for table in tables]
    parts += ["## Significant differences", _differences(audit, difference_table(audit))]
    parts += [f"![{title} by class and group]({FIGURES[r]}.svg)" for r, title in RATES.items()]
    parts += ["![Largest differences](differences.svg)"]
    parts += ["## Performance by group", markdown(*performance_table(audit))]
    if audit.notes:
        parts += ["## Left out or assumed", "\n".join(f"- {plain(n)}" for n in audit.notes)]
    tested = int(audit.differences["p"].count())
    how = HOW.format(units=audit.units.name, resamples=audit.resamples, tested=tested)
    parts += ["## How to read this", how]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _differences(audit: Audit, table: Cells) -> str:
    if not table[1]:
        return "None."
    more = audit.differences["stands_out"].sum() - len(table[1])
    rest = f"\n\nThe file differences.csv has {more} more." if more > 0 else ""
    return markdown(*table) + rest


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
        "inputs": {str(f): sha256(f) for f in given.files if isinstance(f, Path)},
        "versions": versions(),
        "commit": commit(),
    }
