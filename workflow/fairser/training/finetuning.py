"""Training an encoder together with the head: LoRA adapters (Hu et al. 2022), end to end.

The head is linear up to the logits, so that the mean over the frames of a clip is all that it needs
of each layer; here the encoder computes it anew in every step, with gradients.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from fairser.audio.reading import Audio
from fairser.core.errors import InputError
from fairser.encoders.speech import SpeechEncoder
from fairser.extraction.features import Statistics

from peft import LoraConfig, inject_adapter_in_model  # isort: skip


@dataclass(frozen=True)
class AdapterOptions:
    """Settings of the adapters, named as in the configuration's ``lora``."""

    rank: int = 8
    alpha: int = 16
    modules: list[str] = field(default_factory=lambda: ["intermediate_dense", "output_dense"])


@dataclass(frozen=True)
class FinetunedInputs:
    """Inputs from audio files.

    Attributes:
        encoder: the frozen encoder, which the adapters are added to.
        files: of each clip, relative to ``folder``.
        seconds: length that is used of a longer file.
        follow_links: whether links may lead out of the folder.
    """

    encoder: SpeechEncoder
    folder: Path
    files: dict[str, str]
    seconds: float
    options: AdapterOptions
    follow_links: bool = False

    def fold(
        self, clips: Iterable[str], train: np.ndarray, seed: int
    ) -> tuple["AdaptedEncoder", Statistics]:
        """See :class:`fairser.extraction.features.Inputs`; nothing is standardised."""
        files = [self.files[clip] for clip in clips]
        audio = Audio(self.folder, files, self.seconds, self.follow_links)
        return AdaptedEncoder(self.encoder, audio, self.options, seed), {}


def add_adapters(
    model: nn.Module, options: AdapterOptions, seed: int = 0
) -> dict[str, nn.Parameter]:
    """Add adapters to an encoder's frozen model, in place; their parameters by name.

    Raises:
        InputError: the model has no such layers.
    """
    linears = {n.split(".")[-1] for n, m in model.named_modules() if isinstance(m, nn.Linear)}
    if unknown := [name for name in options.modules if name not in linears]:
        raise InputError(
            f"'lora.modules' names '{unknown[0]}', which the encoder does not have; its linear "
            f"layers are: {', '.join(sorted(linears))}."
        )
    config = LoraConfig(
        r=options.rank, lora_alpha=options.alpha, target_modules=list(options.modules)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model)
    adapters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for parameter in adapters.values():  # small steps would be lost in 16 bits
        parameter.data = parameter.data.float()
    model.eval()  # no dropout: the same batch gives the same features
    return adapters


class AdaptedEncoder:
    """Features [N, L, D] of an encoder with adapters, computed batch by batch with gradients.

    The encoder is changed in place; ``seed`` is of the adapters' initial weights.

    Attributes:
        adapters: the parameters of the adapters by name, all that is trained of the encoder.
        at_once: clips that are encoded together where no gradient is needed.

    Raises:
        InputError: the encoder has no such layers, or does not use adapters on them.
    """

    at_once = 32

    def __init__(
        self, encoder: SpeechEncoder, audio: Audio, options: AdapterOptions, seed: int
    ) -> None:
        self.encoder, self.audio = encoder, audio
        self.shape = (len(audio.files), encoder.layers, encoder.dim)
        self.adapters = add_adapters(encoder.model, options, seed)
        self._check_gradients()

    def _check_gradients(self) -> None:
        """Refuse adapters that no gradient reaches: they would silently train nothing.

        WavLM's attention reads the weights of its projections directly, past their modules.
        """
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(1, 2 * self.encoder.shortest, generator=generator)
        pooled = self._pool(noise).square().sum()
        if pooled.requires_grad:
            pooled.backward()
        idle = {n for n, parameter in self.adapters.items() if parameter.grad is None}
        for parameter in self.adapters.values():
            parameter.grad = None
        if idle:
            names = sorted({name.split(".lora_")[0].split(".")[-1] for name in idle})
            raise InputError(
                f"'lora.modules' names {', '.join(names)}, but this encoder "
                f"({self.encoder.model.config.model_type}) does not use adapters there: they would "
                "train nothing. Name others, such as intermediate_dense and output_dense."
            )

    def batch(self, rows: torch.Tensor) -> torch.Tensor:
        """Features [B, L, D] of the rows [B], float32 on the CPU, with gradients.

        Clips of the same length are encoded together; none is padded, as in the extraction.

        Raises:
            InputError: a clip can't be used.
        """
        waveforms = [self.audio.read(row) for row in rows.tolist()]
        by_length = defaultdict(list)
        for place, waveform in enumerate(waveforms):
            by_length[len(waveform)].append(place)
        parts, order = [], []
        for same in by_length.values():
            parts.append(self._pool(torch.stack([waveforms[place] for place in same])))
            order += same
        return torch.cat(parts)[torch.tensor(order).argsort()]

    def _pool(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Mean over frames [B, L, D] of waveforms [B, sample]."""
        return self.encoder.hidden_states(waveforms).float().mean(dim=2).cpu()
