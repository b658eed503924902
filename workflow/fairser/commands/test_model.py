"""Test a speech emotion model: is it right, for whom, and does that survive a phone line?

    python scripts/test_model.py MODEL --corpus clips.csv --audio FOLDER
    python scripts/test_model.py --command "python my_model.py {list} {output}" --corpus clips.csv

MODEL is an exported package or the folder of a run, a folder or a name (owner/name or
owner/name@commit) of a Hugging Face audio-classification model, module:function, or a folder with
ready predictions (clean.csv, white_noise.csv and so on). A function gets a list of waveforms and
their rate, and gives an array of clips x classes. A command gets a file with a path on each line,
and writes a csv with the columns file and one per class.

The audio is changed in many ways and the model is asked again each time; what it says is kept in
predictions/, so that a command which was interrupted goes on where it stopped. Clips that the model
fails at are listed in predictions/failures.csv; the others go on. The verdicts are printed, and are
in tests.json, tests.csv, junit.xml and on the page model_tests.html.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairser.commands.base import FOUND, command, new_parser, progress_on_stderr, whole_number
from fairser.core.errors import InputError, not_there
from fairser.core.words import counted

if TYPE_CHECKING:
    from fairser.model_tests.base import Answers
    from fairser.model_tests.conditions.catalogue import ConditionEntry
    from fairser.model_tests.parts import Source

FAMILIES = ("correctness", "fairness", "robustness")
OWN = ("noise", "rooms")  # folders of the user's own sounds
COMPARISON = "comparison.csv"
SHOWN = 5  # failures that are printed


def parser() -> argparse.ArgumentParser:
    made = new_parser("test_model", __doc__)
    add = made.add_argument
    add("model", nargs="?", metavar="MODEL", help="what is tested, as above")
    text = "clips with the columns file, speaker, emotion (or a column per class) and attributes"
    add("--corpus", required=True, type=Path, metavar="CSV", help=text)
    text = "folder that the files are relative to (default: that of the csv)"
    add("--audio", type=Path, metavar="FOLDER", help=text)
    text = "new folder, or that of an earlier test (default: results/model_tests)"
    add("--output", type=Path, default=Path("results/model_tests"), metavar="FOLDER", help=text)
    text = f"kinds of tests, with commas between them (default: all of {', '.join(FAMILIES)})"
    add("--only", type=_families, default=FAMILIES, metavar="KINDS", help=text)
    text = "names of the model's outputs in their order, with commas between them"
    add("--classes", type=_names, metavar="NAMES", help=text)
    text = (
        "attributes to compare groups by, such as gender,gender*age; pitch is found from the audio "
        "(default: gender, race, age and ethnicity, where known, else pitch)"
    )
    add("--attributes", type=_names, metavar="NAMES", help=text)
    text = "names of conditions or groups of them ('small changes'), with commas (default: all)"
    add("--conditions", type=_names, metavar="NAMES", help=text)
    text = "program to test in place of MODEL; {list} and {output} become the names of files"
    add("--command", metavar="PROGRAM", help=text)
    text = "another model, to compare with; its files are in compared/"
    add("--compare", metavar="MODEL", help=text)
    text = "exit with 1 if a test of these kinds failed (default: never)"
    add("--fail-on", type=_families, default=[], metavar="KINDS", help=text)
    text = "folder of noise of your own, which becomes another condition"
    add("--noise", type=Path, metavar="FOLDER", help=text)
    text = "folder of room responses of your own, which becomes another condition"
    add("--rooms", type=Path, metavar="FOLDER", help=text)
    text = "processes of the model (default: 1)"
    add("--jobs", type=whole_number(1, 256), default=1, metavar="N", help=text)
    text = "seconds that a batch of clips may take, and loading the model (default: 300)"
    add("--timeout", type=_seconds, default=300.0, metavar="S", help=text)
    return made


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' has an empty name")
    return list(dict.fromkeys(names))


def _families(text: str) -> list[str]:
    names = _names(text)
    if wrong := [name for name in names if name not in FAMILIES]:
        raise argparse.ArgumentTypeError(f"'{wrong[0]}' is none of {', '.join(FAMILIES)}")
    return names


def _seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # What follows imports torch, which --help does not need.
    from fairser.core import locks
    from fairser.core.files import check_target_folder

    if (given.model is None) == (given.command is None):
        raise InputError("Name a model, or a program by --command, but not both.")
    for folder in ("audio", "noise", "rooms"):
        path = getattr(given, folder)
        if path is not None and not path.is_dir():
            raise InputError(not_there(f"--{folder}", str(path)))
    if lost := [name for name in given.fail_on if name not in given.only]:
        raise InputError(f"--fail-on names {lost[0]}, but --only leaves it out.")
    check_target_folder(given.output)
    given.output.mkdir(parents=True, exist_ok=True)
    locks.take(given.output, lambda line: print(line, file=sys.stderr))
    try:
        with progress_on_stderr():
            return _test(given)
    finally:
        locks.release(given.output)


def _test(given: argparse.Namespace) -> int:
    """Test the model and the other one, and print the verdicts."""
    from fairser.corpora.demographics import attribute_name
    from fairser.model_tests.conditions.catalogue import choose
    from fairser.model_tests.material import JudgeOptions
    from fairser.model_tests.models import find_model
    from fairser.model_tests.parts import Source
    from fairser.model_tests.reading import read_corpus, with_outputs
    from fairser.model_tests.writing import compare, comparison_text, exit_status, summary
    from fairser.report.tested import write_test
    from fairser.results.writing import write_csv

    folders = {name: getattr(given, name) and str(getattr(given, name)) for name in OWN}
    conditions = choose(given.conditions, folders) if "robustness" in given.only else []
    corpus = read_corpus(given.corpus, given.classes, given.attributes)
    audio = str(given.audio or given.corpus.parent)
    named = [(given.model, given.command, given.output)]
    named += [(given.compare, None, given.output / "compared")] if given.compare else []
    # Found first, so that a wrong name of the other model costs no time.
    specs = [find_model(model, program, given.classes, corpus) for model, program, _ in named]
    attributes = given.attributes and [
        "*".join(map(attribute_name, name.split("*"))) for name in given.attributes
    ]
    options = JudgeOptions(given.only, attributes)
    found = []
    for spec, (*_, folder) in zip(specs, named, strict=True):
        source = Source(spec, with_outputs(corpus, spec.classes, spec.task), audio, folders)
        answers = _ask(source, conditions, folder / "predictions", given)
        found.append(write_test(folder, source.corpus, answers, audio, options))
        print(f"{spec.name}: {counted(corpus.clips.height, 'clip')}", end=", ")
        print(f"{counted(len(answers.conditions), 'condition')}: {folder}")
        print(summary(found[-1]), end="")
    if given.compare:
        compared = compare(*found)
        write_csv(given.output / COMPARISON, compared)
        print(comparison_text(compared, specs[0].name, specs[1].name), end="")
    return FOUND if exit_status(found[0], given.fail_on) else 0


def _ask(
    source: "Source",
    conditions: "Sequence[ConditionEntry]",
    folder: Path,
    given: argparse.Namespace,
) -> "Answers":
    """The answers of a model; prints the first of its failures."""
    from fairser.model_tests.models import HUGGING_FACE
    from fairser.model_tests.running import FAILURES, RunOptions, run

    # Small models are slower with several threads, which only wait for each other.
    cores = (os.cpu_count() or 1) if source.spec.kind == HUGGING_FACE else given.jobs
    options = RunOptions(folder, given.jobs, max(1, cores // given.jobs), given.timeout)
    answers = run(source, conditions, options)
    for condition, clip, message in answers.failures.head(SHOWN).iter_rows():
        print(f"  no answer: {condition}, {clip}: {message}", file=sys.stderr)
    if (more := answers.failures.height - SHOWN) > 0:
        print(f"  {counted(more, 'more clip')}: {folder / FAILURES}", file=sys.stderr)
    return answers
