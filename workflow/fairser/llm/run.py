"""A run of the second study: from the clips and a model to predictions and adapters."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import polars as pl
import torch

from fairser.core.files import complete, write_json
from fairser.core.provenance import commit, versions
from fairser.llm import adapters, training
from fairser.llm.adapters import add_adapters, write_adapters
from fairser.llm.clips import Clips
from fairser.llm.model import Loading, SpeechLLM, load_model, load_processor, size
from fairser.llm.prompts import Prompts, answers
from fairser.llm.scoring import generated, score
from fairser.llm.training import ERM, Trainer
from fairser.methods import loss_gap
from fairser.pretrained.devices import describe
from fairser.pretrained.records import Record, locate, read_record
from fairser.training.checkpoints import Checkpoint

SPLITS = ("train", "development", "test")


@dataclass(frozen=True)
class Setup:
    """What a run starts from.

    Attributes:
        record: of the model (:mod:`fairser.pretrained.records`).
        table: clip table.
        settings: of the job, all that its result depends on: ``languages``, ``modality``,
            ``audio``, ``seconds``, ``precision``, ``quantise``, ``scores``, ``zero_shot``,
            ``prompts``, ``labels``, ``lora``, ``train``, ``gap`` (None without one).
        device: where to compute.
        threads: on the CPU.
    """

    record: str
    table: pl.DataFrame
    settings: dict[str, Any]
    device: str
    threads: int

    def clips(self) -> dict[str, Clips]:
        """The clips of each split."""
        names = {name: self.settings[name] for name in ("languages", "audio", "seconds")}
        return {split: Clips(self.table, split=split, **names) for split in SPLITS}

    def model(self) -> SpeechLLM:
        """The frozen model; what can be wrong with prompts and words is told before it is read.

        Raises:
            InputError: see :mod:`fairser.llm.prompts` and :mod:`fairser.llm.model`.
        """
        torch.set_num_threads(self.threads)
        settings, folder = self.settings, locate(self.record)
        prompts = Prompts.read(settings, settings["modality"])
        processor = load_processor(folder)
        answers(processor.tokenizer, prompts.words, settings["languages"])
        loading = Loading(settings["precision"], settings["quantise"], self.device)
        model = load_model(folder, loading)
        return SpeechLLM(model, processor, prompts, settings["languages"])


def zero_shot(setup: Setup, paths: dict[str, str], cell: dict[str, Any]) -> None:
    """Predict test with the model as it is; writes ``predictions`` and ``run``."""
    start = time.monotonic()
    test, origin, llm = setup.clips()["test"], read_record(setup.record), setup.model()
    batch = 2 * setup.settings["train"]["micro_batch"]
    found = score(llm, test, batch, setup.settings["scores"], "test clips")
    if setup.settings["zero_shot"] == "generate":
        found = generated(llm, test, batch, found)
    seconds = {"total": time.monotonic() - start}
    _write(paths, found.predictions, setup, cell, llm, origin, seconds, None)


def train(
    setup: Setup, paths: dict[str, str], cell: dict[str, Any], checkpoint: Checkpoint, steps: int
) -> None:
    """Train adapters and predict test with those of the best round.

    Args:
        setup: what the run starts from.
        paths: of ``predictions``, ``history``, ``weights`` and ``config`` of the adapters, ``run``.
        cell: of the grid.
        checkpoint: where an interrupted training is taken up.
        steps: between two states.
    """
    times = [time.monotonic()]
    settings, seed = setup.settings, int(cell["seed"])
    clips, origin, llm = setup.clips(), read_record(setup.record), setup.model()
    options = dict(settings["train"])
    lora = adapters.Options(**settings["lora"])
    add_adapters(llm.model, lora, seed, options.pop("checkpointing"))
    gap = loss_gap.Options(**settings["gap"]) if settings["gap"] else ERM
    times.append(time.monotonic())
    trainer = Trainer(
        llm,
        clips["train"],
        clips["development"],
        training.Options(**options, checkpoint_steps=steps),
        gap,
        seed,
        f"{cell['objective']}, {cell['modality']}, p {cell['p']}, {cell['weighting']}, seed {seed}",
        settings["scores"],
    )
    trainer.fit(checkpoint)
    times.append(time.monotonic())
    llm.model.eval()
    found = score(llm, clips["test"], 2 * options["micro_batch"], settings["scores"], "test clips")
    times.append(time.monotonic())
    with complete(paths["history"]) as path:
        trainer.frame().write_csv(path)
    write_adapters(paths["weights"], paths["config"], trainer.copy(), lora)
    stages = dict(zip(("load", "train", "predict"), _durations(times), strict=True))
    _write(paths, found.predictions, setup, cell, llm, origin, stages, trainer.done.best_round)


def _durations(times: Sequence[float]) -> list[float]:
    return [end - start for start, end in pairwise(times)]


def _write(
    paths: dict[str, str],
    predictions: pl.DataFrame,
    setup: Setup,
    cell: dict[str, Any],
    llm: SpeechLLM,
    origin: Record,
    seconds: dict[str, float],
    best_round: int | None,
) -> None:
    with complete(paths["predictions"]) as path:
        predictions.write_parquet(path)
    device = llm.model.get_input_embeddings().weight.device
    record = {
        **{name: int(v) if name in ("p", "seed") else v for name, v in cell.items()},
        "best_round": best_round,
        "model": asdict(origin),
        "size": size(llm.model),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_gpu_mb": _peak(device),
        "device": describe(device),
        "settings": setup.settings,
        "versions": versions(),
        "commit": commit(),
    }
    write_json(paths["run"], record)


def _peak(device: torch.device) -> float | None:
    """Largest memory that was in use on the GPUs, in MB."""
    if device.type != "cuda":
        return None
    return sum(torch.cuda.max_memory_allocated(i) for i in range(torch.cuda.device_count())) / 1e6
