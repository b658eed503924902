"""The files of a training run: those it reads and those it writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from fairser.audio.stamps import digest
from fairser.core.checksums import write_record
from fairser.core.errors import InputError
from fairser.core.files import complete, read_json
from fairser.core.kept import listed
from fairser.core.provenance import commit, versions
from fairser.core.table_files import read_made
from fairser.corpora.clip_lists import read_list
from fairser.corpora.clips import ClipTable
from fairser.extraction.changed_audio import AUDIO
from fairser.extraction.features import Features, Inputs, Statistics
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import open_store
from fairser.training.checkpoints import make_checkpoint
from fairser.training.fitting import TrainOptions
from fairser.training.train import (
    PreparedJob,
    TrainingJob,
    TrainingResult,
    train_together,
)

FILES = ("predictions.parquet", "model.safetensors", "history.csv")
RECORD = "run.json"


class SharedFold:
    """What the trainings of a fold have in common: its clip table and the features of its clips."""

    def __init__(self, split: str | Path) -> None:
        self.split = split
        self.loaded: dict[bool, tuple[Features, Statistics]] = {}

    @cached_property
    def table(self) -> ClipTable:
        return ClipTable.read(self.split)

    def inputs(self, inputs: Inputs, standardise: bool) -> Inputs:
        """Inputs that are read when they are needed first.

        All cells have the same clips and the same store; only ``standardise`` can differ.
        """
        shared = self

        class Once:
            def fold(
                self, clips: Iterable[str], train: np.ndarray, seed: int
            ) -> tuple[Features, Statistics]:
                if standardise not in shared.loaded:
                    shared.loaded[standardise] = inputs.fold(clips, train, seed)
                return shared.loaded[standardise]

        return Once()


@dataclass(frozen=True)
class CellJob:
    """The training of one cell of the grid, as its rule gives it.

    Attributes:
        cell: method, source, k, fold and seed, as text.
        given: input files by name, as :func:`make_inputs` takes them, and ``split`` and ``groups``.
        settings: ``train``, ``hyper`` and those of :func:`make_inputs`.
        code: hash of the code that the result depends on.
        made_from: hash of all settings and code, from the corpus on.
        config: the resolved configuration; what changes no number is taken from it.
        threads: for an encoder that is trained on the CPU.
        together: whether it is trained in the job of its fold. Many heads at once are worth a GPU,
            one is not.
    """

    cell: dict[str, str]
    given: dict[str, Any]
    settings: dict[str, Any]
    code: str
    made_from: str
    config: dict[str, Any]
    threads: int = 1
    together: bool = False

    def device(self) -> torch.device:
        """The device of a head that is trained on stored features."""
        from fairser.pretrained.devices import choose

        chosen = choose(self.config["device"]) if self.together else torch.device("cpu")
        # The sums of class weights are float64, which mps does not have.
        return chosen if chosen.type == "cuda" else torch.device("cpu")

    @property
    def files(self) -> list[str]:
        """All input files; a name may stand for several, or for none."""
        return listed(self.given)


def make_inputs(job: CellJob, table: ClipTable) -> tuple[Inputs, dict[str, Any]]:
    """Where a run's features come from, and the record of them and of the task.

    Args:
        job: of the run. Of its settings it needs ``finetune`` (settings of the adapters, or None)
            and ``standardise``; with adapters also ``encoder`` and ``audio``. Of its input files
            ``features`` and ``clips`` of a store; if the encoder is trained, the list of clips
            (``listed``), its ``model`` and ``waveforms`` where it has them.
        table: clip table of the fold.

    Raises:
        InputError: the source found no groups.
    """
    from fairser.pretrained.devices import describe

    given, settings, config = job.given, job.settings, job.config
    found = read_json(given["origin"]) if "origin" in given else {}
    if faults := found.get("faults"):
        where = "groups from {source}, K {k}, fold {fold}: ".format(**job.cell)
        raise InputError(*(where + fault for fault in faults))
    record = {"task": table.task, "groups": found.get("origin")}
    if settings["finetune"] is None:
        torch.set_num_threads(1)  # the same numbers on any number of cores
        device = job.device()
        store = open_store(given["features"], given["clips"])
        made = read_json(given["source"]) if "source" in given else None
        used = "cpu" if device.type == "cpu" else describe(device)
        record |= {"device": used, "features": made}
        inputs = StoreInputs(store, settings["standardise"], config["train"]["memory_mb"], device)
        return inputs, record
    from fairser.extraction.extract import StoreSource
    from fairser.training.finetuning import AdapterOptions, FinetunedInputs

    torch.set_num_threads(job.threads)
    source = StoreSource.read(settings["encoder"], given.get("model"), given.get("waveforms"))
    encoder: Any = source.encoder(config["device"])
    finetuned = FinetunedInputs(
        encoder,
        Path(settings["audio"]),
        dict(table.frame.select("clip", "file").iter_rows()),
        settings["encoder"]["seconds"],
        AdapterOptions(**settings["finetune"]),
        config["corpus"]["follow_links"],
    )
    used = digest(settings["audio"], read_list(given["listed"])["file"].to_list())
    record |= {"device": describe(encoder.device), "features": source.described(), AUDIO: used}
    return finetuned, record


def train_cell(job: CellJob, folder: Path) -> None:
    """Train a cell, go on with what an interrupted job left, and write the files of its run.

    Args:
        job: the training.
        folder: of the run.

    Raises:
        InputError: it can't be trained.
    """
    cell = PreparedCell(job, folder, SharedFold(job.given["split"]))
    (fault,) = train_block([cell])
    if fault:
        raise fault


class PreparedCell:
    """A cell before its first step.

    Args:
        job: its training.
        folder: of the run.
        shared: what the cells of a fold read once.

    Attributes:
        training: method and initial model.

    Raises:
        InputError: it can't be trained.
    """

    def __init__(self, job: CellJob, folder: Path, shared: SharedFold) -> None:
        self.job, self.folder = job, folder
        inputs, self.record = make_inputs(job, shared.table)
        groups = read_made(job.given["groups"], ["group"]) if "groups" in job.given else None
        self.training = PreparedJob(
            TrainingJob(
                job.cell["method"],
                shared.table,
                shared.inputs(inputs, job.settings["standardise"]),
                TrainOptions(**job.settings["train"]),
                int(job.cell["seed"]),
                groups,
                job.settings["hyper"],
            )
        )


def train_block(cells: Sequence[PreparedCell]) -> list[InputError | None]:
    """Train a cell, or several of one kind as one, and write the files of their runs.

    They go on with what an interrupted job left.

    Returns:
        What is wrong with each cell, None for one whose files are written.
    """
    files = [file for cell in cells for file in cell.job.files]
    key = [[one.job.cell, one.job.settings, one.job.code, one.record.get(AUDIO)] for one in cells]
    first = cells[0]
    every = first.job.config["train"]["checkpoint_seconds"]
    checkpoint = make_checkpoint(first.folder, files, key, every)
    faults: list[InputError | None] = []
    for one, result in zip(
        cells, train_together([one.training for one in cells], checkpoint), strict=True
    ):
        faults.append(result if isinstance(result, InputError) else None)
        if not isinstance(result, InputError):
            record = {"made_from": one.job.made_from, **one.record}
            write_run(one.folder, result, one.job.cell, record, one.job.config)
    checkpoint.remove()
    return faults


@cache
def _made_by() -> dict[str, Any]:
    """Versions and commit, found once: for each run of a fold it would take 30 ms more."""
    return {"versions": versions(), "commit": commit()}


def write_run(
    folder: Path,
    result: TrainingResult,
    cell: dict[str, str],
    inputs: dict[str, Any],
    config: dict[str, Any],
) -> None:
    """Write a run's predictions, model and history, and, last, the record of how it was made.

    Args:
        folder: of the run; its files are :data:`FILES`, and ``run.json``.
        result: of the training.
        cell: method, source, k, fold and seed.
        inputs: their record, by :func:`make_inputs`.
        config: the resolved configuration.
    """
    predictions, model, history = (folder / name for name in FILES)
    with complete(predictions) as path:
        result.predictions.write_parquet(path)
    with complete(model) as path:
        save_file(result.tensors, path)
    with complete(history) as path:
        result.history.write_csv(path)
    written = {
        "method": cell["method"],
        "source": cell["source"],
        **{name: int(cell[name]) for name in ("k", "fold", "seed")},
        "best_epoch": result.best_epoch,
        "selected_value": result.selected_value,
        "seconds": result.seconds,
        **inputs,
        **_made_by(),
        "config": config,
    }
    write_record(folder / RECORD, written, [predictions, model, history])
