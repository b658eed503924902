"""Qwen2-Audio on a GPU: a training step at full size, and a tiny model on both devices."""

import statistics
from argparse import Namespace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from shared.extracting import synchronise
from shared.llm_cost import ANSWER, TOKENS, Calculation
from shared.measuring import Row, Table, seconds_of
from shared.memory import peak_gb, release
from shared.qwen2_audio import build
from torch import nn

from fairser.corpora.genders import GENDERS
from fairser.corpora.meldst import EMOTIONS, LANGUAGES
from fairser.llm.adapters import LoraOptions, add_adapters
from fairser.llm.clips import Clips
from fairser.llm.loading import load_model, load_processor
from fairser.llm.model import SpeechLLM
from fairser.llm.prompts import Prompts
from fairser.llm.tiny import AUDIO, byte_tokenizer, write_tiny_model
from fairser.llm.training import Plan, Trainer, TrainingOptions
from fairser.methods import loss_gap
from fairser.training.checkpoints import Checkpoint
from unit.builders import write_noise
from unit.llm.builders import clip_frame

from transformers import Qwen2AudioProcessor, WhisperFeatureExtractor  # isort: skip

MELS = 128
ANSWERS = 4  # clips with a generated answer, which near ties may change
LONGEST = 30  # seconds that the audio tower takes
GAP = loss_gap.Options.of(weighting="fixed", lambda_0=1.0)
TOLERANCE = 1e-3  # between devices, relative; two rounds of AdamW enlarge rounding


def llm(options: Namespace, device: torch.device, place: Path) -> list[Row]:
    """Seconds and memory of a step, beside the calculated ones."""
    columns = {"clip": "", "tokens": "", "checkpointing": "", "in all, GB": ".1f"}
    columns |= {"calculated, GB": ".1f", "a step, s": ".2f", "calculated, s": ".2f"}
    table = Table(columns | {"preparing audio beside it, s": ".2f", "loss": ".3f"})
    calculation = Calculation(options.layers, options.rank, options.smallest)
    for name, again in (("with", True), ("without", False)):
        release(device)
        made = _model(options, device, again)
        for seconds in options.seconds:
            clips = _clips(place / f"{seconds}", seconds, options.batch)
            made.prompts = _prompts(made, clips, options.text)
            tokens = made.inputs(clips, [0])["input_ids"].shape[1] + ANSWER
            cost = calculation.cost(tokens, again, options.micro, options.batch)
            trainer = _trainer(made, clips, options.micro, options.batch)
            release(device)
            try:
                found = _measure(trainer, clips, options)
                found = (found[0], peak_gb(device), *found[1:])
            except torch.OutOfMemoryError as error:
                print(error, flush=True)
                found = (None, None, None, None)
            del trainer
            _forget_gradients(made.model)
            step, peak, reading, loss = found
            head = f"{seconds} s", tokens, name, peak, cost.peak / 1e9
            table.add(*head, step, cost.seconds, reading, loss)
        del made
    return table.rows


def _measure(trainer: Trainer, clips: Clips, options: Namespace) -> tuple[float, float, float]:
    """Seconds of a step, those of the audio's preparation alone, and the mean loss."""
    losses: list[float] = []
    rows = list(range(options.batch))

    def step() -> None:
        trainer.optimizer.zero_grad()
        losses.append(float(trainer.objective.gradient(rows, GAP.lambda_0).losses.mean()))
        nn.utils.clip_grad_norm_(trainer.adapters.values(), 1.0)
        trainer.optimizer.step()
        synchronise()

    def prepare() -> None:
        for start in range(0, options.batch, options.micro):
            trainer.llm.inputs(clips, rows[start : start + options.micro])
        synchronise()

    # As in a training, the next clips are prepared while the device computes.
    parts = trainer.objective.parts(rows, GAP.lambda_0)
    trainer.llm.expect(clips, parts * (1 + options.repeats))
    step()  # warm up
    seconds = statistics.median(seconds_of(step) for _ in range(options.repeats))
    assert np.isfinite(losses).all(), losses
    return seconds, seconds_of(prepare), losses[-1]


def _forget_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad = None


def _model(options: Namespace, device: torch.device, checkpointing: bool) -> SpeechLLM:
    """The model with random weights, asked with a token a byte."""
    tokenizer = byte_tokenizer()
    extractor = WhisperFeatureExtractor(MELS, chunk_length=LONGEST)
    processor = Qwen2AudioProcessor(extractor, tokenizer)
    token = tokenizer.convert_tokens_to_ids(AUDIO[0])
    where = options.layers, options.rank, checkpointing, device.type
    model = build(*where, narrow=options.smallest, audio_token_index=token)
    names = {name: name[: ANSWER - 1] for name in EMOTIONS}
    words = dict.fromkeys(LANGUAGES, names)
    prompts = Prompts(dict.fromkeys(LANGUAGES, ""), words)
    return SpeechLLM(model, processor, prompts, list(LANGUAGES))


def _prompts(llm: SpeechLLM, clips: Clips, tokens: int) -> Prompts:
    """Instructions that fill the prompt of the first clip up to so many tokens besides audio."""
    bare = Prompts(dict.fromkeys(LANGUAGES, ""), llm.prompts.words)
    llm.prompts = bare
    audio = round(len(clips.waveform(0)) / 16_000 * TOKENS)
    lacking = tokens - ANSWER - (llm.inputs(clips, [0])["input_ids"].shape[1] - audio)
    return Prompts(dict.fromkeys(LANGUAGES, "x" * max(0, lacking)), bare.words)


def _clips(folder: Path, seconds: float, count: int) -> Clips:
    """Noise in all languages and genders, each in turn, all of one length."""
    folder.mkdir(exist_ok=True)
    strata = [(language, gender) for language in LANGUAGES for gender in GENDERS]
    rows = [(*strata[n % len(strata)], EMOTIONS[n % len(EMOTIONS)]) for n in range(count)]
    frame = clip_frame([(lang, "train", emotion, gender) for lang, gender, emotion in rows])
    write_noise(folder, dict.fromkeys(frame["file"], (seconds, 16_000)))
    return Clips(frame, list(LANGUAGES), "train", folder, seconds)


def _trainer(llm: SpeechLLM, clips: Clips, micro: int, batch: int, rounds: int = 1) -> Trainer:
    options = TrainingOptions(rounds, batch, micro)
    return Trainer(llm, clips, clips, Plan(options, GAP, 0, "benchmark"))


def llm_agrees(_options: Namespace, device: torch.device, place: Path) -> list[Row]:
    """Two rounds of a tiny model on the CPU and on the GPU, in float32 and without dropout.

    Raises:
        RuntimeError: losses or gaps differ by more than rounding.
    """
    folder = write_tiny_model(place / "tiny", seconds=1, dim=32)
    clips = _clips(place / "audio", 0.5, 4 * len(LANGUAGES) * len(GENDERS))
    columns = {"device": "", "checkpointing": "", "train loss": ".6f", "train gap": ".6f"}
    columns |= {"development loss": ".6f", "apart": ".1e", "same answers": ""}
    table = Table(columns)
    exact, answers = None, [""]
    for name, again in product(("cpu", device.type), (False, True)):
        made = _tiny(folder, name, again)
        trainer = _trainer(made, clips, 4, len(clips) // 2, rounds=2)
        trainer.fit(Checkpoint())
        last = trainer.frame().row(-1, named=True)
        numbers = np.array([last[key] for key in ("train_loss", "train_gap", "development_loss")])
        made.model.eval()
        said = made.generate(clips, range(ANSWERS))
        exact, answers = (numbers, said) if exact is None else (exact, answers)
        apart = float(np.abs(numbers / exact - 1).max())
        same = sum(one == other for one, other in zip(said, answers, strict=True))
        table.add(name, "with" if again else "without", *numbers.tolist(), apart, same)
        if not apart < TOLERANCE:
            raise RuntimeError(f"{name} and CPU differ by {apart:.1e} after two rounds")
    return table.rows


def _tiny(folder: Path, device: str, checkpointing: bool) -> Any:
    model = load_model(folder, "float32", device=device)
    add_adapters(model, LoraOptions(dropout=0.0), 0, checkpointing)
    names = dict(zip(EMOTIONS, EMOTIONS, strict=True))
    words = dict.fromkeys(LANGUAGES, names)
    prompts = Prompts(dict.fromkeys(LANGUAGES, "Which emotion? {labels}"), words)
    return SpeechLLM(model, load_processor(folder), prompts, list(LANGUAGES))
