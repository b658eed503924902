"""Gender probabilities of the age-gender model of audEERING (Burkhardt et al. 2023).

Published as ``audeering/wav2vec2-large-robust-24-ft-age-gender``: wav2vec 2.0 with one small head
for age and one for gender on the mean of its last hidden state.
"""

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder, Output, PredictionHead
from fairser.encoders.loading import load
from fairser.pretrained.devices import choose

from transformers import Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel  # isort: skip

ENCODER = {
    "title": "age-gender model",
    "sections": ["pseudo"],
    "files": "transformers",
    "licence": "the published weights are under CC BY-NC-SA 4.0: no commercial use",
}
GENDERS = ("female", "male", "child")  # the order of the published model's outputs


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


def shares(outputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Probabilities [B, 2] of female and male, without child and scaled to sum 1."""
    # The softmax over three, renormalised to two of them, is the softmax over the two.
    return outputs[1].float()[:, :2].softmax(dim=1)


def make(settings: Settings) -> HeadEncoder:
    """The model in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`.
    """
    device = choose(settings.device)
    output = Output("the age-gender model", 2, shares)
    return HeadEncoder(load(settings, AgeGenderModel), Settings(), device, output)
