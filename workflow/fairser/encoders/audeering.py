"""Gender probabilities of the age-gender model of audEERING (Burkhardt et al. 2023).

Published as ``audeering/wav2vec2-large-robust-24-ft-age-gender``: wav2vec 2.0 with one small head
for age and one for gender on the mean of its last hidden state.
"""

from typing import ClassVar

import torch

from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder, HeadsModel, Output
from fairser.encoders.loading import load
from fairser.pretrained.devices import choose

ENCODER = {
    "title": "age-gender model",
    "sections": ["pseudo"],
    "files": "transformers",
    "licence": "the published weights are under CC BY-NC-SA 4.0: no commercial use",
}
GENDERS = ("female", "male", "child")  # the order of the published model's outputs


class AgeGenderModel(HeadsModel):
    """Age (about 1 a century), and logits of female, male and child."""

    heads: ClassVar = {"age": 1, "gender": len(GENDERS)}


def shares(outputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
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
