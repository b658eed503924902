"""How any classifier's predictions differ between groups of speakers: which, how much, how surely.

No training and no audio: a table of predictions with the labels, and a table of the speakers.

  scripts/audit.py predictions.csv --groups speakers.csv
  scripts/audit.py predictions.csv --groups speakers.csv --cross gender race --out audit

predictions.csv has the columns clip, speaker, label, prediction. Instead of prediction there may
be probabilities by class (prediction_CLASS), and where clips have several labels, a label by class
as well (label_CLASS). speakers.csv has the column speaker, or clip, and one per attribute.

A run of this workflow:

  scripts/audit.py results/runs/erm/none/k1/fold*/seed0/predictions.parquet \\
      --labels results/clips.parquet

docs/audit.md says what every file holds and how to read the verdict.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from fairser.commands.base import command, new_parser, whole_number
from fairser.core.errors import InputError


def parser() -> argparse.ArgumentParser:
    made = new_parser("audit", __doc__)
    add = made.add_argument
    add(
        "predictions",
        nargs="+",
        type=Path,
        metavar="PREDICTIONS",
        help="csv, tsv or parquet of predictions; several files, as of folds, are taken together",
    )
    add(
        "--groups",
        type=Path,
        metavar="FILE",
        help="attributes by speaker or by clip (default: those in the other files)",
    )
    add(
        "--labels",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="labels by clip, where the predictions do not hold them",
    )
    add(
        "--attributes",
        nargs="+",
        default=[],
        metavar="NAME",
        help="attributes to compare groups by (default: all of --groups)",
    )
    add(
        "--cross",
        nargs="+",
        action="append",
        default=[],
        metavar="NAME",
        help="cross attributes, as gender race; may be given several times",
    )
    add(
        "--classes",
        nargs="+",
        default=[],
        metavar="NAME",
        help="all classes, where the files leave doubts (default: those of the files)",
    )
    add(
        "--threshold",
        type=_share,
        metavar="T",
        help="above which a class counts as predicted, with labels by class (default: 1 / classes)",
    )
    add(
        "--label-threshold",
        type=_share,
        metavar="T",
        help="above which a class counts as there, with labels by class (default: 1 / classes)",
    )
    add(
        "--split",
        metavar="NAME",
        help="which clips count, where the predictions have a column split (default: test)",
    )
    add(
        "--smallest",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="leave out groups with fewer speakers than this (default: 1)",
    )
    add(
        "--resamples",
        type=whole_number(1),
        default=1000,
        metavar="N",
        help="resamples of the speakers, and permutations (default: 1000)",
    )
    add("--seed", type=whole_number(0), default=0, help="of the resamples (default: 0)")
    add(
        "--out",
        type=Path,
        default=Path("audit"),
        metavar="FOLDER",
        help="new folder, or that of an earlier audit (default: audit)",
    )
    return made


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return value


def _names(given: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Single attributes and crossings, which may be written ``gender*race``."""
    from fairser.corpora.demographics import attribute_name

    parts = [[attribute_name(part) for part in name.split("*")] for name in given]
    return [names[0] for names in parts if len(names) == 1], [n for n in parts if len(n) > 1]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    from fairser.audit.report import check_folder, write_audit
    from fairser.audit.inputs import AuditInput
    from fairser.audit.tables import make_audit

    attributes, crossings = _names(given.attributes)
    for names in given.cross:
        crossed = "*".join(names)
        if "*" not in crossed:
            raise InputError(f"--cross {crossed} is one attribute; name two, as gender race.")
        crossings += _names([crossed])[1]
    sources = AuditInput(
        predictions=given.predictions,
        labels=given.labels,
        groups=given.groups,
        classes=given.classes,
        threshold=given.threshold,
        label_threshold=given.label_threshold,
        split=given.split,
        attributes=attributes,
        crossings=crossings,
        smallest=given.smallest,
    )
    check_folder(given.out)
    audit = make_audit(sources, given.resamples, given.seed)
    verdict, names = write_audit(given.out, audit, sources)
    print(verdict)
    print(f"Written to {given.out}: {', '.join(names)}")
    return 0
