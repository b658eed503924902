"""The interface of encoders: pooled features of waveforms."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from fairser.config.extensions import extension
from fairser.core.errors import InputError
from fairser.core.jobs import logger


class Encoder(Protocol):
    """Pooled features of clips.

    Attributes:
        layers: L, hidden layers of a clip's features; 1 for an encoder without layers.
        dim: D, values of a layer.
    """

    layers: int
    dim: int

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Features [B, L, D], float32 on the CPU, of waveforms [B, sample] at 16 kHz.

        Waveforms of other lengths go into a batch of their own, so that a clip's features don't
        depend on the batch: padding changes the output of most encoders.

        Raises:
            InputError: the waveforms are too short for the encoder.
        """


@dataclass(frozen=True)
class Settings:
    """What an encoder is made from; each kind takes what it needs.

    Attributes:
        folder: local folder of the weights, for kinds with a model.
        device: see :func:`fairser.pretrained.devices.choose`.
        precision: a key of :data:`fairser.pretrained.devices.PRECISIONS`.
        mean: of the samples of the corpus, subtracted by the kind ``transformers``.
        std: of the samples of the corpus, divided by after that.
        options: settings that the kind declares.
    """

    folder: Path | None = None
    device: str = "auto"
    precision: str = "float32"
    mean: float = 0.0
    std: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


class ClipEncoder:
    """An encoder of one layer made from a function of one waveform [sample], float32 [D]."""

    layers = 1

    def __init__(self, encode: Callable[[torch.Tensor], np.ndarray], dim: int) -> None:
        self.encode, self.dim = encode, dim

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        rows = [torch.from_numpy(self.encode(waveform)) for waveform in waveforms]
        return torch.stack(rows)[:, None]


def make_encoder(kind: str, settings: Settings) -> Encoder:
    """The encoder of a kind, such as ``fbank`` or ``transformers``.

    Raises:
        InputError: its weights are missing or faulty, or the device is not available.
    """
    found = extension("ENCODER", kind)
    if found["licence"]:
        logger.info("encoder %s: %s", kind, found["licence"])
    made: Encoder = found.function("make")(settings)
    return made


def weights_folder(settings: Settings) -> Path:
    """The folder of the weights; InputError if it does not exist."""
    if settings.folder is None or not settings.folder.is_dir():
        raise InputError(f"{settings.folder}: no such folder of weights; download the model first.")
    return settings.folder


def check_length(waveforms: torch.Tensor, shortest: int, name: str) -> None:
    """Raise an InputError for waveforms [B, sample] that are too short for an encoder."""
    samples = waveforms.shape[1]
    if samples < shortest:
        raise InputError(
            f"A clip of {samples} samples at 16 kHz is too short for {name}, which needs "
            f"{shortest}; remove the clip."
        )
