"""Emotions of audio files by a trained model.

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
from fairser.inference.classifier import ADAPTERS, Classifier, check_shapes
from fairser.inference.saved_model import Trained, read_trained
from fairser.pretrained import devices

WINDOW = 64  # clips that are looked at together, to make batches of those of one length
READERS = 8  # threads that read ahead for a GPU
# Endings by which files in folders are taken for audio; raw audio has no header to read it by.
SUFFIXES = {*AUDIO_SUFFIXES, *(f".{name.lower()}" for name in soundfile.available_formats())}
SUFFIXES -= {".raw"}


@dataclass(frozen=True)
class Prediction:
    """What a model says of a clip.

    Attributes:
        clip: the file's path as it was given, or the clip's name.
        probabilities: by class, float32; empty for a clip that can't be used.
        decided: the classes above the threshold; there may be none or several.
        fault: why the clip can't be used, None where it can.
    """

    clip: str
    probabilities: dict[str, np.float32]
    decided: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True)
class Files(Audio):
    """Audio files wherever they are."""

    def path(self, number: int) -> Path:
        return Path(self.files[number])


@dataclass(frozen=True)
class Predictor:
    """A trained model with its encoder, ready to predict.

    Attributes:
        trained: what the model is.
        classifier: from features to probabilities.
        encoder: from waves to features.
        device: where the encoder computes.
    """

    trained: Trained
    classifier: Classifier
    encoder: Encoder
    device: torch.device

    @property
    def classes(self) -> tuple[str, ...]:
        return self.trained.classes

    def predict(self, files: Iterable[str | Path]) -> Iterator[Prediction]:
        """A prediction for each file, in their order, also for one that can't be used.

        Only a window of :data:`WINDOW` files is held at a time.
        """
        seconds = self.trained.encoder["seconds"]
        dtype = np.dtype(self.trained.encoder.get("store", "float32"))
        if self.trained.adapters:  # their features are never stored
            dtype = np.dtype("float32")
        on_cpu = self.device.type == "cpu"
        names = map(str, files)
        while window := list(islice(names, WINDOW)):
            audio = Files(Path(), window, seconds)
            plan = audio.plan(range(len(window)), BATCH_SECONDS[self.device.type])
            found: dict[int, Prediction] = {}
            for done in encode(self.encoder, audio, plan, 0 if on_cpu else READERS, dtype):
                for number, fault in done.faults.items():
                    found[number] = Prediction(window[number], {}, (), fault)
                for numbers, features in done.features:
                    clips = [window[number] for number in numbers]
                    made = predictions(self.trained, self.classifier, clips, features)
                    found |= dict(zip(numbers, made, strict=True))
            yield from (found[number] for number in range(len(window)))


def load(folder: str | Path, device: str = "auto", model: str | Path | None = None) -> Predictor:
    """The model of a run's folder or of a package.

    Args:
        folder: of the run or the package.
        device: auto, cuda, mps or cpu.
        model: folder of the pre-trained encoder's files; by default they are looked for where the
            run found them, in the cache of the Hugging Face hub, and on the hub.

    Raises:
        InputError: there is no usable model, the encoder's files are missing or others, or there
            is no such device.
    """
    trained, tensors = read_trained(folder)
    if trained.encoder["kind"] == "precomputed":
        raise InputError(
            f"{folder} was trained on features of your own (encoder kind precomputed): there is "
            "no encoder that makes them from audio. Compute them as you did for the training, and "
            "give them by --features."
        )
    chosen = devices.choose(device if trained.pretrained else "cpu")
    encoder = _make_encoder(trained, tensors, chosen, model)
    classifier = Classifier(trained, tensors, encoder.layers, encoder.dim)
    return Predictor(trained, classifier, encoder, chosen)


def _make_encoder(
    trained: Trained,
    tensors: dict[str, torch.Tensor],
    device: torch.device,
    model: str | Path | None,
) -> Encoder:
    # What only some models need is imported by its name, so that packages of others do without.
    folder = None
    if trained.pretrained:
        folder = import_module("fairser.pretrained.encoder_files").find(trained.pretrained, model)
    elif model is not None:
        raise InputError(
            f"--model is given, but the encoder '{trained.encoder['kind']}' has no pre-trained "
            "model. Leave it out."
        )
    settings = Settings(
        folder, device.type, trained.encoder.get("precision", "float32"), **trained.waves
    )
    encoder: Any = make_encoder(trained.encoder["kind"], settings)
    if trained.adapters:
        finetuning = import_module("fairser.training.finetuning")
        made = finetuning.add_adapters(encoder.model, finetuning.Options(**trained.adapters))
        expected = {f"{ADAPTERS}{name}": parameter.shape for name, parameter in made.items()}
        check_shapes({n: t for n, t in tensors.items() if n.startswith(ADAPTERS)}, expected)
        with torch.no_grad():
            for name, parameter in made.items():
                parameter.copy_(tensors[f"{ADAPTERS}{name}"])
        encoder.model.requires_grad_(False)
    return encoder


def predictions(
    trained: Trained, classifier: Classifier, clips: Sequence[str], features: np.ndarray
) -> Iterator[Prediction]:
    """Predictions from features [B, L, D] of B clips."""
    for clip, shares in zip(clips, classifier(features), strict=True):
        if not np.isfinite(shares).all():
            yield Prediction(
                clip, {}, (), f"{clip}: its features are not finite, or of extreme size"
            )
            continue
        named = dict(zip(trained.classes, shares, strict=True))
        decided = (name for name, share in named.items() if share > trained.threshold)
        yield Prediction(clip, named, tuple(decided))


def audio_files(given: Iterable[str]) -> Iterator[str]:
    """Files as they are given, and the audio files in given folders, at any depth, by name.

    Hidden files and what lies behind linked folders is left out.

    Raises:
        InputError: there is no such file or folder, or no audio file in a folder.
    """
    for path in given:
        if Path(path).is_file():
            yield path
            continue
        if not Path(path).is_dir():
            raise InputError(f"There is no file or folder {path}.")
        empty = True
        for file in _walk(path):
            empty = False
            yield file
        if empty:
            raise InputError(
                f"{path} holds no audio file ({', '.join(sorted(AUDIO_SUFFIXES))} and others that "
                "libsndfile reads). Name another folder, or the files themselves."
            )


def _walk(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                yield os.path.join(parent, name)  # noqa: PTH118  Path would drop a leading ./
