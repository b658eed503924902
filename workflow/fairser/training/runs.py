"""The files of a training run: those it reads and those it writes."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from fairser.audio.stamps import digest
from fairser.core.checksums import write_record
from fairser.core.files import complete, read_json
from fairser.core.provenance import commit, versions
from fairser.corpora.clip_lists import read_list
from fairser.corpora.clips import ClipTable
from fairser.extraction.changed_audio import AUDIO
from fairser.extraction.features import Inputs
from fairser.extraction.inputs import StoreInputs
from fairser.extraction.store import open_store
from fairser.training.train import TrainingResult


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


def write_run(
    paths: dict[str, str],
    result: TrainingResult,
    cell: dict[str, str],
    inputs: dict[str, Any],
    config: dict[str, Any],
) -> None:
    """Write a run's predictions, model and history, and, last, the record of how it was made.

    Args:
        paths: of ``predictions`` (parquet), ``model`` (safetensors), ``history`` (csv) and
            ``run`` (JSON).
        result: of the training.
        cell: method, source, k, fold and seed.
        inputs: their record, by :func:`make_inputs`.
        config: the resolved configuration.
    """
    with complete(paths["predictions"]) as path:
        result.predictions.write_parquet(path)
    with complete(paths["model"]) as path:
        save_file(result.tensors, path)
    with complete(paths["history"]) as path:
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
    write_record(
        paths["run"], written, [paths[name] for name in ("predictions", "model", "history")]
    )
