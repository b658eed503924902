"""How the predictions of any classifier differ between groups of speakers, and how sure that is.

It needs no training and no audio, only a table of predictions with labels and one of speakers:

    python scripts/audit.py predictions.csv --groups speakers.csv
    python scripts/audit.py predictions.csv --groups speakers.csv --cross gender race --out audit

predictions.csv has the columns clip, speaker, label, prediction. Probabilities by class
(prediction_CLASS) may replace prediction; where clips have several labels, labels by class
(label_CLASS) replace label. speakers.csv has the column speaker, or clip, and one per attribute.

Other names of columns, the output of predict.py with a manifest, and a run of this workflow:

    python scripts/audit.py theirs.csv --clip path --label emotion --prediction predicted_emotion
    python scripts/audit.py out.csv --labels manifest.csv
    python scripts/audit.py results/runs/erm/none/k1/fold*/seed0/predictions.parquet \\
        --labels results/clips.parquet

docs/audit.md explains every file and how to read the verdict.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairser.commands.base import add_resampling, command, new_parser, whole_number
from fairser.core.errors import InputError

SAME_NAMES = (
    *("predictions", "labels", "groups", "classes", "threshold", "label_threshold"),
    *("split", "smallest"),
)
ROLES = ("clip", "speaker", "label", "prediction")


def parser() -> argparse.ArgumentParser:
    made = new_parser("audit", __doc__)
    add = made.add_argument
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    names: dict[str, Any] = {"nargs": "+", "default": [], "metavar": "NAME"}
    share: dict[str, Any] = {"type": _share, "metavar": "T"}
    text = "csv, tsv or parquet; several files, such as those of the folds, are audited together"
    add("predictions", nargs="+", type=Path, metavar="PREDICTIONS", help=text)
    text = "attributes by speaker or by clip (default: those of the other files)"
    add("--groups", help=text, **file)
    text = "labels by clip, if the predictions have none, such as a manifest"
    add("--labels", nargs="+", default=[], help=text, **file)
    for role in ROLES:
        text = f"column that is the {role}, in the files that have it (default: {role})"
        add(f"--{role}", metavar="COLUMN", help=text)
    text = "attributes to compare groups by (default: all of --groups)"
    add("--attributes", help=text, **names)
    text = "attributes to cross, such as gender race; may be given several times"
    add("--cross", action="append", help=text, **names)
    add("--classes", help="all classes (default: those of the files)", **names)
    text = "with several labels per clip: a class is predicted above it (default: 1 / classes)"
    add("--threshold", help=text, **share)
    text = "with several labels per clip: a clip has a class above it (default: 1 / classes)"
    add("--label-threshold", help=text, **share)
    text = "clips to audit, if predictions or labels have a column split (default: test)"
    add("--split", metavar="NAME", help=text)
    text = "leave out groups with fewer speakers (default: 1)"
    add("--smallest", type=whole_number(1), default=1, metavar="N", help=text)
    add_resampling(made)
    text = "new folder, or that of an earlier audit (default: audit)"
    add("--out", type=Path, default=Path("audit"), metavar="FOLDER", help=text)
    return made


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return value


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    from fairser.auditing.inputs import AuditInput
    from fairser.auditing.report import check_folder, write_audit
    from fairser.auditing.tables import make_audit
    from fairser.corpora.demographics import attribute_name

    crossed = [name for name in given.attributes if "*" in name]
    for names in given.cross:
        crossed.append("*".join(names))
        if "*" not in crossed[-1]:
            raise InputError(
                f"--cross {names[0]} is only one attribute; name two, such as gender race."
            )
    audited = AuditInput(
        **{name: getattr(given, name) for name in SAME_NAMES},
        attributes=[attribute_name(name) for name in given.attributes if "*" not in name],
        columns={role: getattr(given, role) for role in ROLES if getattr(given, role)},
        crossings=[[attribute_name(part) for part in name.split("*")] for name in crossed],
    )
    check_folder(given.out)
    audit = make_audit(audited, given.resamples, given.seed)
    verdict, names = write_audit(given.out, audit, audited)
    print(verdict)
    print(f"Written to {given.out}: {', '.join(names)}")
    return 0
