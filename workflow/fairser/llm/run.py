"""A run of the second study: from the clips and a model to predictions and adapters."""

import time
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import polars as pl
import torch

from fairser.audio.stamps import digest
from fairser.core.checksums import write_record
from fairser.core.files import complete
from fairser.core.provenance import commit, versions
from fairser.corpora.llm_clips import classes_of
from fairser.extraction.changed_audio import AUDIO
from fairser.llm.adapters import LoraOptions, add_adapters, trainable, write_adapters
from fairser.llm.clips import Clips
from fairser.llm.loading import load_model, load_processor
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts, answers
from fairser.llm.scoring import Pass, generated, score
from fairser.llm.training import ERM, Plan, Trainer, TrainingOptions
from fairser.methods import loss_gap
from fairser.pretrained.devices import describe
from fairser.pretrained.records import locate, read_record
from fairser.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Setup:
    """What a run starts from, and where its results go.

    All that the result depends on is in the settings: ``languages``, ``modality``, ``audio``,
    ``seconds``, ``precision``, ``quantise``, ``scores``, ``zero_shot``, ``prompts``, ``labels``,
    ``lora``, ``train``, ``gap`` (None without one).
    """

    record: str  # path of the record of the model
    table: pl.DataFrame  # of clips
    settings: dict[str, Any]
    cell: dict[str, Any]  # of the grid, as text, and what else the record of the run repeats
    paths: dict[str, str]  # predictions, run; of a training: history, weights, config of adapters
    device: str
    threads: int  # on the CPU

    def clips(self, split: str) -> Clips:
        names = {name: self.settings[name] for name in ("languages", "audio", "seconds")}
        return Clips(self.table, split=split, **names)

    def model(self) -> SpeechLLM:
        """The frozen model.

        Raises:
            InputError: see :mod:`fairser.llm.prompts` and :mod:`fairser.llm.loading`.
        """
        torch.set_num_threads(self.threads)
        settings, folder = self.settings, locate(self.record)
        prompts = Prompts.read(settings, classes_of(self.table))
        processor = load_processor(folder)
        # Loading weights takes long, so faults of the words are reported first.
        answers(processor.tokenizer, prompts.words, settings["languages"])
        model = load_model(folder, settings["precision"], settings["quantise"], self.device)
        return SpeechLLM(model, processor, prompts, settings["languages"])

    def score(self, llm: SpeechLLM, clips: Clips) -> Pass:
        """Predictions for test clips by the scores of the label words."""
        llm.model.eval()
        return score(llm, clips, self.batch, self.settings["scores"], "test clips")

    @cached_property
    def audio(self) -> str:
        """What the audio of all clips is like now (:func:`fairser.audio.stamps.digest`)."""
        return digest(self.settings["audio"], self.table["file"].to_list())

    @property
    def batch(self) -> int:
        """Clips at once without gradients."""
        return 2 * self.settings["train"]["micro_batch"]


def zero_shot(setup: Setup) -> None:
    """Predict test with the model as it is."""
    start = time.monotonic()
    test, record, llm = setup.clips("test"), _record(setup), setup.model()
    found = setup.score(llm, test)
    if setup.settings["zero_shot"] == "generate":
        found = generated(llm, test, setup.batch, found)
    record["seconds"] = {"total": round(time.monotonic() - start, 3)}
    _write(setup, found.predictions, record, llm)


def train(setup: Setup, checkpoint: Checkpoint, steps: int) -> None:
    """Train adapters and predict test with those of the best round.

    An interrupted training continues from its checkpoint, which is written every few steps.
    """
    times = [time.monotonic()]
    settings, cell, seed = setup.settings, setup.cell, int(setup.cell["seed"])
    clips = {split: setup.clips(split) for split in ("train", "development", "test")}
    record, llm = _record(setup), setup.model()
    options = dict(settings["train"])
    lora = LoraOptions(**settings["lora"])
    add_adapters(llm.model, lora, seed, options.pop("checkpointing"))
    plan = Plan(
        TrainingOptions(**options, checkpoint_steps=steps),
        loss_gap.Options.of(**settings["gap"]) if settings["gap"] else ERM,
        seed,
        f"{cell['objective']}, {cell['modality']}, p {cell['p']}, {cell['weighting']}, seed {seed}",
        settings["scores"],
    )
    times.append(time.monotonic())
    trainer = Trainer(llm, clips["train"], clips["development"], plan)
    trainer.fit(checkpoint)
    times.append(time.monotonic())
    found = setup.score(llm, clips["test"])
    times.append(time.monotonic())
    with complete(setup.paths["history"]) as path:
        trainer.frame().write_csv(path)
    write_adapters(setup.paths["weights"], setup.paths["config"], trainer.copy(), lora)
    seconds = [round(end - begin, 3) for begin, end in pairwise(times)]
    stages = dict(zip(("load", "train", "predict"), seconds, strict=True))
    record |= {"best_round": trainer.done.best_round, "seconds": stages}
    _write(setup, found.predictions, record, llm)


def _record(setup: Setup) -> dict[str, Any]:
    """The record of a run before it starts; later the model's own record may have changed."""
    numbers = {name: int(setup.cell[name]) for name in ("p", "seed")}
    model = asdict(read_record(setup.record))
    return {**setup.cell, **numbers, "best_round": None, "model": model, AUDIO: setup.audio}


def _write(setup: Setup, predictions: pl.DataFrame, record: dict[str, Any], llm: SpeechLLM) -> None:
    with complete(setup.paths["predictions"]) as path:
        predictions.write_parquet(path)
    total = sum(value.numel() for value in llm.model.parameters())
    trained = sum(value.numel() for value in trainable(llm.model).values())
    record |= {
        "size": f"{total / 1e6:,.1f} M parameters, {trained / 1e6:,.3g} M trained",
        "peak_gpu_mb": _peak(llm.device),
        "device": describe(llm.device),
        "settings": setup.settings,
        "versions": versions(),
        "commit": commit(),
    }
    made = [path for name, path in setup.paths.items() if name != "run"]
    write_record(setup.paths["run"], record, made)


def _peak(device: torch.device) -> float | None:
    """Largest memory that was in use on the GPUs, in MB."""
    if device.type != "cuda":
        return None
    return sum(torch.cuda.max_memory_allocated(i) for i in range(torch.cuda.device_count())) / 1e6
