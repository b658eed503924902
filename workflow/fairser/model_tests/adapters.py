"""Asking a model of any kind: waveforms of some clips in, an array or labels out."""

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile

from fairser.core.errors import InputError
from fairser.core.table_files import read_csv, read_user_parquet
from fairser.corpora.names import clip_name
from fairser.model_tests.conditions.sounds import Waveform
from fairser.model_tests.models import (
    COMMAND,
    FUNCTION,
    HUGGING_FACE,
    PACKAGE,
    PREDICTIONS,
    TABLES,
    ModelSpec,
)

RATE = 16_000  # Hz, of the audio that a model gets
SAID = 3  # last lines of a program's output in a message

# From the condition, the names of B clips and their waveforms to an array [B, C], C classes in the
# order of the model; to B names of classes; or to a row or a fault by the name of the clip.
Answer = Any
Ask = Callable[[str, Sequence[str], Sequence[Waveform]], Answer]


class ByClip(dict[str, "list[float] | str"]):
    """Values of the classes by the name of the clip, or what is wrong with its row."""


def open_model(spec: ModelSpec) -> Ask:
    """The function that asks a model.

    Raises:
        InputError: the model can't be loaded.
    """
    return {
        PACKAGE: _package,
        HUGGING_FACE: _hugging_face,
        FUNCTION: _function,
        COMMAND: _command,
        PREDICTIONS: _predictions,
    }[spec.kind](spec)


def _package(spec: ModelSpec) -> Ask:
    import torch

    from fairser.audio.reading import HeldAudio
    from fairser.inference.predicting import load

    predictor = load(spec.target)
    seconds = predictor.saved.encoder["seconds"]

    def ask(_: str, clips: Sequence[str], waveforms: Sequence[Waveform]) -> Answer:
        tensors = [torch.from_numpy(np.ascontiguousarray(wave)) for wave in waveforms]
        audio = HeldAudio(None, list(clips), seconds, waveforms=tensors)
        found = ByClip()
        for one in predictor.predict_audio(audio):
            values = [float(p) for p in one.probabilities.values()]
            found[one.clip] = one.fault if one.fault is not None else values
        return found

    return ask


def _hugging_face(spec: ModelSpec) -> Ask:
    import torch

    from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
    from fairser.pretrained import devices

    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification  # isort: skip

    device = devices.choose("auto")
    try:
        extractor = AutoFeatureExtractor.from_pretrained(spec.target)
        model, info = AutoModelForAudioClassification.from_pretrained(
            spec.target, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{spec.target}: no audio-classification model ({error}).") from error
    if lost := sorted(info["missing_keys"]):
        raise InputError(
            f"{spec.target}: its weights lack {lost[0]}"
            f"{f' and {len(lost) - 1} more' if lost[1:] else ''}, which would be random. Name a "
            "model that was trained to classify audio."
        )
    model = model.to(device).eval()
    rate = extractor.sampling_rate
    if rate != RATE:
        raise InputError(f"{spec.target}: takes audio at {rate} Hz; only {RATE} Hz is supported.")

    @torch.inference_mode()
    def ask(_: str, __: Sequence[str], waveforms: Sequence[Waveform]) -> Answer:
        rows = []
        for wave in waveforms:  # one by one: padding to one length would change the outputs
            inputs = extractor(wave, sampling_rate=RATE, return_tensors="pt")
            logits = model(**inputs.to(device)).logits[0].double()
            if spec.scores == "softmax":
                logits = logits.softmax(dim=0)
            elif spec.scores == "sigmoid":
                logits = logits.sigmoid()
            rows.append(logits.cpu().numpy())
        return np.stack(rows)

    return ask


def _function(spec: ModelSpec) -> Ask:
    module, _, name = spec.target.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        function = getattr(import_module(module), name)
    except Exception as error:
        raise InputError(f"{spec.target}: not importable ({_said(error)}).") from error

    def ask(_: str, __: Sequence[str], waveforms: Sequence[Waveform]) -> Answer:
        return function(list(waveforms), RATE)

    return ask


def _command(spec: ModelSpec) -> Ask:
    def ask(_: str, clips: Sequence[str], waveforms: Sequence[Waveform]) -> Answer:
        with tempfile.TemporaryDirectory(prefix="fairser-") as folder:
            files = [Path(folder, f"{number:06d}.wav") for number in range(len(clips))]
            for file, wave in zip(files, waveforms, strict=True):
                # Whole numbers can be read by anything, but not what is beyond full scale.
                kind = "PCM_16" if np.abs(wave).max(initial=0.0) <= 1 else "FLOAT"
                soundfile.write(file, wave, RATE, subtype=kind)
            listed, output = Path(folder, "list.txt"), Path(folder, "output.csv")
            listed.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
            words = [
                word.replace("{list}", str(listed)).replace("{output}", str(output))
                for word in shlex.split(spec.target)
            ]
            try:
                done = subprocess.run(words, capture_output=True, text=True, errors="replace")
            except OSError as error:
                raise InputError(f"The command can't be started: {error}.") from error
            said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-SAID:])
            if done.returncode:
                raise InputError(f"The command ended with {done.returncode}: {said}")
            if not output.is_file():
                raise InputError(f"The command wrote no {output.name}. {said}")
            names = dict(zip([file.name for file in files], clips, strict=True))
            cut = not output.read_bytes().endswith(b"\n")
            return _rows(read_csv(output), output.name, spec.classes, names, cut)

    return ask


def _predictions(spec: ModelSpec) -> Ask:
    def ask(condition: str, clips: Sequence[str], _: Sequence[Waveform]) -> Answer:
        paths = [Path(spec.target, f"{condition}{suffix}") for suffix in TABLES]
        path = next((path for path in paths if path.is_file()), paths[0])
        frame = read_csv(path) if path.suffix == ".csv" else read_user_parquet(path)
        return _rows(frame, str(path), spec.classes, {name: name for name in clips})

    return ask


def _rows(
    frame: pl.DataFrame,
    origin: str,
    classes: Sequence[str],
    names: dict[str, str],
    cut: bool = False,
) -> ByClip:
    """The rows of a table of predictions.

    Args:
        frame: with the column ``clip`` or ``file`` and one for each class, or ``prediction``.
        origin: of the table, for messages.
        classes: of the model.
        names: the clip of each name in the table; other rows are ignored.
        cut: whether the last row ends without a line break, and so may be half a row.
    """
    key = next((name for name in ("clip", "file") if name in frame.columns), None)
    columns = [name for name in classes if name in frame.columns]
    if key is None or (len(columns) < len(classes) and "prediction" not in frame.columns):
        lacking = [name for name in classes if name not in frame.columns]
        what = f"no column '{lacking[0]}'" if key else "no column 'clip' or 'file'"
        known = ", ".join(name for name in frame.columns if name != "row")
        raise InputError(f"{origin} has {what}. Its columns are: {known}.")
    found = ByClip()
    last = frame.height - 1
    for number, row in enumerate(frame.iter_rows(named=True)):
        text = str(row[key])
        clip = names.get(clip_name(text)) or names.get(Path(text).name)
        if clip is None:
            continue
        if clip in found:
            found[clip] = f"{origin} has several rows for it"
        elif cut and number == last:
            found[clip] = f"the last row of {origin} is cut: it has no line break"
        elif len(columns) == len(classes):
            found[clip] = _numbers([row[name] for name in columns], columns)
        else:
            found[clip] = one_hot(str(row["prediction"]), classes)
    return found


def _numbers(values: Sequence[Any], columns: Sequence[str]) -> list[float] | str:
    """Values of the classes as numbers, or what is wrong with them."""
    numbers = []
    for value, name in zip(values, columns, strict=True):
        try:
            numbers.append(float(value))
        except (TypeError, ValueError):
            return f"column '{name}' holds {value!r}, no number"
    return numbers


def one_hot(label: str, classes: Sequence[str]) -> list[float] | str:
    """1 for the class of a label and 0 for all others, or what is wrong with the label."""
    if label not in classes:
        return f"the label {label!r} is no class"
    return [float(name == label) for name in classes]


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
