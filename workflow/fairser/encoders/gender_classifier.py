"""Gender probabilities of any audio classifier of ``transformers`` with these two labels.

Such as ``alefiury/wav2vec2-large-xlsr-53-gender-recognition-librispeech``, whose licence is
Apache 2.0: a classifier on the mean of projected hidden states.
"""

from typing import Any

import torch

from fairser.audio import torchaudio_cpu  # noqa: F401  before transformers
from fairser.core.errors import InputError
from fairser.core.words import shortened
from fairser.encoders.base import Settings
from fairser.encoders.heads import HeadEncoder, Output
from fairser.encoders.loading import load
from fairser.pretrained.devices import choose

from transformers import AutoModelForAudioClassification  # isort: skip

ENCODER = {"title": "gender classifier", "sections": ["pseudo"], "files": "transformers"}
GENDERS = ("female", "male")


def make(settings: Settings) -> HeadEncoder:
    """The model in the settings' folder.

    Raises:
        InputError: see :func:`fairser.encoders.loading.load`; the model has other labels.
    """
    device = choose(settings.device)
    loaded = load(settings, AutoModelForAudioClassification)
    labels = [str(name).lower() for _, name in sorted(loaded[0].config.id2label.items())]
    if not set(GENDERS) <= set(labels):
        raise InputError(
            f"{settings.folder}: the labels of the model are {', '.join(shortened(labels, 5))}, "
            f"but {' and '.join(GENDERS)} are needed. Use a model with these in 'id2label' of its "
            "config.json."
        )
    columns = [labels.index(name) for name in GENDERS]

    def shares(output: Any) -> torch.Tensor:
        # The softmax over all labels, renormalised to two of them, is the softmax over the two.
        return output.logits.float()[:, columns].softmax(dim=1)

    return HeadEncoder(loaded, Settings(), device, Output("the gender classifier", 2, shares))
