"""Speech encoders on a GPU: extraction, and LoRA on frames."""

import os
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from shared import full_size
from shared.extracting import bare, features, relative_errors, whole, write_clips
from shared.measuring import Row, Table, seconds_of
from shared.memory import peak_gb, release

from fairser.audio.reading import Audio
from fairser.corpora.clips import ClipTable
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.extraction.encoding import BATCH_SECONDS
from fairser.training.finetuning import AdapterOptions, FinetunedInputs
from fairser.training.fitting import TrainOptions
from fairser.training.train import TrainingJob, TrainingResult, train_and_predict
from unit.builders import CLASSES, clip_table
from unit.encoders.tiny import write_wavlm

KINDS = {"transformers": "WavLM Base+", "ecapa": "ECAPA-TDNN", "audeering": "age-gender model"}
PRECISIONS = ("bfloat16", "float32")
SECONDS = 2.5
COMPARED = 8  # clips
SHARE = 4  # of the clips, one in so many goes through the bare model
BATCH = 32  # clips of a training step
TOLERANCE = 1e-4  # of a loss, between devices


def encoders(options: Namespace, device: torch.device, place: Path) -> list[Row]:
    """Clips a second and errors of each encoder at full size, with random weights."""
    names = write_clips(place / "audio", options.clips, SECONDS)
    few = Audio(place / "audio", names[:COMPARED], SECONDS)
    columns = {"encoder": "", "precision": "", "clips": "", "clips per second": ".1f"}
    columns |= {"times real time": ".0f", "bare clips per second": ".1f", "share": ".1%"}
    columns |= {"peak, GB": ".2f", "relative error": ".1e", "largest error": ".1e"}
    table = Table(columns)
    for kind, title in KINDS.items():
        weights = full_size.write_model(kind, place / kind, options.smallest)
        torch.set_num_threads(os.cpu_count() or 1)
        exact = features(make_encoder(kind, Settings(weights, "cpu")), few)
        torch.set_num_threads(1)
        for precision in PRECISIONS:
            release(device)
            encoder = make_encoder(kind, Settings(weights, device.type, precision))
            apart = relative_errors(features(encoder, few), exact)
            speed, alone, peak = _extract(encoder, device, place, names, options.readers)
            numbers = speed, speed * SECONDS, alone, speed / alone, peak
            errors = float(apart.median()), float(apart.max())
            table.add(title, precision, len(names), *numbers, *errors)
    return table.rows


def _extract(
    encoder: Encoder, device: torch.device, place: Path, names: list[str], readers: int
) -> tuple[float, float, float | None]:
    """Clips a second of the extraction and of the bare encoder, and the extraction's peak."""
    batch_seconds = BATCH_SECONDS[device.type]
    first = Audio(place / "audio", names[: 4 * BATCH], SECONDS)
    bare(encoder, first, first.plan(range(len(first.files)), batch_seconds))  # warm up
    release(device)
    audio = Audio(place / "audio", names, SECONDS)
    beside = readers if device.type == "cuda" else 0
    seconds = seconds_of(lambda: whole(encoder, audio, place, batch_seconds, beside))
    peak = peak_gb(device)
    part = range(-(-len(names) // SHARE))
    alone = bare(encoder, audio, audio.plan(part, batch_seconds))
    return len(names) / seconds, len(part) / alone, peak


def lora(options: Namespace, device: torch.device, place: Path) -> list[Row]:
    """Seconds of a step of adapters in WavLM Base+, all of it: reading, encoder, head, Adam."""
    weights = full_size.write_model("transformers", place / "wavlm", options.smallest)
    assert weights is not None
    files = write_clips(place / "audio", 2 * BATCH, SECONDS)
    columns = {"precision": "", "batch": "", "steps": "", "seconds per step": ".3f"}
    columns |= {"clips per second": ".1f", "peak, GB": ".2f", "train loss": ".4f"}
    table = Table(columns)
    for precision in PRECISIONS[::-1]:
        settings = Settings(weights, device.type, precision)
        for steps in (1, options.steps):  # the first training warms up
            release(device)
            found = _train(settings, place / "audio", files, BATCH, steps)
        seconds = found.seconds["train"] / steps
        loss = found.history["train_loss"][0]
        table.add(precision, BATCH, steps, seconds, BATCH / seconds, peak_gb(device), loss)
    return table.rows


def lora_agrees(_options: Namespace, device: torch.device, place: Path) -> list[Row]:
    """Two steps of a tiny encoder on the CPU and on the GPU, in float32.

    Raises:
        RuntimeError: losses or predictions differ by more than rounding.
    """
    weights = write_wavlm(place / "wavlm")
    files = write_clips(place / "audio", 8, 0.5)
    table = Table({"device": "", "train loss": ".6f", "development loss": ".6f", "apart": ".1e"})
    found = []
    for name in ("cpu", device.type):
        run = _train(Settings(weights, name), place / "audio", files, 4, 2)
        losses = run.history.select("train_loss", "development_loss").row(0)
        shares = run.predictions.select(CLASSES).to_numpy()
        found.append(np.concatenate([losses, shares.ravel()]))
        apart = float(np.abs(found[-1] / found[0] - 1).max())
        table.add(name, *losses, apart)
        if not apart < TOLERANCE:
            raise RuntimeError(f"{device.type} and CPU differ by {apart:.1e} after two steps")
    return table.rows


def _train(
    settings: Settings, folder: Path, files: list[str], batch: int, steps: int
) -> TrainingResult:
    """An epoch of ERM with adapters, with one clip in each of development and test."""
    clips = _clip_table(steps * batch)
    named = {clip: files[n % len(files)] for n, clip in enumerate(clips.frame["clip"])}
    encoder = make_encoder("transformers", settings)
    inputs = FinetunedInputs(encoder, folder, named, SECONDS, AdapterOptions())
    return train_and_predict(TrainingJob("erm", clips, inputs, TrainOptions(1, batch)))


def _clip_table(train: int) -> ClipTable:
    labels = 0.1 + 0.7 * np.eye(len(CLASSES))[np.arange(train + 2) % len(CLASSES)]
    return clip_table(labels, [*["train"] * train, "development", "test"])
