"""Emotions of audio files by a saved model.

    from fairser.inference.predicting import load

    predictor = load("results/runs/rw/annotated/k2/fold1/seed0")  # or an exported package
    for prediction in predictor.predict(["clip.wav"]):
        print(prediction.probabilities)

Audio, encoder, pooling, standardisation and model are those of the run: for a clip of its corpus
the probabilities are those of its predictions, up to rounding.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from fairser.audio.reading import Audio
from fairser.core.errors import InputError
from fairser.corpora.names import AUDIO_SUFFIXES
from fairser.encoders.base import Encoder, Settings, make_encoder
from fairser.extraction.encoding import BATCH_SECONDS, encode
from fairser.inference.classifier import Classifier, check_shapes
from fairser.inference.saved_model import SavedModel, read_saved_model
from fairser.methods.base import ADAPTERS
from fairser.pretrained import devices

WINDOW = 64  # clips that are held at a time, to make batches of those of one length
READERS = 8  # threads that read ahead for a GPU
# Endings by which files in folders are taken for audio; raw audio has no header to read it by.
SUFFIXES = {*AUDIO_SUFFIXES, *(f".{name.lower()}" for name in soundfile.available_formats())}
SUFFIXES -= {".raw"}


@dataclass(frozen=True)
class Prediction:
    """What a model predicts for a clip.

    Attributes:
        clip: the file's path as it was given, or the clip's name.
        probabilities: by class, float32; empty for a clip that can't be used.
        predicted: the most probable class, or with several labels per clip the classes above the
            threshold, which may be none or several.
        fault: why the clip can't be used, None where it can.
    """

    clip: str
    probabilities: dict[str, np.float32]
    predicted: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True)
class Predictor:
    """A saved model with its encoder, which computes on ``device``, ready to predict."""

    saved: SavedModel
    classifier: Classifier
    encoder: Encoder
    device: torch.device

    def predict(self, files: Iterable[str | Path]) -> Iterator[Prediction]:
        """A prediction for each file in order, also for one that can't be used.

        Only a window of :data:`WINDOW` files is held at a time.
        """
        names = map(str, files)
        while window := list(islice(names, WINDOW)):
            yield from self.predict_audio(Audio(None, window, self.saved.encoder["seconds"]))

    def predict_audio(self, audio: Audio) -> list[Prediction]:
        """A prediction for each clip of a batch of audio, in order."""
        # Features of an encoder with adapters are never stored.
        stored = self.saved.encoder.get("store", "float32")
        store = np.dtype("float32" if self.saved.adapters else stored)
        readers = 0 if self.device.type == "cpu" else READERS
        clips = audio.files
        plan = audio.plan(range(len(clips)), BATCH_SECONDS[self.device.type])
        found: dict[int, Prediction] = {}
        for encoded, faults in encode(self.encoder, audio, plan, readers, store):
            found |= {n: Prediction(clips[n], {}, (), fault) for n, fault in faults.items()}
            for numbers, features in encoded:
                named = [clips[number] for number in numbers]
                made = predictions(self.saved, self.classifier, named, features)
                found |= dict(zip(numbers, made, strict=True))
        return [found[number] for number in range(len(clips))]


def load(folder: str | Path, device: str = "auto", model: str | Path | None = None) -> Predictor:
    """The model of a run's folder or of a package.

    Args:
        folder: of the run or the package.
        device: auto, cuda, mps or cpu.
        model: folder of the pre-trained encoder's files; by default the folder that the run used,
            else the cache of the Hugging Face hub, else the hub.

    Raises:
        InputError: there is no usable model, the encoder's files are missing or not those of the
            run, or there is no such device.
    """
    saved, tensors = read_saved_model(folder)
    if saved.encoder["kind"] == "precomputed":
        raise InputError(
            f"{folder} was trained on features of your own (encoder kind precomputed), which "
            "fair-ser can't make from audio. Compute them as you did for the training, and give "
            "them by --features."
        )
    chosen = devices.choose(device if saved.pretrained else "cpu")
    # What only some models need is imported by name, so that packages of others work without it.
    files = None
    if saved.pretrained:
        files = import_module("fairser.pretrained.hub").find_encoder(saved.pretrained, model)
    elif model is not None:
        raise InputError(
            f"--model is given, but the encoder '{saved.encoder['kind']}' has no pre-trained "
            "model. Leave it out."
        )
    precision = saved.encoder.get("precision", "float32")
    options = saved.encoder.get("options", {})
    settings = Settings(files, chosen.type, precision, **saved.waveforms, options=options)
    encoder: Any = make_encoder(saved.encoder["kind"], settings)
    if saved.adapters:
        _load_adapters(encoder.model, saved.adapters, tensors)
    classifier = Classifier(saved, tensors, encoder.layers, encoder.dim)
    return Predictor(saved, classifier, encoder, chosen)


@torch.no_grad()
def _load_adapters(
    model: torch.nn.Module, settings: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> None:
    """Add trained adapters to an encoder's model."""
    finetuning = import_module("fairser.training.finetuning")
    added = finetuning.add_adapters(model, finetuning.AdapterOptions(**settings))
    expected = {f"{ADAPTERS}{name}": parameter.shape for name, parameter in added.items()}
    check_shapes({n: t for n, t in tensors.items() if n.startswith(ADAPTERS)}, expected)
    for name, parameter in added.items():
        parameter.copy_(tensors[f"{ADAPTERS}{name}"])
    model.requires_grad_(False)


def predictions(
    saved: SavedModel, classifier: Classifier, clips: Sequence[str], features: np.ndarray
) -> Iterator[Prediction]:
    """Predictions for B clips from their features [B, L, D]."""
    for clip, shares in zip(clips, classifier(features), strict=True):
        if not np.isfinite(shares).all():
            fault = f"{clip}: its features are not finite, or of extreme size"
            yield Prediction(clip, {}, (), fault)
            continue
        if saved.threshold is None:
            chosen = [saved.classes[shares.argmax()]]
        else:
            above = shares > saved.threshold
            chosen = [name for name, yes in zip(saved.classes, above, strict=True) if yes]
        named = dict(zip(saved.classes, shares, strict=True))
        yield Prediction(clip, named, tuple(chosen))


def audio_files(given: Iterable[str]) -> Iterator[str]:
    """Files as they are given, and the audio files in given folders, at any depth, by name.

    Hidden files and linked folders are skipped.

    Raises:
        InputError: there is no such file or folder, or no audio file in a folder.
    """
    for path in given:
        files = iter([path]) if Path(path).is_file() else _walk(path)
        first = next(files, None)
        if first is None:
            raise InputError(
                f"{path} is no file, and no folder with an audio file "
                f"({', '.join(sorted(AUDIO_SUFFIXES))} and others that libsndfile reads). Name "
                "another folder, or the files themselves."
            )
        yield first
        yield from files


def _walk(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield os.path.join(parent, name)  # noqa: PTH118  Path would drop a leading ./
