"""The files of a training run: those it reads and those it writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from fairser.audio.stamps import digest
from fairser.core.checksums import write_record
from fairser.core.files import complete, read_json
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
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict

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


def make_inputs(
    given: dict[str, str],
    settings: dict[str, Any],
    table: ClipTable,
    config: dict[str, Any],
    threads: int,
) -> tuple[Inputs, dict[str, Any]]:
    """Where a run's features come from, and the record of them and of the task.

    Args:
        given: input files of the job: ``features`` and ``clips`` of a store; if the encoder is
            trained, the list of clips (``listed``), its ``model`` and ``waveforms`` where it has
            them.
        settings: of the job: ``finetune`` (settings of the adapters, or None), ``standardise``;
            with adapters also ``encoder`` and ``audio``.
        table: clip table of the fold.
        config: the resolved configuration, of which only what changes no number is used.
        threads: for an encoder that is trained on the CPU.
    """
    groups = read_json(given["origin"])["origin"] if "origin" in given else None
    record = {"task": table.task, "groups": groups}
    if settings["finetune"] is None:
        torch.set_num_threads(1)  # the same numbers on any number of cores
        store = open_store(given["features"], given["clips"])
        made = read_json(given["source"]) if "source" in given else None
        record |= {"device": "cpu", "features": made}
        return StoreInputs(store, settings["standardise"], config["train"]["memory_mb"]), record
    from fairser.extraction.extract import StoreSource
    from fairser.pretrained.devices import describe
    from fairser.training.finetuning import AdapterOptions, FinetunedInputs

    torch.set_num_threads(threads)
    source = StoreSource.read(settings["encoder"], given.get("model"), given.get("waveforms"))
    encoder: Any = source.encoder(config["device"])
    inputs = FinetunedInputs(
        encoder,
        Path(settings["audio"]),
        dict(table.frame.select("clip", "file").iter_rows()),
        settings["encoder"]["seconds"],
        AdapterOptions(**settings["finetune"]),
        config["corpus"]["follow_links"],
    )
    used = digest(settings["audio"], read_list(given["listed"])["file"].to_list())
    record |= {"device": describe(encoder.device), "features": source.described(), AUDIO: used}
    return inputs, record


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
    """

    cell: dict[str, str]
    given: dict[str, Any]
    settings: dict[str, Any]
    code: str
    made_from: str
    config: dict[str, Any]
    threads: int = 1

    @property
    def files(self) -> list[str]:
        """All input files; a name may stand for several, or for none."""
        lists = ([one] if isinstance(one, str) else one for one in self.given.values())
        return [file for files in lists for file in files]


def train_cell(job: CellJob, folder: Path, shared: SharedFold | None = None) -> None:
    """Train a cell, go on with what an interrupted job left, and write the files of its run.

    Args:
        job: the training.
        folder: of the run.
        shared: what the cells of a fold read once.
    """
    shared = shared or SharedFold(job.given["split"])
    inputs, record = make_inputs(job.given, job.settings, shared.table, job.config, job.threads)
    key = [job.settings, job.code, record.get(AUDIO)]
    every = job.config["train"]["checkpoint_seconds"]
    checkpoint = make_checkpoint(folder, job.files, key, every)
    groups = read_made(job.given["groups"], ["group"]) if "groups" in job.given else None
    training = TrainingJob(
        job.cell["method"],
        shared.table,
        shared.inputs(inputs, job.settings["standardise"]),
        TrainOptions(**job.settings["train"]),
        int(job.cell["seed"]),
        groups,
        job.settings["hyper"],
    )
    result = train_and_predict(training, checkpoint)
    write_run(folder, result, job.cell, {"made_from": job.made_from, **record}, job.config)
    checkpoint.remove()


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
        "seconds": result.seconds,
        **inputs,
        "versions": versions(),
        "commit": commit(),
        "config": config,
    }
    write_record(folder / RECORD, written, [predictions, model, history])
