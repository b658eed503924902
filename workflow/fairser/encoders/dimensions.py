"""Arousal, dominance and valence by the model of audEERING (Wagner et al. 2023).

Published as ``audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim``: wav2vec 2.0 with one head
on the mean of its last hidden state. Its hidden states are features of the kind ``transformers``.
"""

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder, Output, PredictionHead
from fairser.encoders.loading import load
from fairser.pretrained.devices import choose

from transformers import Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel  # isort: skip

ENCODER = {
    "title": "arousal, dominance and valence",
    "sections": ["encoder"],
    "files": "transformers",
    "licence": "the published weights are under CC BY-NC-SA 4.0: no commercial use",
}
DIMENSIONS = ("arousal", "dominance", "valence")  # the order of the published model's outputs


class DimensionsModel(Wav2Vec2PreTrainedModel):
    """Arousal, dominance and valence, each about 0 to 1, from normalised waveforms."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2 = Wav2Vec2Model(config)
        self.classifier = PredictionHead(config, len(DIMENSIONS))
        self.post_init()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        """Outputs [B, 3] of waveforms [B, sample]."""
        return self.classifier(self.wav2vec2(waveforms).last_hidden_state.mean(dim=1))


def make(settings: Settings) -> HeadEncoder:
    """The model in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`.
    """
    device = choose(settings.device)
    output = Output("the model of dimensions", len(DIMENSIONS), lambda values: values)
    return HeadEncoder(load(settings, DimensionsModel), settings, device, output)
