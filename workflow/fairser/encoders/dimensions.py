"""Arousal, dominance and valence by the model of audEERING (Wagner et al. 2023).

Published as ``audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim``: wav2vec 2.0 with one head
on the mean of its last hidden state. Its hidden states are features of the kind ``transformers``.
"""

from typing import ClassVar

from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder, HeadsModel, Output
from fairser.encoders.loading import load
from fairser.pretrained.devices import choose

ENCODER = {
    "title": "arousal, dominance and valence",
    "sections": ["encoder"],
    "files": "transformers",
    "licence": "the published weights are under CC BY-NC-SA 4.0: no commercial use",
}
DIMENSIONS = ("arousal", "dominance", "valence")  # the order of the published model's outputs


class DimensionsModel(HeadsModel):
    """Arousal, dominance and valence, each about 0 to 1."""

    heads: ClassVar = {"classifier": len(DIMENSIONS)}


def make(settings: Settings) -> HeadEncoder:
    """The model in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`.
    """
    device = choose(settings.device)
    output = Output("the model of dimensions", len(DIMENSIONS), lambda outputs: outputs[0])
    return HeadEncoder(load(settings, DimensionsModel), settings, device, output)
