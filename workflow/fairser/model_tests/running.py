"""Asking a model under all conditions, in processes of its own, and gathering its answers."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import polars as pl

from fairser.core.errors import InputError
from fairser.core.files import complete
from fairser.core.jobs import Progress
from fairser.core.words import counted
from fairser.model_tests.adapters import open_model
from fairser.model_tests.answering import Failures, Rows, checked
from fairser.model_tests.asking import ModelProcess
from fairser.model_tests.base import CLEAN, Answers, Condition
from fairser.model_tests.conditions.catalogue import ConditionEntry
from fairser.model_tests.models import PREDICTIONS, TABLES
from fairser.model_tests.parts import Part, Source, parts

PARTS = "parts"  # folder of the parts below that of the predictions
FAILURES = "failures.csv"


@dataclass(frozen=True)
class RunOptions:
    """How a model is asked.

    Attributes:
        folder: for predictions, a table for each condition.
        jobs: processes of the model.
        threads: of each.
        timeout: seconds for a batch of clips, and for loading the model.
    """

    folder: Path
    jobs: int = 1
    threads: int = 1
    timeout: float = 300.0


def run(source: Source, conditions: Sequence[ConditionEntry], options: RunOptions) -> Answers:
    """The answers of a model under the conditions, and without one.

    What an earlier run has in the folder is used where it still holds. Clips that can't be
    predicted are among the failures; the others go on.

    Raises:
        InputError: the model can't be loaded, or no clip of the unchanged audio is predicted.
    """
    if source.spec.kind == PREDICTIONS:
        return given(source, conditions, options.folder)
    made = parts(source, [None, *conditions], options.folder / PARTS)
    clean = made[CLEAN]
    others = [part for name, some in made.items() if name != CLEAN for part in some]
    idle: SimpleQueue[ModelProcess] = SimpleQueue()
    processes = [
        ModelProcess(source.spec, source.audio, options.timeout, options.threads)
        for _ in range(options.jobs)
    ]
    for process in processes:
        idle.put(process)

    def work(part: Part) -> Part:
        process = idle.get()
        try:
            part.complete(process)
        finally:
            idle.put(process)
        return part

    pool = ThreadPoolExecutor(options.jobs)
    try:
        with Progress(sum(len(part.clips) for part in (*clean, *others)), "clips") as shown:
            for some in (clean, others):  # a model that fails without a change is asked no more
                for future in as_completed([pool.submit(work, part) for part in some]):
                    part = future.result()
                    shown.bar.set_description(part.condition)
                    shown.add(len(part.clips))
                if some is clean:
                    _check_clean(source, *_known(clean))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.close()
        pool.shutdown(wait=True)
    return gather(source, conditions, made, options.folder)


def given(source: Source, conditions: Sequence[ConditionEntry], folder: Path) -> Answers:
    """The answers in the files of ready predictions, of those conditions that have a file.

    Raises:
        InputError: a file that can't be read, or no clip of ``clean`` is in its file.
    """
    own = Path(source.spec.target)
    there = [c for c in conditions if any((own / f"{c.name}{kind}").is_file() for kind in TABLES)]
    ask, clips = open_model(source.spec), source.corpus.clips["clip"].to_list()
    found = {
        name: checked(ask(name, clips, []), clips, source.spec.classes)
        for name in (CLEAN, *(one.name for one in there))
    }
    _check_clean(source, *found[CLEAN])
    return _written(source, there, found, folder)


def gather(
    source: Source,
    conditions: Sequence[ConditionEntry],
    made: Mapping[str, Sequence[Part]],
    folder: Path,
) -> Answers:
    """The answers in finished parts, by condition; written as tables to a folder.

    Raises:
        InputError: a part is missing or of something else.
    """
    found = {name: _known(some) for name, some in made.items()}
    _check_clean(source, *found[CLEAN])
    return _written(source, conditions, found, folder)


def _known(made: Sequence[Part]) -> tuple[Rows, Failures]:
    """What all parts of a condition say."""
    rows: Rows = {}
    failures: Failures = {}
    for part in made:
        known = part.known()
        if len(known[0]) + len(known[1]) != len(part.clips):
            raise InputError(f"{part.path}: is not there, or is of another model or corpus.")
        rows |= known[0]
        failures |= known[1]
    return rows, failures


def _check_clean(source: Source, rows: Rows, failures: Failures) -> None:
    if not rows:
        clip, reason = next(iter(failures.items()))
        raise InputError(
            f"{source.spec.name} predicts none of {counted(len(failures), 'clip')} of the "
            f"unchanged audio ({CLEAN}). The first one is {clip}: {reason}."
        )


def _written(
    source: Source,
    conditions: Sequence[ConditionEntry],
    found: Mapping[str, tuple[Rows, Failures]],
    folder: Path,
) -> Answers:
    """The answers, and their files."""
    classes, outputs = source.spec.classes, source.corpus.outputs
    schema = {"clip": pl.String} | dict.fromkeys(classes, pl.Float64)
    tables, lost = {}, []
    for name, (rows, failures) in found.items():
        table = pl.DataFrame([(clip, *row) for clip, row in rows.items()], schema, orient="row")
        tables[name] = table.select("clip", *outputs).sort("clip")
        lost += [(name, clip, failures[clip]) for clip in sorted(failures)]
        with complete(folder / f"{name}.parquet") as temporary:
            tables[name].write_parquet(temporary)
    failed = pl.DataFrame(
        lost, dict.fromkeys(("condition", "clip", "message"), pl.String), orient="row"
    )
    with complete(folder / FAILURES) as temporary:
        failed.write_csv(temporary)
    asked = [Condition(one.name, one.group, one.title) for one in conditions]
    return Answers(source.spec.name, asked, tables, failed)
