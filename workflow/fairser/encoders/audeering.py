"""Gender probabilities of the age-gender model of audEERING (Burkhardt et al. 2023).

Published as ``audeering/wav2vec2-large-robust-24-ft-age-gender``: wav2vec 2.0 with one small head
for age and one for gender on the mean of its last hidden state.
"""

from typing import Any

import torch
from torch import nn

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.encoders.base import Settings, check_length
from fairser.encoders.transformers import SpeechEncoder, load
from fairser.pretrained.devices import choose

from transformers import Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel  # isort: skip

ENCODER = {"title": "age-gender model", "sections": ["pseudo"], "files": "transformers"}
GENDERS = ("female", "male", "child")  # the order of the published model's outputs


class PredictionHead(nn.Module):
    """Dropout, dense, tanh, dropout, linear; parameters are named as in the published weights."""

    def __init__(self, config: Wav2Vec2Config, outputs: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(config.final_dropout)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, outputs)

    def forward(self, pooled: torch.Tensor) -> torch.Tensor:
        """Outputs [B, outputs] of pooled hidden states [B, D]."""
        hidden = torch.tanh(self.dense(self.dropout(pooled)))
        return self.out_proj(self.dropout(hidden))


class AgeGenderModel(Wav2Vec2PreTrainedModel):
    """Age (about 1 a century) and logits of gender from normalised waveforms."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2 = Wav2Vec2Model(config)
        self.age = PredictionHead(config, 1)
        self.gender = PredictionHead(config, len(GENDERS))
        self.post_init()

    def forward(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Age [B, 1] and logits of female, male and child [B, 3] of waveforms [B, sample]."""
        pooled = self.wav2vec2(waveforms).last_hidden_state.mean(dim=1)
        return self.age(pooled), self.gender(pooled)


class GenderEncoder(SpeechEncoder):
    """p_female and p_male as a layer of two values."""

    def __init__(self, model: Any, normalised: bool, device: torch.device) -> None:
        super().__init__(model, normalised, Settings(), device)
        self.layers, self.dim = 1, 2

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Probabilities [B, 1, 2] of female and male, without child and scaled to sum 1."""
        check_length(waveforms, self.shortest, "the age-gender model")
        with torch.inference_mode():
            inputs = self.prepare(waveforms).to(self.model.dtype)
            logits = self.model(inputs)[1].float()
            # The softmax over three, renormalised to two of them, is the softmax over the two.
            shares = logits[:, :2].softmax(dim=1)[:, None]
        return shares.to("cpu", copy=True)


def make(settings: Settings) -> GenderEncoder:
    """The model in the settings' folder; raises as :func:`fairser.encoders.transformers.make`."""
    device = choose(settings.device)
    return GenderEncoder(*load(settings, AgeGenderModel), device)
