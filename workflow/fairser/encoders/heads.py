"""Heads on the mean of a speech model's last hidden state, as audEERING publishes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.encoders.base import Settings, check_length
from fairser.encoders.speech import SpeechEncoder

from transformers import Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel  # isort: skip


class PredictionHead(nn.Module):
    """Dropout, dense, tanh, dropout, linear; parameters are named as in the published weights."""

    def __init__(self, config: Any, outputs: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.final_dropout)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, outputs)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Outputs [B, outputs] of pooled hidden states [B, D]."""
        hidden = torch.tanh(self.dense(self.dropout(pooled)))
        return self.out_proj(self.dropout(hidden))


class HeadsModel(Wav2Vec2PreTrainedModel):
    """wav2vec 2.0 with heads on the mean of its last hidden state.

    ``heads`` has the number of outputs of each head by its name in the published weights.
    """

    heads: ClassVar[dict[str, int]]

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2 = Wav2Vec2Model(config)
        for name, outputs in self.heads.items():
            self.add_module(name, PredictionHead(config, outputs))
        self.post_init()

    def forward(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Outputs [B, n] of each head, of normalised waveforms [B, sample]."""
        pooled = self.wav2vec2(waveforms).last_hidden_state.mean(dim=1)
        return tuple(self.get_submodule(name)(pooled) for name in self.heads)


@dataclass(frozen=True)
class Output:
    """What is taken from a model with heads.

    Attributes:
        name: of the model, for messages.
        dim: number of values.
        values: from what the model returns to the values [B, dim].
    """

    name: str
    dim: int
    values: Callable[[Any], torch.Tensor]


class HeadEncoder(SpeechEncoder):
    """The output of heads as a layer of a few values."""

    def __init__(
        self, loaded: tuple[Any, Any], settings: Settings, device: torch.device, output: Output
    ) -> None:
        model, extractor = loaded
        super().__init__(model, extractor.do_normalize, settings, device)
        self.layers, self.dim, self.output = 1, output.dim, output

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Values [B, 1, dim]; see :class:`fairser.encoders.base.Encoder`."""
        check_length(waveforms, self.shortest, self.output.name)
        with torch.inference_mode():
            inputs = self.prepare(waveforms).to(self.model.dtype)
            values = self.output.values(self.model(inputs)).float()[:, None]
        return values.to("cpu", copy=True)
